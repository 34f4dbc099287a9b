"""Bradley-Terry with draws and first-move advantage: strengths of players from their results.

The model is that of Rémi Coulom's BayesElo (https://www.remi-coulom.fr/Bayesian-Elo/), after Rao and Kupper
1967 (doi:10.1080/01621459.1967.10500901). With d the first player's rating less the second's and
f(x) = 1 / (1 + 10^(-x / 400)):

    P(first wins) = f(d + advantage - draw_elo)      P(second wins) = f(-d - advantage - draw_elo)

and a draw otherwise. A draw's probability is the product of the other two times 10^(2 draw_elo / 400) - 1, so
that the log likelihood is a sum of log f, concave in ratings, advantage and draw_elo together: Newton's
method finds the one maximum, and the curvature there is the inverse of the covariance.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tengen.errors import TengenError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

ELO = 400 / math.log(10)  # Elo of one unit of natural-log strength
ADVANTAGE = 32.8  # BayesElo's, of White in chess
DRAW_ELO = 97.3
PRIOR_DRAWS = 2.0
MAX_PLAYERS = 5000  # the covariance is a matrix of players by players
WIDTH = 2000.0  # Elo, of the Gaussian prior of a fitted advantage and draw_elo: finite from draws alone too
STEP = 2.0  # natural-log strength that an iteration may move a player by; far off the curvature misleads
ITERATIONS = 200
AT_REST = 1e-16  # gradient times move: the squared distance from the maximum in standard deviations


class Games(NamedTuple):
    """Results, a row for every ordered pair of players: who moved first, who second, how often which end."""

    first: Ints  # [P]
    second: Ints  # [P]
    wins: Floats  # [P] of the first; fractions count as well
    draws: Floats  # [P]
    losses: Floats  # [P]

    def __add__(self, other: "Games") -> "Games":  # type: ignore[override]
        return Games(*(np.concatenate(columns) for columns in zip(self, other, strict=True)))

    @property
    def number(self) -> Floats:
        """Games of each row, [P]."""
        return self.wins + self.draws + self.losses


class Spring(NamedTuple):
    """A Gaussian tie between two players' ratings: their difference has this standard deviation, in Elo."""

    one: int
    other: int
    elo: float


class Fit(NamedTuple):
    """The most likely ratings; all in Elo of the model (f above), which `scale` makes those to display."""

    elo: Floats  # [N]; each group of players tied by games has mean 0, unless one of it is held
    covariance: Floats  # [N, N] Elo^2; 0 between groups and for players who are held
    advantage: float
    draw_elo: float
    groups: Ints  # [N] number of the group of each player
    log_evidence: float  # of the results given the springs, by Laplace's approximation, up to a constant

    @property
    def scale(self) -> float:
        """BayesElo's factor of displayed ratings, which gives the expected score the slope of plain Elo."""
        return display_scale(self.draw_elo)


def display_scale(draw_elo: float) -> float:
    """4x / (1 + x)^2 with x = 10^(-draw_elo / 400)."""
    x = 10 ** (-draw_elo / 400)
    return 4 * x / (1 + x) ** 2


def prior_games(games: Games, players: int, draws: float = PRIOR_DRAWS) -> Games:
    """BayesElo's prior: virtual draws that make every rating finite, to add to `games`.

    Each player draws draws / 2 games against those it met, in proportion to how often it met them, half of
    them moving first; with those that opponents have of their own it comes to `draws` a player on average.
    """
    met = np.zeros((players, players))
    np.add.at(met, (games.first, games.second), games.number)
    met += met.T
    np.fill_diagonal(met, 0)
    share = met / np.maximum(met.sum(1, keepdims=True), 1e-300)
    virtual = draws / 4 * (share + share.T)
    first, second = np.nonzero(virtual)
    nothing = np.zeros(len(first))
    return Games(first, second, nothing, virtual[first, second], nothing)


