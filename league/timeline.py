"""Ratings over time: a training run's checkpoints, which were rated by few games each, hold one another up.

A run's strength is taken for a random walk: the rating of a checkpoint differs from that of the one before by
a Gaussian whose variance grows with what lies between them, as in Whole-History Rating (Coulom 2008,
https://www.remi-coulom.fr/WHR/). All ratings, those of the opponents as well, are fitted together, so that a
later game improves what is known of an earlier checkpoint. The public packages for it (whr,
whole-history-rating) know no draws as games of their own and no fitted first move, which is why this is
`bradley_terry` with springs between neighbours instead.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

from tengen.errors import TengenError
from tengen.league.bradley_terry import (
    ADVANTAGE,
    DRAW_ELO,
    PRIOR_DRAWS,
    Fit,
    Spring,
    display_scale,
    fit,
    prior_games,
)
from tengen.league.ratings import Result, condense
from tengen.league.score import Z95

WALKS = tuple(10 * 2 ** (k / 2) for k in range(16))  # Elo: 10, 14, 20, ... 1,810


class Moment(NamedTuple):
    """A checkpoint's rating, or another player's."""

    name: str
    time: float | None  # None for players who are no checkpoints: theirs does not change
    elo: float
    error: float  # half of the 95 % interval


class Timeline(NamedTuple):
    """Checkpoints in order of time, then the other players by name."""

    moments: tuple[Moment, ...]
    walk: float  # displayed Elo by which strength wanders in the median step between checkpoints
    advantage: float
    draw_elo: float


def timeline(
    results: Iterable[Result],
    times: Mapping[str, float],
    walk: float | None = None,
    anchors: Mapping[str, float] | None = None,
    advantage: float | None = ADVANTAGE,
    draw_elo: float | None = DRAW_ELO,
    prior_draws: float = PRIOR_DRAWS,
) -> Timeline:
    """Ratings of the checkpoints (name -> time: games, positions, hours, ...) and of all others who played.

    `walk` is the standard deviation, in displayed Elo, of the median step between checkpoints; None takes of
    `WALKS` the one under which the results are most probable. `anchors` are as in `ratings.rate`, save that a
    fitted draw_elo is taken from the unanchored fit. With a draw_elo of 0 a draw is half a win.
    Raises TengenError.
    """
    names, games = condense(results)
    index = {name: i for i, name in enumerate(names)}
    order = sorted((name for name in times if name in index), key=lambda name: (times[name], name))
    if not order:
        raise TengenError("none of the checkpoints has played a game; there is nothing to rate")
    if walk is not None and not 0 < walk < 1e5:
        raise TengenError(f"walk {walk} is out of range; it must be above 0 Elo, such as 50")
    for name in [name for name in (anchors or {}) if name not in index]:
        raise TengenError(f"anchor '{name}' has played no game")
    games = games + prior_games(games, len(names), prior_draws)
    if draw_elo == 0:  # under which nobody draws: half a win each
        halves = games.draws / 2
        games = games._replace(wins=games.wins + halves, losses=games.losses + halves, draws=0 * halves)
    steps = np.diff([times[name] for name in order])
    if not np.isfinite(steps).all():
        raise TengenError("the time of a checkpoint is not a finite number")
    median = float(np.median(steps[steps > 0])) if (steps > 0).any() else 1.0
    lengths = np.sqrt(
        np.maximum(steps / median, 1e-6)
    )  # two checkpoints of one time differ by next to nothing
    if draw_elo is None:
        draw_elo = fit(games, len(names), advantage, None).draw_elo
    scale = display_scale(draw_elo)
    held = {index[name]: elo / scale for name, elo in (anchors or {}).items()}

    def fitted(wander: float) -> Fit:
        springs = [
            Spring(index[one], index[other], wander / scale * length)
            for one, other, length in zip(order, order[1:], lengths.tolist(), strict=False)
        ]
        return fit(games, len(names), advantage, draw_elo, held, springs)

    if walk is None:
        walk = max(WALKS, key=lambda wander: fitted(wander).log_evidence) if len(order) > 2 else WALKS[-1]
    found = fitted(walk)
    elo = found.elo * scale
    error = Z95 * np.sqrt(np.diag(found.covariance).clip(0)) * scale
    others = [name for name in names if name not in times]
    moments = tuple(
        Moment(name, times.get(name), float(elo[index[name]]), float(error[index[name]]))
        for name in order + others
    )
    return Timeline(moments, walk, found.advantage, found.draw_elo)
