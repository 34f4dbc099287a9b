"""A player who never errs."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tengen.agents.base import Agent
from tengen.agents.solver.connect4 import FULL, ORDER, Solver, winning_column
from tengen.envs.game import Ints, States


class SolverAgent(Agent):
    """Wins as soon as it can, or else loses as late; of equals it takes the column nearest the centre.

    It asks no clock: the first moves of a game take minutes, from the eighth on they take seconds.
    """

    def __init__(self, name: str, mebibytes: int = 256) -> None:
        """mebibytes: of the table in which it keeps what it knows."""
        self.name = name
        self.stop: Callable[[], bool] | None = None  # asked every second or so: whether to give up
        self._solver = Solver(mebibytes)

    def choose(self, states: States, slots: Ints) -> NDArray[np.int32]:
        """Actions [B]; where `stop` says True, the playable column nearest the centre."""
        actions = np.empty(len(states), np.int32)
        values = np.zeros(len(states), np.float32)
        for i in range(len(states)):
            state = states[i : i + 1]
            if (column := winning_column(state)) is not None:
                actions[i], values[i] = column, 1
                continue
            scores = self._solver.scores(state, self.stop)
            if scores is None:
                scores = np.where(states["board"][i, 0] == 0, 0, FULL)
            actions[i] = max(ORDER.tolist(), key=scores.__getitem__)
            values[i] = np.sign(scores.max())
        self.last_values = values
        return actions
