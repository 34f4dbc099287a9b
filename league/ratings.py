"""Elo ratings from results: Bradley-Terry by maximum a posteriori, draws as half a win."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

ELO = 400 / math.log(10)
UNMET = 1e-4  # of the prior


@dataclass(frozen=True)
class Result:
    """Games of one pairing, from the first player's side."""

    first: str
    second: str
    wins: int
    draws: int
    losses: int


def elo_ratings(
    results: Sequence[Result], anchor: str, prior_draws: float = 0.1
) -> Mapping[str, tuple[float, float]]:
    """Elo of every player relative to the anchor's 0, each with its 95 % error.

    Every two players who met are given `prior_draws` virtual draws more, so that one who won all games has a
    finite rating; they are few, since each new checkpoint that beats a weak baseline adds
    to them. Newton's method on the concave log posterior; errors from its curvature (the anchor fixed).
    """
    names = sorted({anchor, *(r.first for r in results), *(r.second for r in results)})
    index = {name: i for i, name in enumerate(names)}
    points = np.zeros((len(names), len(names)))  # [i, j] what i scored against j
    for r in results:
        i, j = index[r.first], index[r.second]
        points[i, j] += r.wins + r.draws / 2
        points[j, i] += r.losses + r.draws / 2
    a = index[anchor]
    points += prior_draws / 2 * (points + points.T > 0)
    points[a] += UNMET * prior_draws  # players whom no chain of games ties to the anchor have a rating too
    points[:, a] += UNMET * prior_draws
    points[a, a] = 0
    games = points + points.T
    theta = np.zeros(len(names))  # natural-log strengths
    free = [i for i in range(len(names)) if i != a]
    curvature = np.eye(len(free))
    for _ in range(100):
        expected = 1 / (1 + np.exp(theta[None, :] - theta[:, None]))
        gradient = (points - games * expected).sum(1)
        weight = games * expected * (1 - expected)
        curvature = (np.diag(weight.sum(1)) - weight)[np.ix_(free, free)]
        move = np.linalg.solve(curvature, gradient[free]) if free else np.zeros(0)
        theta[free] += np.clip(move, -2, 2)
        if not free or np.abs(move).max() < 1e-9:
            break
    errors = np.zeros(len(names))
    if free:
        errors[free] = 1.96 * np.sqrt(np.diag(np.linalg.inv(curvature)))
    return {name: (float(theta[i] * ELO), float(errors[i] * ELO)) for name, i in index.items()}
