"""What a network must fit (the game's shapes) and how large it is (the configuration)."""

from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from tengen.errors import TengenError

MAX_ACTIONS = 1_000_000  # a forged file must not fill the memory


class HasShapes(Protocol):
    """The part of `tengen.envs.game.Game` that a network depends on."""

    @property
    def obs_shape(self) -> tuple[int, int, int]: ...
    @property
    def policy_planes(self) -> int: ...
    @property
    def policy_extra(self) -> int: ...
    @property
    def policy_index(self) -> NDArray[np.int64]: ...
    @property
    def has_ownership(self) -> bool: ...


@dataclass(frozen=True)
class NetworkSpec:
    """Shapes of a game as its network sees them; see `tengen.envs.game.Game` for each."""

    in_channels: int
    height: int
    width: int
    policy_planes: int
    policy_extra: int
    policy_index: tuple[int, ...]  # [A]
    has_ownership: bool = False

    def __post_init__(self) -> None:
        outputs = self.policy_planes * self.height * self.width + self.policy_extra
        if (
            min(self.in_channels, self.height, self.width, len(self.policy_index)) < 1
            or self.policy_planes < 0
        ):
            raise TengenError(f"a network needs planes, points and actions, not {self.in_channels} planes of "
                              f"{self.height}x{self.width} and {len(self.policy_index)} actions")  # fmt: skip
        if min(self.policy_index) < 0 or max(self.policy_index) >= outputs:
            raise TengenError(
                f"policy_index reaches {max(self.policy_index)}; the policy has {outputs} outputs"
            )

    @property
    def num_actions(self) -> int:
        """A."""
        return len(self.policy_index)

    @property
    def obs_shape(self) -> tuple[int, int, int]:
        """C, H, W."""
        return self.in_channels, self.height, self.width

    def same_weights(self, other: "NetworkSpec") -> bool:
        """Whether a network made for one serves the other: everything but the board's size agrees."""
        return self._size_free() == other._size_free()

    def _size_free(self) -> tuple[int, int, int, bool]:
        return self.in_channels, self.policy_planes, self.policy_extra, self.has_ownership

    def to_json(self) -> dict[str, Any]:
        """The spec as plain values; `policy_index` as runs [first, length] so that large ones stay short."""
        values = dict(self.__dict__)
        runs: list[list[int]] = []
        for index in self.policy_index:
            if runs and index == runs[-1][0] + runs[-1][1]:
                runs[-1][1] += 1
            else:
                runs.append([index, 1])
        values["policy_index"] = runs
        return values

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """The inverse of `to_json`. Raises TypeError, KeyError or ValueError for foreign values."""
        if sum(abs(length) for _, length in values["policy_index"]) > MAX_ACTIONS:
            raise ValueError(f"a policy of more than {MAX_ACTIONS} actions")
        index = tuple(first + i for first, length in values["policy_index"] for i in range(length))
        return cls(**{**values, "policy_index": index})


def spec_for(game: HasShapes) -> NetworkSpec:
    """The spec of a game's network."""
    channels, height, width = game.obs_shape
    return NetworkSpec(
        in_channels=int(channels),
        height=int(height),
        width=int(width),
        policy_planes=int(game.policy_planes),
        policy_extra=int(game.policy_extra),
        policy_index=tuple(int(index) for index in game.policy_index),
        has_ownership=bool(game.has_ownership),
    )


class NetworkConfig(BaseModel):
    """Size of a network: `blocks` residual blocks of `channels`, global pooling in every `pool_every`-th."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    blocks: int = Field(4, ge=1, le=128)
    channels: int = Field(32, ge=4, le=2048, description="multiples of 32 run best on AMX and tensor cores")
    pool_every: int = Field(
        2, ge=1, le=128, description="block i pools where i % pool_every == pool_every - 1"
    )
    head_channels: int = Field(16, ge=1, le=512)
    value_hidden: int = Field(48, ge=1, le=4096)
