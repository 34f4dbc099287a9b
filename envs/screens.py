"""Worlds to watch: one game at a time, with its picture in colour."""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tengen.envs.worlds import Observations, WorldSpec


class Screen(Protocol):
    """One world that can be looked at."""

    spec: WorldSpec
    action_names: tuple[str, ...]
    steps_per_second: float  # decisions in a second of the game's own time
    aspect: float  # width over height of the picture as it should look
    screen: NDArray[np.uint8]  # [H, W, 3] after the last reset or step

    def reset(self) -> Observations:
        """Begin an episode; [stack, *frame_shape]."""

    def step(self, action: int) -> tuple[Observations, float, bool]:
        """One decision: observation [stack, *frame_shape], raw reward, whether the episode is over."""

    def close(self) -> None:
        """Give up what the world holds."""


def make_screen(name: str, *, seed: int, config: Any) -> Screen:
    """The world of that name as one sees it, under the protocol that `config` says.

    Raises TengenError for an unknown name, and for a world that has no picture.
    """
    import re

    from tengen.envs.atari_screen import AtariScreen

    rom = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.removeprefix("atari/")).lower()
    return AtariScreen(name, rom, seed=seed)