def fit(
    games: Games,
    players: int,
    advantage: float | None = ADVANTAGE,
    draw_elo: float | None = DRAW_ELO,
    held: Mapping[int, float] | None = None,
    springs: Sequence[Spring] = (),
) -> Fit:
    """The most likely ratings of `players` players.

    `advantage` and `draw_elo` (0 or more) are fitted with the ratings where they are None; then the
    covariance counts their uncertainty as well. `held` players keep a rating. Rows of one player against
    itself tell of advantage and draws alone. Raises TengenError where the ratings are not finite: without
    `prior_games`, if somebody has won, or lost, everything.
    """
    if players > MAX_PLAYERS:
        raise TengenError(f"{players:,} players are too many to rate together; the most is {MAX_PLAYERS:,}")
    held = held or {}
    groups = _groups(games, players, springs)
    model = _Model(games, players, groups, np.array(sorted(held), dtype=int), springs)
    if draw_elo is None and not games.draws.any():
        draw_elo = 0.0
    at = np.zeros(players + 2)
    at[list(held)] = np.array(list(held.values())) / ELO
    at[players:] = (
        (0.0 if advantage is None else advantage) / ELO,
        (DRAW_ELO if draw_elo is None else draw_elo) / ELO,
    )
    free = np.ones(players + 2, dtype=bool)
    free[list(held)] = False
    free[players:] = advantage is None, draw_elo is None

    value = model.value(at)
    for _ in range(ITERATIONS):
        gradient, curvature = model.slopes(at)
        move = np.zeros(players + 2)
        move[free] = _solve(curvature[np.ix_(free, free)], gradient[free])
        if gradient @ move < AT_REST:
            break
        move *= min(1.0, STEP / float(np.abs(move).max()))
        if move[-1] < 0:  # draw_elo stays above 0
            move *= min(1.0, 0.5 * at[-1] / -move[-1])
        at, value = _climb(model, at, move, value)
    else:
        raise TengenError(
            "the ratings do not come to rest: somebody has won or lost everything; add prior draws"
        )

    if not model.anchored.all():  # the mean of a group is free: it is 0, and so is its part of the covariance
        for group in np.flatnonzero(~model.anchored):
            at[:players][groups == group] -= at[:players][groups == group].mean()
    _, curvature = model.slopes(at)
    inverse = np.zeros_like(curvature)
    inverse[np.ix_(free, free)] = _solve(curvature[np.ix_(free, free)], np.eye(int(free.sum())))
    covariance = inverse[:players, :players] - model.gauge_variance()
    _, log_determinant = np.linalg.slogdet(curvature[np.ix_(free, free)])
    return Fit(
        at[:players] * ELO,
        covariance * ELO**2,
        float(at[-2] * ELO),
        float(at[-1] * ELO),
        groups,
        float(value - log_determinant / 2 - sum(math.log(spring.elo) for spring in springs)),
    )


