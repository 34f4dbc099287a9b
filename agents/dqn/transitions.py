"""What actors send to a replay or a learner, and what a replay gives a learner."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tengen.envs.worlds import Episode, Observations


@dataclass
class Transitions:
    """T steps in a row of N worlds, each frame once.

    frames[t, n] is the newest frame of the observation that actions[t, n] answered; older ones of its stack
    stand before it, back to where `firsts` is set. A step that was cut short (`truncations`) is followed by
    another episode, so the newest frame of what it led to is kept apart, in the order of final_at.
    """

    frames: NDArray[np.generic]  # [T, N, *frame_shape]
    firsts: NDArray[np.bool_]  # [T, N] the observation acted on began an episode
    actions: NDArray[np.int32]  # [T, N]
    rewards: NDArray[np.float32]  # [T, N]
    terminals: NDArray[np.bool_]  # [T, N]
    truncations: NDArray[np.bool_]  # [T, N]
    final_frames: NDArray[np.generic]  # [K, *frame_shape]
    final_at: NDArray[np.int32]  # [K, 2] t, n
    first_world: int = 0  # of the run's worlds, the one with n = 0
    version: int = 0  # of the weights that acted
    priorities: NDArray[np.float32] | None = None  # [T, N] absolute n-step errors as the actor saw them
    episodes: list[Episode] = field(default_factory=list)  # that ended meanwhile

    @property
    def steps(self) -> int:
        """T * N."""
        return int(self.actions.size)


@dataclass
class Batch:
    """B transitions of n steps: from q at time tm1 to q at t, n steps later or where the episode ended."""

    observations: Observations  # [B, stack, *frame_shape], at tm1
    actions: NDArray[np.int64]  # [B]
    returns: NDArray[np.float32]  # [B] discounted rewards between
    discounts: NDArray[np.float32]  # [B] gamma^k to multiply the value at t by; 0 after a terminal
    next_observations: Observations  # [B, stack, *frame_shape], at t
    weights: NDArray[np.float32]  # [B] importance of each, at most 1; all 1 under uniform sampling
    indices: NDArray[np.int64]  # [B] where the replay keeps them, for new priorities


@dataclass
class Rollout:
    """T steps in a row of N worlds by one set of weights."""

    observations: Observations  # [T, N, stack, *frame_shape], acted on
    actions: NDArray[np.integer]  # [T, N]
    rewards: NDArray[np.float32]  # [T, N]
    terminals: NDArray[np.bool_]  # [T, N]
    truncations: NDArray[np.bool_]  # [T, N]
    next_values: NDArray[np.float32]  # [T, N] greatest action value of what each step led to


@dataclass
class Played:
    """A rollout, and what actors report besides."""

    rollout: Rollout
    version: int = 0  # of the weights that acted
    episodes: list[Episode] = field(default_factory=list)  # that ended meanwhile

    @property
    def steps(self) -> int:
        """T * N."""
        return int(self.rollout.actions.size)
