"""Tree search as an agent."""

import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tengen.agents.base import Agent
from tengen.agents.mcts.config import SearchConfig
from tengen.agents.mcts.search import Found, LeafEvaluator, Search
from tengen.agents.policy import sharpen
from tengen.agents.timing import Timekeeper
from tengen.envs.game import Game, Ints, States

REUSE_LIMIT = 8  # boards; above, trees are not kept between moves, which would double their memory


class MctsAgent(Timekeeper, Agent):
    """Searches every board anew, or goes on from the tree of the last move at few boards."""

    def __init__(
        self,
        name: str,
        game: Game,
        evaluator: LeafEvaluator,
        config: SearchConfig,
        *,
        seed: int,
        temperature: float = 0.0,
        random_plies: int = 0,
    ) -> None:
        """`temperature` softens the choice in the first `random_plies` plies of a game."""
        super().__init__()
        self.name = name
        self.game = game
        self.planes = game.planes  # that its network sees, whatever set the game comes with later
        self.evaluator = evaluator
        self.config = config
        self.temperature = temperature
        self.random_plies = random_plies
        self._rng = np.random.default_rng(seed)
        self.search: Search | None = None
        self.budget: int | None = None  # simulations of the next searches, where they are to be fewer
        self.stop: Callable[[], bool] | None = None  # asked between rounds: whether to end a search early

    def start(self, game: Game, slots: int) -> None:
        game = game.seeing(self.planes)
        if self.search is None or self.search.game is not game or len(self.search.states) < slots:
            self.search = Search(
                game,
                self.evaluator,
                self.config,
                slots=slots,
                rng=self._rng,
                reuse=slots <= REUSE_LIMIT,
            )
        self.game = game
        self.search.tree.nodes[:] = 0
        self.times = {}

    def choose(self, states: States, slots: Ints) -> NDArray[np.int32]:
        found = self.think(states, slots)
        actions, self.last_values = found.actions, found.values
        early = np.asarray(states["ply"]) < self.random_plies
        if self.temperature > 0 and early.any():
            with np.errstate(divide="ignore"):
                logits = np.log(found.policy)
            sampled = (sharpen(logits, self.temperature) + self._rng.gumbel(size=logits.shape)).argmax(1)
            actions = np.where(early, sampled, actions).astype(np.int32)
        return actions

    def think(self, states: States, slots: Ints) -> Found:
        """Search from states [B]; the trees stay for `search.root_visits` and the like."""
        if self.search is None:
            self.start(self.game, int(max(slots)) + 1)
        search = self.search
        assert search is not None
        slots = np.asarray(slots, np.int32)
        fresh = [i for i, slot in enumerate(slots) if not self._resume(search, slot, states[i : i + 1])]
        if fresh:
            search.set_roots(slots[fresh], states[fresh], self.budget)
        try:
            search.run(slots, self._until(slots))
        except BaseException:  # a tree with leaves that wait for their value for ever is of no further use
            search.tree.nodes[slots] = 0
            raise
        return search.result(slots)

    def _until(self, slots: Ints) -> Callable[[], bool] | None:
        """What ends the search of these boards: who asks for it, or their time, which ends with this move."""
        told = [self.times.pop(slot) for slot in slots.tolist() if slot in self.times]
        if not told:
            return self.stop
        ends, stop = time.perf_counter() + sum(told), self.stop
        return lambda: time.perf_counter() > ends or (stop is not None and stop())

    def _resume(self, search: Search, slot: int, state: States) -> bool:
        """Find the state among the descendants of the slot's last root and go on from there."""
        if not search.reuse or search.tree.nodes[slot] == 0:
            return False
        known = search.states[slot, : search.tree.nodes[slot]]
        alike = (known["hash"] == state["hash"]) & (known["ply"] == state["ply"])
        for node in np.flatnonzero(alike):
            if (known[node : node + 1] == state).all():  # by field: bytes between fields may differ
                search.keep(slot, int(node), self.budget)
                return True
        return False
