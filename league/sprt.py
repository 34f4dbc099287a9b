"""Sequential probability ratio tests of whether one player is stronger than another, and Elo from counts.

Results are counts from the worst to the best for the player under test: of games, [losses, draws, wins]
(trinomial), or of pairs of games from one opening with colours swapped, by their points, 0, 1/2, 1, 3/2 and 2
(pentanomial), which is the right one wherever openings are played in pairs: the two games of a pair are not
independent.

The test is the generalised one: the ratio of the likelihoods of the two hypotheses, each with the
distribution of outcomes that is most likely under it. After Michel Van den Bergh, "The generalized maximum
likelihood ratio for the expectation value of a distribution" and "Normalized Elo"
(https://www.cantate.be/Fishtest/GSPRT_approximation.pdf and normalized_elo.pdf there).
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tengen.errors import TengenError
from tengen.league.score import Z95

Floats = NDArray[np.float64]
Model = Literal["normalized", "logistic"]

ELO = 400 / math.log(10)
WIDEST = (
    100.0  # normalised Elo; no distribution of outcomes has a mean so many deviations from 1/2 as far more
)
UNSEEN = 1e-3  # counts of outcomes that have not occurred, so that they are possible under the hypotheses


class Strength(NamedTuple):
    """An estimate, with half of its 95 % interval."""

    elo: float
    error: float


@dataclass(frozen=True)
class Sprt:
    """A test of H1, the player is `elo1` stronger, against H0, it is `elo0` stronger.

    `alpha` is the probability to accept H1 where H0 holds, `beta` that to accept H0 where H1 holds. Elo is
    "logistic", of the expected score, or "normalized": (score - 1/2) / (standard deviation of a game's score)
    times 800 / ln 10, which fixes how many games a test takes, however many are drawn.
    """

    elo0: float
    elo1: float
    alpha: float = 0.05
    beta: float = 0.05
    model: Model = "normalized"

    def __post_init__(self) -> None:
        if not (math.isfinite(self.elo0) and math.isfinite(self.elo1) and self.elo0 < self.elo1):
            raise TengenError(f"sprt: elo0 {self.elo0} must be below elo1 {self.elo1}, such as 0 and 5")
        widest = max(abs(self.elo0), abs(self.elo1))
        if widest > (WIDEST if self.model == "normalized" else 10 * WIDEST):
            raise TengenError(f"sprt: {widest} {self.model} Elo is out of range; such tests end at once")
        for name, chance in (("alpha", self.alpha), ("beta", self.beta)):
            if not 0 < chance < 0.5:
                raise TengenError(f"sprt: {name} {chance} is out of range; it must be between 0 and 0.5")
        if self.model not in ("normalized", "logistic"):
            raise TengenError(f"sprt: unknown model '{self.model}'; models: normalized, logistic")

    @property
    def lower(self) -> float:
        """The log likelihood ratio at and below which H0 is accepted."""
        return math.log(self.beta / (1 - self.alpha))

    @property
    def upper(self) -> float:
        """The log likelihood ratio at and above which H1 is accepted."""
        return math.log((1 - self.beta) / self.alpha)

    def llr(self, counts: Sequence[int]) -> float:
        """Log likelihood ratio of H1 to H0; 0 without games."""
        scores, seen = _outcomes(counts)
        total = float(seen.sum())
        if not total:
            return 0.0
        seen = np.maximum(seen, UNSEEN)
        shares = seen / seen.sum()
        ratio = np.log(self._likeliest(scores, shares, self.elo1)) - np.log(
            self._likeliest(scores, shares, self.elo0)
        )
        return float(seen.sum() * (shares @ ratio))

    def decide(self, counts: Sequence[int]) -> Literal["H0", "H1"] | None:
        """The hypothesis accepted, None while the test goes on."""
        llr = self.llr(counts)
        return "H1" if llr >= self.upper else "H0" if llr <= self.lower else None

    def _likeliest(self, scores: Floats, shares: Floats, elo: float) -> Floats:
        if self.model == "logistic":
            return _with_mean(scores - expected_score(elo), shares)
        # A pair's mean score has the standard deviation of a game's over sqrt 2.
        return _with_t_value(scores, shares, elo / (2 * ELO) * math.sqrt((len(scores) - 1) / 2))


def expected_score(elo: float) -> float:
    """Points a game of who is `elo` stronger."""
    return 1 / (1 + 10 ** (-elo / 400))


def score_elo(score: float) -> float:
    """Elo of an expected score; infinite for 0 and 1."""
    if score <= 0 or score >= 1:
        return math.inf if score >= 1 else -math.inf
    return -400 * math.log10(1 / score - 1)


def logistic_elo(counts: Sequence[int]) -> Strength:
    """Elo of the mean score of the counts; infinite where one side won everything, NaN without games."""
    scores, seen = _outcomes(counts)
    mean, deviation, total = _moments(scores, seen)
    half = Z95 * deviation / math.sqrt(total) if total else math.nan
    return Strength(score_elo(mean), (score_elo(mean + half) - score_elo(mean - half)) / 2)


def normalized_elo(counts: Sequence[int]) -> Strength:
    """Normalised Elo of the counts, NaN where all results are alike or there are none."""
    scores, seen = _outcomes(counts)
    mean, deviation, total = _moments(scores, seen)
    games = (len(scores) - 1) / 2  # of an outcome
    if not total or not deviation:
        return Strength(math.nan, math.nan)
    unit = 2 * ELO / math.sqrt(games)
    return Strength((mean - 0.5) / deviation * unit, Z95 * unit / math.sqrt(total))


def pentanomial(pairs: Iterable[tuple[float, float]]) -> list[int]:
    """Counts of pairs of games by their points (1, 1/2, 0 each) for the player under test."""
    counts = [0] * 5
    for one, other in pairs:
        counts[round(2 * (one + other))] += 1
    return counts


def _outcomes(counts: Sequence[int]) -> tuple[Floats, Floats]:
    """Mean score of a game of each outcome, and the counts. Raises TengenError."""
    if len(counts) not in (3, 5) or min(counts) < 0:
        raise TengenError(f"counts {list(counts)} are not 3 (games) or 5 (pairs) numbers of 0 or more")
    return np.linspace(0, 1, len(counts)), np.array(counts, dtype=float)


def _moments(scores: Floats, seen: Floats) -> tuple[float, float, float]:
    total = float(seen.sum())
    if not total:
        return math.nan, math.nan, 0.0
    mean = float(seen @ scores) / total
    return mean, math.sqrt(float(seen @ (scores - mean) ** 2) / total), total


def _with_mean(values: Floats, shares: Floats) -> Floats:
    """The distribution on `values` of mean 0 under which the observed `shares` are most likely.

    It is shares / (1 + x values), with the x that makes its mean 0 (Van den Bergh, proposition 1.1): the mean
    falls in x between the poles, so bisection finds it.
    """
    low, high = -1 / values.max(), -1 / values.min()
    for _ in range(200):
        x = (low + high) / 2
        if x in (low, high):
            break
        if shares @ (values / (1 + x * values)) > 0:
            low = x
        else:
            high = x
    found: Floats = shares / (1 + x * values)
    return found


def _with_t_value(scores: Floats, shares: Floats, t: float) -> Floats:
    """The likeliest distribution with (mean - 1/2) / deviation = t, the constraint made linear each time."""
    found = np.full(len(scores), 1 / len(scores))
    for _ in range(50):
        before = found
        mean = float(before @ scores)
        deviation = math.sqrt(float(before @ (scores - mean) ** 2))
        bend = (1 + ((scores - mean) / deviation) ** 2) / 2
        found = _with_mean(scores - 0.5 - t * deviation * bend, shares)
        if np.abs(found - before).max() < 1e-12:
            break
    return found
