"""What a search thinks of a position of Go: an open-ended search, and its root's moves as rows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tengen.agents.mcts import edges
from tengen.agents.mcts.arrays import NO_CHILD
from tengen.agents.mcts.config import SearchConfig
from tengen.agents.mcts.search import LeafEvaluator, Search
from tengen.envs.game import Floats, Game, States
from tengen.envs.go.game import Go
from tengen.errors import TengenError

SLOT = np.zeros(1, np.int32)
LONGEST_LINE = 20  # moves of a principal variation
Z = 1.96  # standard errors below the mean: a confidence of 97.5 %


class Outlook(Protocol):
    """A network that knows more than policy and value."""

    def outlook(self, obs: Floats, /) -> tuple[Floats, Floats] | None:
        """Ownership [B, P] and points [B] for the side to move."""


@dataclass(frozen=True)
class MoveRow:
    """One move of a root; everything from the side to move."""

    action: int
    visits: int
    winrate: float  # 0 to 1, half a draw
    prior: float
    bound: float  # lower confidence bound of the win rate
    line: tuple[int, ...]  # actions, this one first
    points: float | None = None  # by which the side to move leads, where the network says


def root_rows(search: Search) -> list[MoveRow]:
    """The moves that the search in slot 0 has tried, the most visited first."""
    tree, rows = search.tree, []
    for child in _children(search, 0):
        visits = int(tree.visits[0, child])
        winrate = (1.0 + float(tree.value_sum[0, child]) / max(1, visits)) / 2
        # Results lie between 0 and 1, so that their variance is at most that of a coin with this mean.
        spread = max(winrate * (1 - winrate), 0.25 / max(1, visits))
        bound = max(0.0, winrate - Z * (spread / max(1, visits)) ** 0.5)
        line = [int(tree.action[0, child])]
        node = child
        while len(line) < LONGEST_LINE and (below := _children(search, node)):
            node = max(below, key=lambda n: int(tree.visits[0, n]))
            line.append(int(tree.action[0, node]))
        prior = float(tree.action_prior[0, child])
        rows.append(MoveRow(line[0], visits, min(1.0, max(0.0, winrate)), prior, bound, tuple(line)))
    return sorted(rows, key=lambda row: (-row.visits, -row.winrate, row.action))


def _children(search: Search, node: int) -> list[int]:
    """The evaluated nodes below a node."""
    tree, found = search.tree, []
    child = int(tree.first_child[0, node])
    while child != NO_CHILD:
        if tree.visits[0, child] > 0 and tree.expanded[0, child]:
            found.append(child)
        child = int(tree.next_sibling[0, child])
    return found


class Analysis:
    """A search from one position that goes on until told to stop; visits are bounded by memory."""

    def __init__(
        self,
        game: Game,
        evaluator: LeafEvaluator,
        state: States,
        *,
        visits: int,
        leaves: int = 1,
        allowed: NDArray[np.bool_] | None = None,
    ) -> None:
        """allowed: actions [A] that the first move may be. Raises TengenError where none of them is legal."""
        self.game, self.evaluator = game, evaluator
        rule = "puct" if evaluator.observes else "uct"
        config = SearchConfig(rule=rule, simulations=visits, leaves=leaves)  # type: ignore[arg-type]
        self.search = Search(game, evaluator, config, slots=1, rng=np.random.default_rng(0))
        self.search.set_roots(SLOT, state)
        self.search.round(SLOT)  # the root's own evaluation
        if allowed is not None:
            self._restrict(allowed)

    def _restrict(self, allowed: NDArray[np.bool_]) -> None:
        prior = self.search.tree.prior[0, 0]
        kept = np.where(allowed, prior, 0.0)
        if not kept.sum() > 0:
            raise TengenError("no legal move is left by what is to be avoided")
        prior[:] = kept / kept.sum()
        edges.find_untried(self.search.tree, self.search.rule, 0, 0)

    @property
    def visits(self) -> int:
        """Simulations so far."""
        return int(self.search.tree.simulations[0])

    @property
    def is_full(self) -> bool:
        """Whether no more visits fit."""
        return bool(self.search.finished(SLOT)[0])

    @property
    def winrate(self) -> float:
        """Of the side to move, 0 to 1."""
        return (1.0 + float(self.search.result(SLOT).values[0])) / 2

    @property
    def prior(self) -> Floats:
        """The evaluator's policy [A]; flat where it is random games."""
        return self.search.root_prior(SLOT)[0]

    def run(self, stop: Callable[[], bool]) -> None:
        """Search on until `stop`, which is asked after every round, or until it is full."""
        self.search.run(SLOT, stop)

    def best(self) -> int:
        """The action that the search would play."""
        return int(self.search.result(SLOT).actions[0])


class Judge:
    """Who owns which point, and by how much: by a network that knows, else by random games to the end."""

    def __init__(self, network: Outlook | None, seed: int = 0, playouts: int = 400) -> None:
        self.network, self.playouts = network, playouts
        self._rng = np.array([np.random.default_rng(seed).integers(1, 2**63)], np.uint64)

    def ownership(self, game: Go, state: States) -> Floats:
        """[P] from -1, White's, to 1, Black's, in state [1], which is open."""
        seen = self._outlook(game, state) if self.network is not None else None
        if seen is not None:
            return seen[0][0] * (1 - 2 * int(state["to_play"][0]))
        return self.by_playouts(game, state)

    def by_playouts(self, game: Go, state: States) -> Floats:
        """The same by random games alone."""
        ends = np.repeat(state, self.playouts)
        game.playout(ends, self._rng)
        owners = np.zeros((self.playouts, game.size**2), np.int8)
        game.ownership(ends, owners)
        mean: Floats = owners.mean(0, dtype=np.float32)
        return mean

    def points(self, game: Go, states: States) -> Floats | None:
        """By how many points the side to move leads in states [B]; None without a network that knows."""
        seen = self._outlook(game, states) if self.network is not None else None
        return None if seen is None else seen[1]

    def _outlook(self, game: Go, states: States) -> tuple[Floats, Floats] | None:
        assert self.network is not None
        observations = game.new_observation(len(states))
        game.observe(states, observations)
        return self.network.outlook(observations)


def with_points(rows: Sequence[MoveRow], game: Go, state: States, judge: Judge) -> list[MoveRow]:
    """The rows with the lead that each move leaves, as a network sees it."""
    from dataclasses import replace

    if judge.network is None or not rows:
        return list(rows)
    after = np.repeat(state, len(rows))
    game.step(after, np.array([row.action for row in rows], np.int32))
    points = judge.points(game, after)
    if points is None:
        return list(rows)
    return [replace(row, points=-float(p)) for row, p in zip(rows, points, strict=True)]
