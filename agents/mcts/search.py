"""Tree search over many games at once: one round is select, step, observe, evaluate, expand."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from tengen.agents.mcts import edges, gumbel, kernels, puct, records
from tengen.agents.mcts.arrays import GUMBEL, WIDE, allocate
from tengen.agents.mcts.config import SearchConfig
from tengen.agents.mcts.evaluators import submitted
from tengen.envs.game import Floats, Game, Ints, States
from tengen.errors import MachineError, TengenError
from tengen.networks.pending import Pending


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
        words = game.state_dtype.itemsize // 8
        rows = slots * config.leaves
        try:
            self.tree = allocate(slots, nodes, game.num_actions, config.considered, config.simulations)
            self.states = np.zeros((slots, nodes), game.state_dtype)
            self.leaves = np.zeros(rows, game.state_dtype)
            self._observations = game.new_observation(rows)
        except MemoryError:
            gigabytes = slots * nodes * (4 * game.num_actions + game.state_dtype.itemsize) / 1e9
            raise MachineError(
                f"a search of {config.simulations} simulations on {slots} boards needs {gigabytes:.1f} GB, "
                "more than this machine has free; ask for fewer simulations"
            ) from None
        self._tree_words = self.states.view(np.uint64).reshape(slots, nodes, words)
        self._leaf_words = self.leaves.view(np.uint64).reshape(rows, words)
        # Trees that are looked through for a position keep whole records, so that those can be compared.
        self._live = game.live_words if game.live_words and not reuse else (words, 0)
        self._legal = game.new_mask(rows)
        self._asked: tuple[int, NDArray[np.int8], Pending] | None = None
        self._game, self._node, self._action = (np.zeros(rows, np.int32) for _ in range(3))
        self._scratch = np.zeros(game.num_actions)
        self._listed = np.zeros(game.num_actions, np.int32)

    def set_roots(self, slots: Ints, states: States, budget: int | Ints | None = None) -> None:
        """Start a new search from states [R] in the given slots; budget defaults to the configured one.

        Raises ValueError for a finished game, or a budget above the configured number of simulations.
        """
        self._place(slots, states)
        self.tree.nodes[slots] = 1
        self.tree.expanded[slots, 0] = False
        self.tree.terminal[slots, 0] = False
        self._start(slots, budget)

    def move_on(self, slots: Ints, actions: Ints, states: States, budget: int | Ints | None = None) -> None:
        """Start new searches from the states [R] that `actions` led to from the slots' last roots.

        As `set_roots`, but what the evaluator said of a state in the last search is not asked again.
        """
        self._place(slots, states)
        self._start(slots, budget)
        kernels.inherit(
            self.tree, self.rule, np.asarray(slots, np.int32), np.asarray(actions, np.int32), self._scratch
        )

    @property
    def leaf_slots(self) -> NDArray[np.int32]:
        """The slot of each leaf that the evaluator is being asked about, in order; always the same array."""
        return self._game

    def roots(self, slots: Ints) -> States:
        """A copy of the states [R] that the slots' searches started from."""
        return self._tree_words[slots, 0].view(self.game.state_dtype)[:, 0]  # quicker than copying fields

    def _place(self, slots: Ints, states: States) -> None:
        if states["terminal"].any():
            raise ValueError("a search cannot start where the game is over")
        words = np.ascontiguousarray(states).view(np.uint64).reshape(len(states), self._tree_words.shape[2])
        self._tree_words[slots, 0] = words

    def keep(self, slot: int, node: int, budget: int | None = None) -> None:
        """Make `node` the slot's root, keep what is below it, and start a new search there.

        Where what is kept leaves no room for a whole budget, the search starts from nothing. Raises
        ValueError as `set_roots` does.
        """
        if node:
            kernels.reroot(self.tree, self._tree_words, slot, node)
        slots = np.array([slot], np.int32)
        room = self.tree.parent.shape[1] - self.tree.nodes[slot]
        if self.tree.terminal[slot, 0] or room < self.config.simulations:
            self.set_roots(slots, self.states[slots, 0], budget)
            return
        self._start(slots, budget)
        kernels.prepare_root(self.tree, self.rule, slot, self._scratch)

    def child(self, slot: int, action: int) -> int:
        """The node below the slot's root that an action leads to, -1 where there is none."""
        return int(edges.child_of(self.tree, slot, 0, action))

    def _start(self, slots: Ints, budget: int | Ints | None) -> None:
        wanted = self.config.simulations if budget is None else budget
        if np.max(wanted, initial=0) > self.config.simulations:
            raise ValueError(
                f"a budget of {wanted} is above the search's {self.config.simulations} simulations"
            )
        self.tree.simulations[slots] = 0
        self.tree.budget[slots] = wanted
        if not self.noisy:
            self.tree.noise[slots] = 0.0
        elif self.rule.kind == GUMBEL:
            self.tree.noise[slots] = self._gumbel(len(slots))
        else:
            self.tree.noise[slots] = self._dirichlet(slots)

    def _gumbel(self, count: int) -> NDArray[np.floating[Any]]:
        """Gumbel noise [count, A]."""
        shape = (count, self.game.num_actions)
        if self.game.num_actions <= WIDE:
            return self.rng.gumbel(size=shape)
        waits = self.rng.standard_exponential(shape, np.float32)  # the same chance in a quarter of the time
        return -np.log(waits)

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
        rows = self._find_leaves(slots)
        if rows:
            leaves, observations, to_play = self._look_at(rows)
            self._expand(rows, to_play, *self.evaluator.evaluate(leaves, observations))

    def ask(self, slots: Ints) -> None:
        """The first half of a round: its leaves are submitted to the evaluator; `take` is the second.

        The evaluator has `submit(states, observations)`, whose answer has `result()`, or answers at once.
        """
        rows = self._find_leaves(slots)
        self._asked = None
        if rows:
            leaves, observations, to_play = self._look_at(rows)
            self._asked = rows, to_play, submitted(self.evaluator, leaves, observations)

    def take(self) -> None:
        """Wait for the answer to the last `ask`, and expand its leaves."""
        if self._asked is not None:
            rows, to_play, pending = self._asked
            self._asked = None
            self._expand(rows, to_play, *pending.result())

    def _find_leaves(self, slots: Ints) -> int:
        """Walk each tree to its leaves; returns how many are to be evaluated."""
        games = np.asarray(slots, np.int32)
        rows, steps = kernels.select_leaves(
            self.tree,
            self.rule,
            games,
            self.config.leaves,
            self._scratch,
            self._game,
            self._node,
            self._action,
        )
        if rows == 0:
            return 0
        leaves = self.leaves[:rows]
        records.copy_out(
            self.tree, self._tree_words, self._leaf_words, self._game, self._node, rows, steps, *self._live
        )
        self.game.step(leaves[:steps], self._action[:steps])
        records.copy_in(self._tree_words, self._leaf_words, self._game, self._node, steps, *self._live)
        ended = leaves["terminal"]
        if ended.any():
            return self._settle(np.flatnonzero(ended), np.flatnonzero(~ended))
        return int(rows)

    def _settle(self, ended: NDArray[np.int64], live: NDArray[np.int64]) -> int:
        """Back up leaves that are finished games: they cost no evaluation. Returns how many rows are left."""
        results = np.empty((len(ended), 2), np.float32)
        over = self.leaves[ended]
        self.game.returns(over, results)
        player_0 = np.ascontiguousarray(results[:, 0])
        kernels.end_at(self.tree, self.rule, ended, self._game, self._node, over["to_play"].copy(), player_0)
        records.close_ranks(live, self._leaf_words, self._game, self._node)
        return len(live)

    def _look_at(self, rows: int) -> tuple[States, Floats, NDArray[np.int8]]:
        """Leaves, their observations, and who is to move there."""
        leaves, observations, legal = self.leaves[:rows], self._observations[:rows], self._legal[:rows]
        self.game.legal_mask(leaves, legal)
        if self.evaluator.observes:
            self.game.observe(leaves, observations)
        return leaves, observations, leaves["to_play"].copy()

    def _expand(self, rows: int, to_play: NDArray[np.int8], logits: Floats, values: Floats) -> None:
        self.evaluations += rows
        faults = kernels.expand(
            self.tree,
            self.rule,
            rows,
            self._game,
            self._node,
            to_play,
            self._legal[:rows],
            logits,
            values,
            self._scratch,
            self._listed,
        )
        if faults:
            raise TengenError(
                f"the network answers {faults} of {rows} positions with numbers that are not finite; "
                "its weights must have diverged, use an earlier checkpoint"
            )

    def run(self, slots: Ints, stop: Callable[[], bool] | None = None) -> None:
        """Search until all the slots have spent their budget, or `stop`, asked after each round, says so."""
        while not (done := self.finished(slots)).all():
            self.round(slots[~done])
            if stop is not None and stop():
                return

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
        return np.abs(self.tree.prior[slots, 0])

    def root_visits(self, slots: Ints) -> NDArray[np.int32]:
        """Visits of each action at the roots [R, A]."""
        visits = np.zeros((len(slots), self.game.num_actions), np.int32)
        for row, slot in enumerate(slots):
            below = np.flatnonzero(self.tree.parent[slot, : self.tree.nodes[slot]] == 0)
            visits[row, self.tree.action[slot, below]] = self.tree.visits[slot, below]
        return visits
