"""Elo ratings with error bars from results."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tengen.errors import TengenError
from tengen.league.bradley_terry import (
    ADVANTAGE,
    DRAW_ELO,
    PRIOR_DRAWS,
    Fit,
    Floats,
    Games,
    display_scale,
    fit,
    prior_games,
)
from tengen.league.score import Z95
from tengen.words import did_you_mean

#: What the Computer Go Server calls GNU Go 3.8 at level 10 on 9x9: the anchor of its scale.
CGOS_GNUGO = 1800.0
PLAIN_PRIOR = 0.1  # draws for each pair that met
UNMET = 1e-4  # of that prior


@dataclass(frozen=True)
class Result:
    """Games of one pairing in which `first` moved first, from its side."""

    first: str
    second: str
    wins: int
    draws: int
    losses: int

    @property
    def games(self) -> int:
        return self.wins + self.draws + self.losses


@dataclass(frozen=True)
class Rating:
    """A line of the rating list."""

    name: str
    elo: float
    error: float  # half of the 95 % interval, Elo; 0 for an anchor
    games: int
    score: float  # points a game
    group: int  # ratings compare within a group only: those whom a chain of games ties together


@dataclass(frozen=True)
class RatingList:
    """All players, best first."""

    ratings: tuple[Rating, ...]
    superiority: (
        Floats  # [N, N] probability that the row's player is better than the column's; NaN across groups
    )
    advantage: float  # Elo of moving first, of the model
    draw_elo: float

    @property
    def groups(self) -> list[list[str]]:
        """Names by group, the largest group first."""
        found: dict[int, list[str]] = {}
        for rating in self.ratings:
            found.setdefault(rating.group, []).append(rating.name)
        return sorted(found.values(), key=len, reverse=True)

    def to_json(self) -> dict[str, Any]:
        """As `tengen ratings --json` prints it."""
        rows = [
            {"name": r.name, "elo": r.elo, "error": r.error, "games": r.games, "score": r.score}
            for r in self.ratings
        ]
        return {
            "ratings": rows,
            "advantage": self.advantage,
            "draw_elo": self.draw_elo,
            "groups": self.groups,
        }


def rate(
    results: Iterable[Result],
    advantage: float | None = ADVANTAGE,
    draw_elo: float | None = DRAW_ELO,
    anchors: Mapping[str, float] | None = None,
    prior_draws: float = PRIOR_DRAWS,
) -> RatingList:
    """Rate all players of the results as BayesElo does; see `bradley_terry`.

    None for advantage or draw_elo fits it by maximum likelihood. Ratings are on BayesElo's displayed scale;
    anchored players have the ratings given, and errors are relative to them; without anchors each group's
    mean is 0. Raises TengenError for fewer than two players, unknown anchors, or values out of range.
    """
    _check(advantage, draw_elo, prior_draws)
    names, games = condense(results)
    if len(names) < 2:
        only = f"only {names[0]!r} has" if names else "nobody has"
        raise TengenError(f"{only} played; ratings need games between two players at least")
    index = {name: i for i, name in enumerate(names)}
    anchors = anchors or {}
    for name, elo in anchors.items():
        if name not in index:
            raise TengenError(f"anchor '{name}' has played no game; {did_you_mean(name, names, 'players')}")
        if not abs(elo) <= 1e4:
            raise TengenError(f"anchor '{name}' = {elo} is out of range; give an Elo from -10000 to 10000")
    found = _fit_anchored(
        games + prior_games(games, len(names), prior_draws),
        len(names),
        advantage,
        draw_elo,
        {index[name]: elo for name, elo in anchors.items()},
    )
    return _listed(names, games, found)


def _check(advantage: float | None, draw_elo: float | None, prior_draws: float) -> None:
    if advantage is not None and not abs(advantage) <= 2000:
        raise TengenError(f"advantage {advantage} is out of range; it must be from -2000 to 2000 Elo")
    if draw_elo is not None and not 0 <= draw_elo <= 2000:
        raise TengenError(f"draw_elo {draw_elo} is out of range; it must be from 0 to 2000 Elo")
    if not 0 < prior_draws <= 1e6:
        raise TengenError(f"prior_draws {prior_draws} is out of range; it must be above 0, such as 2")


def condense(results: Iterable[Result], also: Iterable[str] = ()) -> tuple[list[str], Games]:
    """Sorted names of all who played (and of others), and their games, one row an ordered pair."""
    sums: dict[tuple[str, str], list[int]] = {}
    for r in results:
        if min(r.wins, r.draws, r.losses) < 0:
            raise TengenError(f"a result has fewer than no games: {r}")
        if r.games:
            row = sums.setdefault((r.first, r.second), [0, 0, 0])
            row[0] += r.wins
            row[1] += r.draws
            row[2] += r.losses
    names = sorted({*also, *(name for pair in sums for name in pair)})
    index = {name: i for i, name in enumerate(names)}
    pairs = np.array([(index[a], index[b]) for a, b in sums], dtype=np.int64).reshape(-1, 2)
    counts = np.array(list(sums.values()), dtype=float).reshape(-1, 3)
    return names, Games(pairs[:, 0], pairs[:, 1], counts[:, 0], counts[:, 1], counts[:, 2])


def _fit_anchored(
    games: Games, players: int, advantage: float | None, draw_elo: float | None, anchors: Mapping[int, float]
) -> Fit:
    """The fit with anchors given on the displayed scale, which itself depends on a fitted draw_elo."""
    scale = display_scale(DRAW_ELO if draw_elo is None else draw_elo)
    for _ in range(50):
        held = {player: elo / scale for player, elo in anchors.items()}
        found = fit(games, players, advantage, draw_elo, held)
        if not anchors or abs(found.scale / scale - 1) < 1e-9:
            break
        scale = found.scale
    return found


def _listed(names: list[str], games: Games, found: Fit) -> RatingList:
    n = len(names)
    played = np.bincount(games.first, games.number, n) + np.bincount(games.second, games.number, n)
    points = np.bincount(games.first, games.wins + games.draws / 2, n)
    points += np.bincount(games.second, games.losses + games.draws / 2, n)
    elo = found.elo * found.scale
    variance = np.diag(found.covariance).clip(0)
    error = Z95 * np.sqrt(variance) * found.scale
    order = sorted(range(n), key=lambda i: (-elo[i], names[i]))
    rank = np.array(order)
    lead = found.elo[rank][:, None] - found.elo[rank][None, :]
    spread = variance[rank][:, None] + variance[rank][None, :] - 2 * found.covariance[np.ix_(rank, rank)]
    superiority = _normal(lead / np.sqrt(spread.clip(1e-12)))
    superiority[found.groups[rank][:, None] != found.groups[rank][None, :]] = np.nan
    ratings = tuple(
        Rating(
            names[i],
            float(elo[i]),
            float(error[i]),
            round(played[i]),
            float(points[i] / max(played[i], 1)),
            int(found.groups[i]),
        )
        for i in order
    )
    return RatingList(ratings, superiority, found.advantage, found.draw_elo)


def _normal(x: Floats) -> Floats:
    """The distribution function of the standard normal."""
    from scipy.special import ndtr

    found: Floats = ndtr(x)
    return found


def plain_ratings(results: Iterable[Result], anchor: str, prior_draws: float = PLAIN_PRIOR) -> RatingList:
    """Plain Elo relative to the anchor's 0: no advantage of the first move, a draw is half a win.

    This is what a training run logs of itself. Every two players who met are given `prior_draws` virtual
    draws more, so that one who won all games has a finite rating; they are few, since each new checkpoint
    that beats a weak baseline adds to them.
    """
    results = list(results)
    names, games = condense(results, also=[anchor])
    index = {name: i for i, name in enumerate(names)}
    met: dict[tuple[int, int], list[float]] = {}
    for r in results:
        i, j = sorted((index[r.first], index[r.second]))
        row = met.setdefault((i, j), [prior_draws / 2, prior_draws / 2])
        row[index[r.first] != i] += r.wins + r.draws / 2
        row[index[r.first] == i] += r.losses + r.draws / 2
    a = index[anchor]
    for i in range(len(names)):  # players whom no chain of games ties to the anchor have a rating too
        if i != a:
            row = met.setdefault((min(i, a), max(i, a)), [0.0, 0.0])
            row[0] += UNMET * prior_draws
            row[1] += UNMET * prior_draws
    pairs = np.array(list(met), dtype=np.int64).reshape(-1, 2)
    points = np.array(list(met.values())).reshape(-1, 2)
    halves = Games(pairs[:, 0], pairs[:, 1], points[:, 0], np.zeros(len(pairs)), points[:, 1])
    found = fit(halves, len(names), advantage=0, draw_elo=0, held={a: 0.0})
    return _listed(names, games, found)
