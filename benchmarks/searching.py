"""Searches that go on from move to move, as self-play's do."""

import numpy as np

from tengen.agents.mcts.config import SearchConfig
from tengen.agents.mcts.search import LeafEvaluator, Search
from tengen.benchmarks.measuring import spread_out
from tengen.envs.game import Game


class MovingSearch:
    """Games side by side; a slot whose search is done plays its move and searches the next."""

    def __init__(
        self, game: Game, leaves: LeafEvaluator, config: SearchConfig, slots: int, seed: int
    ) -> None:
        self.game = game
        self.slots = np.arange(slots, dtype=np.int32)
        self.starts = spread_out(game, slots, seed=seed)
        rng = np.random.default_rng(seed)
        self.search = Search(game, leaves, config, slots=slots, rng=rng, noisy=True)
        # Budgets of all sizes at first: later the slots move in turn, as they do in self-play.
        self.search.set_roots(
            self.slots, self.starts, rng.integers(1, config.simulations + 1, slots, dtype=np.int32)
        )

    def advance(self) -> int:
        """One round of all slots; returns how many simulations it did. A root's own evaluation is none."""
        search = self.search
        before = int(search.tree.simulations.sum())
        search.round(self.slots)
        made = int(search.tree.simulations.sum()) - before
        done = self.slots[search.finished(self.slots)]
        if len(done):
            after = search.roots(done)
            actions = search.result(done).actions
            self.game.step(after, actions)
            over = after["terminal"]
            if over.any():
                search.set_roots(done[over], self.starts[done[over]])
                done, actions, after = done[~over], actions[~over], after[~over]
            search.move_on(done, actions, after)
        return made

    def warm_up(self) -> None:
        """Compile and prepare everything: until every slot has moved once."""
        for _ in range(self.search.config.simulations + 2):
            self.advance()
