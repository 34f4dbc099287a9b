"""What a vector of single-player worlds offers a learner: Atari, and gymnasium's that are like it."""

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

Observations = NDArray[np.generic]  # [N, stack, *frame_shape]


class WorldSpec(NamedTuple):
    """What a network and a replay must know of a world. A frame is the smallest thing seen at one step."""

    name: str  # "atari/Pong", "gym/CartPole-v1"
    num_actions: int  # A
    frame_shape: tuple[int, ...]  # (84, 84); (C, H, W); (features,)
    frame_dtype: DTypeLike  # uint8 for images of 0 to 255, else float32
    stack: int  # the newest frames that make an observation; 1 where an observation is a frame


class Episode(NamedTuple):
    """A whole game that has ended: raw, unclipped, over all lives."""

    world: int
    score: float
    steps: int  # decisions of the agent


class Step(NamedTuple):
    """What one step of N worlds came to. Arrays may be overwritten by the next step."""

    observations: Observations  # to act on next: the first of a new episode where the last one has ended
    rewards: NDArray[np.float32]  # [N] as learned from: clipped where so configured
    terminals: NDArray[np.bool_]  # [N] nothing of value follows: the game is over, or a life was lost
    truncations: NDArray[np.bool_]  # [N] cut short by a limit of time: value would follow
    firsts: NDArray[np.bool_]  # [N] `observations` begins an episode: its stack holds nothing older
    final_observations: dict[
        int, Observations
    ]  # [stack, *frame_shape] after a step that was cut short, by world
    episodes: list[Episode]


class Worlds(Protocol):
    """N worlds side by side that begin anew by themselves; no step is lost or made up in between."""

    spec: WorldSpec
    count: int  # N

    def reset(self) -> Observations:
        """Begin all episodes; [N, stack, *frame_shape]. To be called once, first."""

    def step(self, actions: NDArray[np.int32]) -> Step:
        """One decision in every world, actions [N]."""

    def close(self) -> None:
        """Give up what the worlds hold."""
