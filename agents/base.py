"""What chooses actions, for many games side by side."""

import abc
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tengen.envs.game import Floats, Game, Ints, States

RESIGN = -1  # what `choose` may answer in place of an action: the game is given up


class Agent(abc.ABC):
    """A player of one game that may sit at many boards at once.

    `start` is called before play, with the number of boards; `choose` whenever the agent is to move at some.
    """

    name: str
    needs_history = False
    """Whether `follow` must be called: what a position alone tells is not enough."""
    last_values: Floats | None = None
    """What it thinks of the states [B] of its last `choose`, for the side to move; None: it does not say."""

    def start(self, game: Game, slots: int) -> None:
        """Get ready for games at boards 0 .. slots - 1, forgetting earlier ones."""
        self.game = game

    def follow(self, slot: int, start: States, actions: Sequence[int]) -> None:
        """The game so far at a board, from the state start [1]; before `choose` there, if `needs_history`."""
        return None

    def batch(self, waiting: int) -> int:
        """Of how many boards at once it is best asked, of so many that wait; at least 1."""
        return waiting

    @abc.abstractmethod
    def choose(self, states: States, slots: Ints) -> NDArray[np.int32]:
        """Legal actions or RESIGN [B] for states [B], in each of which this agent is to move, at
        boards slots [B]."""

    def close(self) -> None:
        """Release what the agent holds (processes, devices)."""
        return None
