"""A search that goes on in the background and tells now and then what it has found."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from tengen.agents.mcts.arrays import NO_CHILD
from tengen.envs.game import Floats, Game, States
from tengen.envs.position import Position
from tengen.ui.thinking.courtesy import COURTESY, leave_in_peace
from tengen.ui.thinking.worker import Deliver, Worker, in_words

if TYPE_CHECKING:
    from tengen.agents.mcts.search import LeafEvaluator, Search

TELL_S = 0.15  # between two reports
SLICE_S = 0.02  # of search between two looks at what is wanted
MOST = 3200  # simulations, with a network
MOST_ROLLOUTS = 20_000
LONGEST_PV = 12  # turns


@dataclass(frozen=True)
class Candidate:
    """A turn that the search has looked at."""

    turn: tuple[int, ...]
    words: str
    visits: int
    value: float  # for the side to move, in [-1, 1]
    prior: float
    line: tuple[tuple[int, ...], ...] = ()  # the turns that follow, this one first
    line_words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Insight:
    """What is known of a position so far; values are for the side to move."""

    to_play: int
    value: float
    simulations: int
    candidates: tuple[Candidate, ...] = ()  # the most visited first
    policy: Floats | None = None  # [A], the network's; None without one
    ownership: Floats | None = None  # [H * W], 1 player 0's, -1 player 1's
    score: float | None = None  # player 0's points less player 1's
    done: bool = False
    seconds: float = 0.0
    fault: str = ""

    @property
    def first_value(self) -> float:
        """For player 0."""
        return self.value if self.to_play == 0 else -self.value


@dataclass
class _Wish:
    """A position to be looked at, and who wants to know."""

    state: States
    tell: Callable[[Insight], None]
    simulations: int
    number: int
    territory: bool
    begun: float = field(default_factory=time.monotonic)


class Analyst:
    """One search in one thread, at one position at a time; a new wish ends the last one."""

    def __init__(self, game: Game, deliver: Deliver, network: str | None = None, *, seed: int = 0) -> None:
        """network: a checkpoint that the search uses; None for random games."""
        self.game, self.network, self.seed = game, network, seed
        self._deliver = deliver
        self._worker = Worker("analysis")
        self._lock = threading.Lock()
        self._number = 0
        self._search: Search | None = None
        self._evaluator: LeafEvaluator | None = None
        self._net: Any = None

    @property
    def most(self) -> int:
        """Simulations after which it stops by itself."""
        return MOST if self.network else MOST_ROLLOUTS

    def look(
        self,
        state: States,
        tell: Callable[[Insight], None],
        *,
        simulations: int | None = None,
        territory: bool = False,
    ) -> None:
        """Search from a state [1]; `tell` hears of it now and then, and at the end with `done`.

        territory: say who owns which point, in Go.
        """
        with self._lock:
            self._number += 1
            wish = _Wish(
                state.copy(), tell, min(simulations or self.most, self.most), self._number, territory
            )
        self._worker.do(lambda: self._fulfil(wish))

    def network_module(self) -> Any:
        """The network itself, None without one or before it is loaded."""
        return self._net

    def stop(self) -> None:
        """Look at nothing."""
        with self._lock:
            self._number += 1

    def close(self) -> None:
        """End the thread."""
        self.stop()
        self._worker.close()

    # --- in the thread -------------------------------------------------------------------------------------

    def _is_wanted(self, wish: _Wish) -> bool:
        return wish.number == self._number

    def _tell(self, wish: _Wish, insight: Insight) -> None:
        def job() -> None:
            if self._is_wanted(wish):
                wish.tell(insight)

        self._deliver(job)

    def _fulfil(self, wish: _Wish) -> None:
        if not self._is_wanted(wish):
            return
        try:
            self._run(wish)
        except Exception as error:  # the board stays whatever the analysis meets
            self._tell(wish, Insight(int(wish.state["to_play"][0]), 0.0, 0, done=True, fault=in_words(error)))

    def _run(self, wish: _Wish) -> None:
        search = self._ready()
        ownership = score = None
        if wish.territory and self.game.family == "go":
            ownership, score = self._territory(wish.state)
        slots = np.zeros(1, np.int32)
        search.set_roots(slots, wish.state, wish.simulations)
        told = time.monotonic()
        while self._is_wanted(wish):
            until = time.monotonic() + SLICE_S
            while time.monotonic() < until and not search.finished(slots)[0]:
                COURTESY.stand_aside()
                search.round(slots)
            done = bool(search.finished(slots)[0])
            now = time.monotonic()
            if done or now - told >= TELL_S:
                told = now
                self._tell(wish, self._insight(wish, search, done, ownership, score))
            if done:
                return

    def _insight(
        self, wish: _Wish, search: "Search", done: bool, ownership: Floats | None, score: float | None
    ) -> Insight:
        tree = search.tree
        visits = search.root_visits(np.zeros(1, np.int32))[0]
        total = int(visits.sum())
        value = 0.0
        if total:
            below = np.flatnonzero(tree.parent[0, : tree.nodes[0]] == 0)
            value = float(tree.value_sum[0, below].sum() / max(1, tree.visits[0, below].sum()))
        policy = search.root_prior(np.zeros(1, np.int32))[0] if self.network else None
        return Insight(
            int(wish.state["to_play"][0]),
            value,
            total,
            tuple(best_turns(self.game, search, wish.state)),
            policy,
            ownership,
            score,
            done,
            time.monotonic() - wish.begun,
        )

    def _ready(self) -> "Search":
        """The search; made here, in the thread, so that the board need not wait for what it imports."""
        if self._search is None:
            from tengen.agents.mcts.config import SearchConfig
            from tengen.agents.mcts.evaluators import NetworkLeaves, RolloutLeaves
            from tengen.agents.mcts.search import Search

            if self.network:
                from tengen.networks.checkpoint import checkpoint_planes, load_checkpoint
                from tengen.networks.evaluator import NetworkEvaluator

                self.game = self.game.seeing(checkpoint_planes(self.network))
                self._net, _ = load_checkpoint(self.network, self.game)
                self._evaluator = NetworkLeaves(NetworkEvaluator(self._net, threads=1))
            else:
                self._evaluator = RolloutLeaves(self.game, self.seed)
            config = SearchConfig(
                rule="puct" if self.network else "uct",
                simulations=self.most,
                leaves=8 if self.network else 1,
            )
            self._search = Search(
                self.game, self._evaluator, config, slots=1, rng=np.random.default_rng(self.seed)
            )
            leave_in_peace()
        return self._search

    def _territory(self, state: States) -> tuple[Floats, float]:
        from tengen.ui.thinking.territory import territory

        return territory(self.game, state, self._net)


def best_turns(game: Game, search: "Search", state: States, most: int = 8) -> list[Candidate]:
    """The most visited turns of the search's root, each with the line that the search expects."""
    tree = search.tree
    found = []
    for node in _children(tree, 0):
        position = Position(game, state)
        line: list[tuple[int, ...]] = []
        words: list[str] = []
        here: int | None = node
        while here is not None and len(line) < LONGEST_PV and not position.is_terminal:
            actions, end = _whole_turn(tree, here)
            if len(line) and tree.visits[0, here] < 2:
                break
            before = position.state
            try:
                for action in actions:
                    position.apply(action)
                words.append(game.format_turn(before, actions))
            except Exception:  # a turn that the search has not followed to its end
                break
            line.append(tuple(actions))
            below = _children(tree, end)
            here = below[0] if below else None
        if not line:
            continue
        visits = int(tree.visits[0, node])
        found.append(
            Candidate(
                line[0],
                words[0],
                visits,
                float(tree.value_sum[0, node] / max(1, visits)),
                float(tree.action_prior[0, node]),
                tuple(line),
                tuple(words),
            )
        )
        if len(found) == most:
            break
    return found


def _children(tree: Any, node: int) -> list[int]:
    """A node's children, the most visited first."""
    out = []
    child = int(tree.first_child[0, node])
    while child != NO_CHILD:
        if tree.visits[0, child]:
            out.append(child)
        child = int(tree.next_sibling[0, child])
    return sorted(out, key=lambda n: -int(tree.visits[0, n]))


def _whole_turn(tree: Any, node: int) -> tuple[list[int], int]:
    """The actions of the turn that begins with a node, as most visited, and the node at its end."""
    actions = [int(tree.action[0, node])]
    mover = tree.to_play[0, tree.parent[0, node]]
    while tree.expanded[0, node] and not tree.terminal[0, node] and tree.to_play[0, node] == mover:
        below = _children(tree, node)
        if not below:
            break
        node = below[0]
        actions.append(int(tree.action[0, node]))
    return actions, node