class _Model:
    """The log posterior at [N ratings, advantage, draw_elo], in natural-log units, with its slopes."""

    def __init__(
        self, games: Games, players: int, groups: Ints, held: Ints, springs: Sequence[Spring]
    ) -> None:
        self.games, self.players, self.groups = games, players, groups
        self.above = games.wins + games.draws  # a draw is a factor of both probabilities
        self.below = games.losses + games.draws
        self.draws = float(games.draws.sum())
        self.one = np.array([spring.one for spring in springs], dtype=int)
        self.other = np.array([spring.other for spring in springs], dtype=int)
        self.stiffness = np.array([(ELO / spring.elo) ** 2 for spring in springs])
        size = groups.max(initial=-1) + 1
        self.anchored = np.isin(np.arange(size), groups[held])
        self.members = np.bincount(groups, minlength=size)
        self.loose = ~self.anchored[groups]  # [N]
        self.narrowness = (ELO / WIDTH) ** 2

    def _margins(self, at: Floats) -> tuple[Floats, Floats]:
        lead = at[self.games.first] - at[self.games.second] + at[-2]
        return lead - at[-1], -lead - at[-1]

    def value(self, at: Floats) -> float:
        over, under = self._margins(at)
        likely = -(self.above @ np.logaddexp(0, -over)) - self.below @ np.logaddexp(0, -under)
        if self.draws and at[-1] > 0:
            likely += self.draws * (2 * at[-1] + math.log(-math.expm1(-2 * at[-1])))
        likely -= self.narrowness * (at[-2:] @ at[-2:]) / 2
        return float(likely - self.stiffness @ (at[self.one] - at[self.other]) ** 2 / 2)

    def slopes(self, at: Floats) -> tuple[Floats, Floats]:
        """Gradient [N + 2] and negated second derivative [N + 2, N + 2]."""
        n, i, j = self.players, self.games.first, self.games.second
        over, under = self._margins(at)
        p, q = 1 / (1 + np.exp(over)), 1 / (1 + np.exp(under))  # of the other end than what was seen
        up, down = self.above * p, self.below * q
        bend_up, bend_down = up * (1 - p), down * (1 - q)
        bend, tilt = bend_up + bend_down, bend_down - bend_up

        gradient = np.zeros(n + 2)
        gradient[:n] = np.bincount(i, up - down, n) - np.bincount(j, up - down, n)
        gradient[n:] = (up - down).sum(), -(up + down).sum()
        gradient[n:] -= self.narrowness * at[n:]
        curvature = np.zeros((n + 2, n + 2))
        self._tie(curvature, i, j, bend)
        curvature[:n, n] = np.bincount(i, bend, n) - np.bincount(j, bend, n)
        curvature[:n, n + 1] = np.bincount(i, tilt, n) - np.bincount(j, tilt, n)
        curvature[n:, :n] = curvature[:n, n:].T
        curvature[n:, n:] = [[bend.sum(), tilt.sum()], [tilt.sum(), bend.sum()]]
        curvature[n:, n:] += self.narrowness * np.eye(2)
        if self.draws and at[-1] > 0:
            shrink = -math.expm1(-2 * at[-1])  # 1 - e^(-2 draw_elo)
            gradient[-1] += 2 * self.draws / shrink
            curvature[-1, -1] += 4 * self.draws * (1 - shrink) / shrink**2

        pull = self.stiffness * (at[self.one] - at[self.other])
        gradient[:n] -= np.bincount(self.one, pull, n) - np.bincount(self.other, pull, n)
        self._tie(curvature, self.one, self.other, self.stiffness)
        same = self.groups[:, None] == self.groups[None, :]
        curvature[:n, :n] += same & self.loose[:, None]  # a unit of curvature along each group's free mean
        return gradient, curvature

    @staticmethod
    def _tie(curvature: Floats, i: Ints, j: Ints, weight: Floats) -> None:
        np.add.at(curvature, (i, i), weight)
        np.add.at(curvature, (j, j), weight)
        np.add.at(curvature, (i, j), -weight)
        np.add.at(curvature, (j, i), -weight)

    def gauge_variance(self) -> Floats:
        """What the curvature along the free means has put into the inverse, [N, N]."""
        same = self.groups[:, None] == self.groups[None, :]
        return np.where(same & self.loose[:, None], 1.0 / self.members[self.groups][:, None] ** 2, 0.0)


def _groups(games: Games, players: int, springs: Sequence[Spring]) -> Ints:
    """The number of the connected group of each player, [N]."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    ends = np.array([(spring.one, spring.other) for spring in springs], dtype=int).reshape(-1, 2)
    i, j = np.concatenate([games.first, ends[:, 0]]), np.concatenate([games.second, ends[:, 1]])
    graph = coo_array((np.ones(len(i)), (i, j)), shape=(players, players))
    found: Ints = connected_components(graph, directed=False)[1].astype(np.int64)
    return found


def _climb(model: _Model, at: Floats, move: Floats, value: float) -> tuple[Floats, float]:
    """As much of a move as does not lower the posterior, with the value there."""
    for _ in range(40):
        reached = model.value(at + move)
        if reached >= value - 1e-9 * abs(value):
            return at + move, reached
        move = move / 2
    return at, value


def _solve(matrix: Floats, right: Floats) -> Floats:
    try:
        found: Floats = np.linalg.solve(matrix, right).astype(np.float64, copy=False)
    except np.linalg.LinAlgError:
        raise TengenError(
            "the results do not tell all ratings: somebody has won or lost everything; add prior draws"
        ) from None
    return found
