"""Alpha-beta as an agent."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tengen.agents.base import Agent
from tengen.agents.minimax.frames import FAR
from tengen.agents.minimax.searcher import Limits, Searcher, default_params
from tengen.agents.timing import Timekeeper
from tengen.envs.game import Game, Ints, States

if TYPE_CHECKING:
    from tengen.envs.checkers.tablebase import Tablebase

NO_PLAN = (np.uint64(0), -1, ())


class MinimaxAgent(Timekeeper, Agent):
    """Searches each board for itself; a turn of several actions is searched once and played to its end."""

    def __init__(
        self,
        name: str,
        game: Game,
        evaluation: str,
        limits: Limits,
        *,
        seed: int,
        params: NDArray[np.float32] | None = None,
        table_bits: int = 16,
        scale: float = 3000.0,
        tablebase: "Tablebase | None" = None,
    ) -> None:
        """scale: the evaluation at which a position is thought three quarters won, for `last_values`."""
        super().__init__()
        self.name = name
        self.game = game
        self.limits = limits
        self.params = default_params(game, evaluation) if params is None else params
        self.scale = scale
        self.nodes = 0  # searched in all
        self.stop: Callable[[], bool] | None = None  # asked while it searches: whether to end early
        self._seed = seed
        self._searcher = Searcher(game, evaluation, table_bits=table_bits, tablebase=tablebase)
        self._plans: dict[int, tuple[np.uint64, int, tuple[int, ...]]] = {}

    def start(self, game: Game, slots: int) -> None:
        self.game = game
        self._plans, self.times = {}, {}

    def choose(self, states: States, slots: Ints) -> NDArray[np.int32]:
        actions = np.empty(len(states), np.int32)
        values = np.zeros(len(states), np.float32)
        for i, slot in enumerate(slots):
            state = states[i : i + 1]
            actions[i], values[i] = self._choose_one(state, int(slot))
        self.last_values = values
        return actions

    def _choose_one(self, state: States, slot: int) -> tuple[int, float]:
        key, ply, rest = self._plans.pop(slot, NO_PLAN)
        value, limits = 0.0, self.limits
        if (seconds := self.times.pop(slot, None)) is not None:
            limits = replace(limits, seconds=min(seconds, limits.seconds or seconds))
        if not (rest and key == state["hash"][0] and ply == state["ply"][0]):
            self._searcher.stop = self.stop
            found = self._searcher.find(
                state,
                self.params,
                limits,
                tie_seed=self._seed,
                keep_table=limits.nodes > 0 or limits.seconds > 0,
            )
            self.nodes += found.nodes
            rest = tuple(found.actions)
            value = (
                float(np.tanh(found.value / self.scale)) if abs(found.value) < FAR else np.sign(found.value)
            )
        if len(rest) > 1:
            after = state.copy()
            self.game.step(after, np.array(rest[:1], np.int32))
            self._plans[slot] = (after["hash"][0], int(after["ply"][0]), tuple(rest[1:]))
        return rest[0], value
