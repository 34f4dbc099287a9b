"""Who should play whom: pure functions of ratings, errors and win rates.

Two questions: which pairs of players tell most about the ratings (`pair_worth`, `choose_pairs`), and against
which members of a league a learner should train (`fictitious`: prioritised fictitious self-play, Vinyals et
al., Grandmaster level in StarCraft II using multi-agent reinforcement learning, Nature 2019, methods).
"""

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tengen.errors import TengenError
from tengen.league.score import Z95

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Weighting = Literal["hard", "variance", "uniform"]

ELO = math.log(10) / 400  # natural log-odds of an Elo
UNKNOWN = 500.0  # 95 % error taken for a player whose own is not known


def win_probability(lead: Floats, deviation: Floats | float = 0.0) -> Floats:
    """That the better side wins, draws being half, for leads in Elo known up to a standard deviation.

    What is uncertain is drawn to 1/2 by Glicko's factor g (Glickman 1999, equation 6).
    """
    g = 1 / np.sqrt(1 + 3 * (ELO * np.asarray(deviation)) ** 2 / math.pi**2)
    found: Floats = 0.5 + 0.5 * np.tanh(ELO * g * np.asarray(lead, dtype=float) / 2)
    return found


def entropy(p: Floats) -> Floats:
    """Of a win probability, in bits: 1 at 1/2, 0 at 0 and 1."""
    q = np.clip(p, 1e-300, 1 - 1e-16)
    found: Floats = -(q * np.log2(q) + (1 - q) * np.log2(1 - q))
    return found.clip(0, 1)


def pair_worth(elo: Floats, error: Floats) -> Floats:
    """What a game between each two players [N] would tell, [N, N]: most where they are near and uncertain.

    The standard deviation of their difference, in Elo, times the entropy of the win probability; 0 on the
    diagonal. `error` is half of the 95 % interval, as rating lists print it; one that is not finite is taken
    for `UNKNOWN`.
    """
    deviation = _deviation(error)
    spread = np.sqrt(deviation[:, None] ** 2 + deviation[None, :] ** 2)
    worth: Floats = spread * entropy(win_probability(np.abs(elo[:, None] - elo[None, :]), spread))
    np.fill_diagonal(worth, 0)
    return worth


def choose_pairs(
    elo: Floats, error: Floats, pairs: int, games: int, allowed: Bools | None = None
) -> list[tuple[int, int]]:
    """The `pairs` matches of so many games each that tell most, best first; fewer where no more are allowed.

    Each is chosen as if those before it had been played, so that games spread over the players. `allowed`
    [N, N] says who may meet whom. No pair is chosen twice.
    """
    n = len(elo)
    if error.shape != elo.shape or games < 1:
        raise TengenError(f"{n} ratings need as many errors and 1 game a match, got {len(error)} and {games}")
    free = np.ones((n, n), bool) if allowed is None else np.array(allowed, bool)
    free = np.triu(free | free.T, 1)
    deviation = _deviation(error)
    chosen: list[tuple[int, int]] = []
    while len(chosen) < pairs and free.any():
        worth = np.where(free, pair_worth(elo, Z95 * deviation), -1.0)
        i, j = (int(k) for k in np.unravel_index(int(worth.argmax()), worth.shape))
        chosen.append((i, j))
        free[i, j] = False
        deviation[[i, j]] = _after(elo, deviation, i, j, games)
    return chosen


def _after(elo: Floats, deviation: Floats, i: int, j: int, games: int) -> list[float]:
    """The deviations of two players after a match, by Glicko's update (Glickman 1999, equations 8 and 9)."""
    found = []
    for one, other in ((i, j), (j, i)):
        g2 = 1 / (1 + 3 * (ELO * deviation[other]) ** 2 / math.pi**2)
        p = float(win_probability(elo[one] - elo[other], deviation[other]))
        told = games * ELO**2 * g2 * p * (1 - p)
        found.append(1 / math.sqrt(1 / max(deviation[one] ** 2, 1e-12) + told))
    return found


def _deviation(error: Floats) -> Floats:
    known = np.where(np.isfinite(error), np.abs(error), UNKNOWN)
    found: Floats = known / Z95
    return found


def fictitious(win_rates: Floats, weighting: Weighting = "hard", power: float = 2.0) -> Floats:
    """Probabilities [N] of the opponents to train against, given the learner's win rate against each.

    "hard" is (1 - p)^power: those who beat the learner. "variance" is p (1 - p): those of its own strength.
    Opponents never met (NaN) count as even. Where every weight is nothing, as when all win rates are 1, all
    are alike; the answer is always a distribution.
    """
    p = np.asarray(win_rates, dtype=float)
    if p.ndim != 1 or not len(p):
        raise TengenError("there is no opponent to choose from; the league needs a member")
    p = np.where(np.isnan(p), 0.5, p).clip(0, 1)
    if weighting == "hard":
        if not 0 <= power <= 100:
            raise TengenError(f"power {power} is out of range; it must be from 0 to 100, such as 2")
        lost = 1 - p
        top = lost.max()
        # Divided by the largest first, so that a high power of small numbers does not vanish.
        weights = (lost / top) ** power if top > 0 else np.ones(len(p))
    elif weighting == "variance":
        weights = p * (1 - p)
    elif weighting == "uniform":
        weights = np.ones(len(p))
    else:
        raise TengenError(f"unknown weighting '{weighting}'; expected hard, variance or uniform")
    top = weights.max()
    weights = weights / top if top > 0 else np.ones(len(p))
    found: Floats = weights / weights.sum()
    return found
