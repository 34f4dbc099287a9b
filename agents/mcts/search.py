"""Tree search over many games at once: one round is select, step, observe, evaluate, expand."""

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from tengen.agents.mcts import gumbel, kernels, puct
from tengen.agents.mcts.arrays import GUMBEL, allocate
from tengen.agents.mcts.config import SearchConfig
from tengen.envs.game import Floats, Game, Ints, States


class LeafEvaluator(Protocol):
    """What a search asks about its leaves."""

    @property
    def observes(self) -> bool:
        """Whether `evaluate` looks at observations; a rollout evaluator wants only states."""

    def evaluate(self, states: States, observations: Floats) -> tuple[Floats, Floats]:
        """Policy logits [R, A] and values [R] in [-1, 1] for the side to move; may write to states [R]."""


class Found(NamedTuple):
    """What searches came to, one row a game."""

    actions: NDArray[np.int32]  # [R] the action to play
    policy: Floats  # [R, A] what the network should learn
    values: Floats  # [R] for the side to move


class Search:
    """Trees of `slots` games side by side. Slots are independent: each has its own root and budget."""

    def __init__(
        self,
        game: Game,
        evaluator: LeafEvaluator,
        config: SearchConfig,
        *,
        slots: int,
        rng: np.random.Generator,
        noisy: bool = False,
        reuse: bool = False,
    ) -> None:
        self.game = game
        self.evaluator = evaluator
        self.config = config
        self.rng = rng
        self.noisy = noisy
        self.reuse = reuse
        self.rule = config.constants(noisy)
        self.evaluations = 0
        nodes = (2 if reuse else 1) * config.simulations + 2
        self.tree = allocate(slots, nodes, game.num_actions, config.simulations)
        self.states = np.zeros((slots, nodes), game.state_dtype)
        rows = slots * config.leaves
        self.leaves = np.zeros(rows, game.state_dtype)
        words = game.state_dtype.itemsize // 8
        self._tree_words = self.states.view(np.uint64).reshape(slots, nodes, words)
        self._leaf_words = self.leaves.view(np.uint64).reshape(rows, words)
        self._observations = game.new_observation(rows)
        self._legal = game.new_mask(rows)
        self._game, self._node, self._parent, self._action = (np.zeros(rows, np.int32) for _ in range(4))

    def set_roots(self, slots: Ints, states: States, budget: int | Ints | None = None) -> None:
        """Start a new search from states [R] in the given slots; budget defaults to the configured one."""
        self.states[slots, 0] = states
        self.tree.nodes[slots] = 1
        self.tree.expanded[slots, 0] = False
        self.tree.terminal[slots, 0] = False
        self._start(slots, budget)

    def keep(self, slot: int, node: int, budget: int | None = None) -> None:
        """Make `node` the slot's root, keep what is below it, and start a new search there.

        Where what is kept leaves no room for a whole budget, the search starts from nothing.
        """
        if node:
            kernels.reroot(self.tree, self._tree_words, slot, node)
        slots = np.array([slot], np.int32)
        if (
            self.tree.terminal[slot, 0]
            or self.tree.nodes[slot] > self.tree.parent.shape[1] - self.config.simulations
        ):
            self.set_roots(slots, self.states[slots, 0], budget)
            return
        self._start(slots, budget)
        if self.rule.kind == GUMBEL:
            gumbel.prepare_root(self.tree, self.rule, slot)

    def _start(self, slots: Ints, budget: int | Ints | None) -> None:
        self.tree.simulations[slots] = 0
        self.tree.budget[slots] = self.config.simulations if budget is None else budget
        if not self.noisy:
            self.tree.noise[slots] = 0.0
        elif self.rule.kind == GUMBEL:
            self.tree.noise[slots] = self.rng.gumbel(size=(len(slots), self.game.num_actions))
        else:
            self.tree.noise[slots] = self._dirichlet(slots)

    def _dirichlet(self, slots: Ints) -> NDArray[np.float64]:
        """Dirichlet noise over the legal actions of each root, alpha inversely to their number."""
        legal = self.game.new_mask(len(slots))
        self.game.legal_mask(self.states[slots, 0], legal)
        alpha = self.config.dirichlet_alpha / np.maximum(1, legal.sum(1, keepdims=True))
        gamma = (
            np.where(legal, self.rng.standard_gamma(np.broadcast_to(alpha, legal.shape)), 0.0) + 1e-30 * legal
        )
        noise: NDArray[np.float64] = gamma / np.maximum(gamma.sum(1, keepdims=True), 1e-30)
        return noise

    def finished(self, slots: Ints) -> NDArray[np.bool_]:
        """Which of the slots have spent their budget."""
        done = self.tree.expanded[slots, 0] & (self.tree.simulations[slots] >= self.tree.budget[slots])
        return np.asarray(done)

    def round(self, slots: Ints) -> None:
        """Take every unfinished slot some leaves further: at most `leaves` each."""
        games = np.asarray(slots, np.int32)
        rows, steps = kernels.select_leaves(
            self.tree,
            self.rule,
            games,
            self.config.leaves,
            self._game,
            self._node,
            self._parent,
            self._action,
        )
        if rows == 0:
            return
        leaves = self.leaves[:rows]
        kernels.copy_out(self._tree_words, self._leaf_words, self._game, self._parent, rows)
        self.game.step(leaves[:steps], self._action[:steps])
        kernels.copy_in(self._tree_words, self._leaf_words, self._game, self._node, rows)
        live = np.arange(rows)
        ended = leaves["terminal"]
        if ended.any():
            live = self._settle(np.flatnonzero(ended), np.flatnonzero(~ended))
            leaves = leaves[live]
        if len(live):
            self._evaluate(live, leaves)

    def _settle(self, ended: NDArray[np.int64], live: NDArray[np.int64]) -> NDArray[np.int64]:
        """Back up leaves that are finished games: they cost no evaluation."""
        results = np.empty((len(ended), 2), np.float32)
        over = self.leaves[ended]
        self.game.returns(over, results)
        kernels.end_at(
            self.tree,
            self.rule,
            ended,
            self._game,
            self._node,
            over["to_play"],
            np.ascontiguousarray(results[:, 0]),
        )
        return live

    def _evaluate(self, live: NDArray[np.int64], leaves: States) -> None:
        observations, legal = self._observations[: len(live)], self._legal[: len(live)]
        self.game.legal_mask(leaves, legal)
        if self.evaluator.observes:
            self.game.observe(leaves, observations)
        to_play = leaves["to_play"].copy()
        logits, values = self.evaluator.evaluate(leaves, observations)
        self.evaluations += len(live)
        kernels.expand(self.tree, self.rule, live, self._game, self._node, to_play, legal, logits, values)

    def run(self, slots: Ints) -> None:
        """Search until all the slots have spent their budget."""
        while not (done := self.finished(slots)).all():
            self.round(slots[~done])

    def result(self, slots: Ints) -> Found:
        """What the searches in the slots came to."""
        games = np.asarray(slots, np.int32)
        actions = np.zeros(len(games), np.int32)
        policy = np.zeros((len(games), self.game.num_actions), np.float32)
        values = np.zeros(len(games), np.float32)
        summarise = gumbel.search_result if self.rule.kind == GUMBEL else puct.search_result
        summarise(self.tree, self.rule, games, actions, policy, values)
        return Found(actions, policy, values)

    def root_prior(self, slots: Ints) -> Floats:
        """The evaluator's policy at the roots [R, A], without noise."""
        return self.tree.prior[slots, 0]

    def root_visits(self, slots: Ints) -> NDArray[np.int32]:
        """Visits of each action at the roots [R, A]."""
        return self.tree.visits[slots, 0]
