"""Checkpoints: weights.safetensors and state.json in a folder. Nothing here can execute what it loads."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pydantic

from tengen.errors import TengenError
from tengen.networks.checkpoint_files import read_state, with_weights, write_checkpoint
from tengen.networks.heads import BoardNetwork
from tengen.networks.paths import STATE, find_checkpoint
from tengen.networks.spec import HasShapes, NetworkConfig, NetworkSpec, spec_for
from tengen.networks.stack import make_network
from tengen.networks.stack_config import StackConfig, network_config


class HasNames(HasShapes, Protocol):
    """The part of `tengen.envs.game.Game` that tells whether a checkpoint serves it."""

    @property
    def family(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def planes(self) -> tuple[str, ...]: ...


@dataclass(frozen=True)
class CheckpointMeta:
    """What state.json says beside the network's own shape."""

    folder: Path
    game: str
    family: str
    planes: tuple[str, ...]
    step: int
    extra: dict[str, Any]
    tengen_version: str
    torch_version: str


def save_checkpoint(
    folder: Path | str,
    network: BoardNetwork,
    *,
    game: HasNames,
    step: int = 0,
    extra: dict[str, Any] | None = None,
) -> None:
    """Write the network's weights and description to folder, each file whole or not at all.

    `extra` is anything that JSON holds; it comes back in the meta. Raises MachineError when the disk fails.
    """
    about = {
        "game": game.name,
        "family": game.family,
        "planes": list(game.planes),
        "config": network.config.model_dump(),
        "spec": network.spec.to_json(),
        "step": step,
        "extra": extra or {},
    }
    write_checkpoint(folder, network.state_dict(), about)


def load_checkpoint(path: Path | str, game: HasNames | None = None) -> tuple[BoardNetwork, CheckpointMeta]:
    """The network of a checkpoint, made for `game` if one is given, in eval mode; and what else was saved.

    path: whatever `tengen.networks.paths.find_checkpoint` understands. Raises TengenError where there is no
    checkpoint, it is damaged, or it cannot serve the game; MachineError where it cannot be read.
    """
    folder = find_checkpoint(path)
    state = read_state(folder / STATE)
    if "world" in state:
        raise TengenError(
            f"{folder}: holds action values for {state['world']}, not a board game's policy and value; "
            f"play it as dqn:{folder}"
        )
    if "rollout" in state:
        raise TengenError(f"{folder}: holds a rollout policy, no network; play it as rollout:{folder}")
    if "evolved" in state:
        raise TengenError(f"{folder}: holds a population of evolution; play its champion as evolved:{folder}")
    config, spec, meta = _parse_state(folder, state)
    if game is not None:
        served = _served(meta, spec, game)
        if isinstance(config, StackConfig) and served.obs_shape != spec.obs_shape:
            raise TengenError(
                f"{folder}: is for {meta.game}; {config.architecture} has weights for each place of its "
                f"board and cannot play {game.name}"
            )
        spec = served
    return with_weights(folder, state, lambda: make_network(config, spec)), meta


def checkpoint_planes(path: Path | str) -> tuple[str, ...]:
    """The planes that a checkpoint's network sees; () where it is no network of a board game.

    Raises TengenError where there is no checkpoint or it is damaged.
    """
    planes = read_state(find_checkpoint(path) / STATE).get("planes")
    return tuple(map(str, planes)) if isinstance(planes, list) else ()


def _parse_state(
    folder: Path, state: dict[str, Any]
) -> tuple[NetworkConfig | StackConfig, NetworkSpec, CheckpointMeta]:
    try:
        meta = CheckpointMeta(
            folder=folder,
            game=str(state["game"]),
            family=str(state["family"]),
            planes=tuple(state["planes"]),
            step=int(state["step"]),
            extra=dict(state["extra"]),
            tengen_version=str(state["tengen_version"]),
            torch_version=str(state["torch_version"]),
        )
        return network_config(state["config"]), NetworkSpec.from_json(state["spec"]), meta
    except KeyError as error:
        raise TengenError(f"{folder / STATE}: lacks {error}; the checkpoint is damaged") from error
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise TengenError(
            f"{folder / STATE}: config.{where}: {first['msg']}, got {first['input']!r}"
        ) from error
    except (TypeError, ValueError) as error:
        raise TengenError(f"{folder / STATE}: holds values of the wrong kind ({error})") from error


def _served(meta: CheckpointMeta, spec: NetworkSpec, game: HasNames) -> NetworkSpec:
    """The spec of `game`, if the checkpoint's network can play it."""
    name = f"{meta.folder}: is for {meta.game}"
    if meta.family != game.family:
        raise TengenError(f"{name} and cannot play {game.name}; choose a checkpoint for {game.family}")
    if meta.planes != tuple(game.planes):
        odd = sorted(set(meta.planes) ^ set(game.planes)) or ["their order"]
        raise TengenError(
            f"{name} and sees other planes than {game.name} gives (differing: {', '.join(odd[:3])})"
        )
    wanted = spec_for(game)
    if not spec.same_weights(wanted):
        raise TengenError(f"{name}, whose actions are not laid out as those of {game.name}")
    return wanted
