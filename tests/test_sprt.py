"""Sequential tests: log likelihood ratios published with fastchess and fishtest, and what a test must do."""

import math

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from scipy.optimize import minimize

from tengen.errors import TengenError
from tengen.league.entrants import Entrant
from tengen.league.pairings import Pairing
from tengen.league.schedule import Match, make_matches
from tengen.league.sprt import Sprt, expected_score, logistic_elo, normalized_elo, pentanomial

KNOWN = [  # model, elo0, elo1, counts from worst to best, log likelihood ratio
    ("normalized", 0, 2, [36027, 68692, 36433], 0.92),
    ("normalized", -1.75, 0.25, [10650, 20431, 10871], 2.30),
    ("normalized", 0, 10, [0, 0, 4250], 120.56),
    ("normalized", 0, 2, [365, 16618, 36229, 16974, 390], 2.25),
    ("logistic", 0.5, 2.5, [21184, 40708, 21404], -1.57),
    ("logistic", 0, 2, [57030, 106593, 57433], -2.59),
    ("logistic", 0.5, 2.5, [223, 9863, 21279, 10037, 246], -3.07),
    ("logistic", 0, 2, [871, 26175, 55983, 26678, 821], -4.98),
]


@pytest.mark.parametrize(("model", "elo0", "elo1", "counts", "llr"), KNOWN)
def test_the_ratio_is_the_published_one(model, elo0, elo1, counts, llr):
    assert Sprt(elo0, elo1, model=model).llr(counts) == pytest.approx(llr, abs=0.012)


def test_elo_of_pairs_and_its_error_are_the_published_ones():
    elo, error = logistic_elo([34, 54, 63, 64, 75])
    assert (round(elo, 2), round(error, 2)) == (55.58, 27.65)


def test_the_bounds_are_walds():
    test = Sprt(0, 5, alpha=0.05, beta=0.1)
    assert test.lower == pytest.approx(math.log(0.1 / 0.95))
    assert test.upper == pytest.approx(math.log(0.9 / 0.05))


@pytest.mark.parametrize("model", ["normalized", "logistic"])
@given(counts=st.lists(st.integers(1, 500), min_size=3, max_size=3), elo=st.floats(-60, 60))
@settings(max_examples=15, deadline=None)
def test_the_hypotheses_distribution_is_the_likeliest_that_fits_it(model, counts, elo):
    """A search over all distributions of three outcomes with that strength finds no likelier one."""
    scores, shares = np.array([0, 0.5, 1]), np.array(counts) / sum(counts)
    found = Sprt(-100, 100, model=model)._likeliest(scores, shares, elo)
    assert found.sum() == pytest.approx(1) and (found > 0).all()

    def strength(p):
        mean = p @ scores
        t = (mean - 0.5) / math.sqrt(max(1e-12, p @ (scores - mean) ** 2))
        return t * 800 / math.log(10) - elo if model == "normalized" else mean - expected_score(elo)

    assert strength(found) == pytest.approx(0, abs=1e-4)
    searched = minimize(
        lambda p: -(shares @ np.log(np.abs(p) + 1e-300)),
        np.full(3, 1 / 3),
        bounds=[(1e-6, 1)] * 3,
        constraints=[{"type": "eq", "fun": lambda p: p.sum() - 1}, {"type": "eq", "fun": strength}],
        method="SLSQP",
    )
    assert shares @ np.log(found) >= -searched.fun - 1e-5


@given(
    counts=st.one_of(*(st.lists(st.integers(0, 10**6), min_size=n, max_size=n) for n in (3, 5))),
    low=st.floats(-100, 99),
    width=st.floats(0.5, 100),
    model=st.sampled_from(["normalized", "logistic"]),
)
@settings(deadline=None)
def test_seen_from_the_other_side_the_ratio_changes_its_sign(counts, low, width, model):
    high = min(low + width, 100)
    ours = Sprt(low, high, model=model).llr(counts)
    theirs = Sprt(-high, -low, model=model).llr(counts[::-1])
    assert math.isfinite(ours)
    assert ours == pytest.approx(-theirs, rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("model", ["normalized", "logistic"])
def test_a_test_errs_as_rarely_as_it_says_and_ends(model):
    """Matches by players who are exactly H0 and exactly H1 strong, in pairs of games."""
    rng = np.random.default_rng(5)
    test = Sprt(0, 40, model=model)
    steps, deviation = np.arange(5) / 4, math.sqrt(1 / 16)
    for hypothesis, elo, wrong in (("H0", 0, "H1"), ("H1", 40, "H0")):
        shift = expected_score(elo) - 0.5
        if model == "normalized":
            shift = elo * math.log(10) / 800 * math.sqrt(2) * deviation
        shares = np.array([1, 4, 6, 4, 1]) / 16  # deviation 1/4 of a pair's mean score
        shares = shares * np.exp(shift / deviation**2 * (steps - 0.5))
        shares /= shares.sum()
        ended = []
        for _ in range(60):
            counts = np.zeros(5, dtype=int)
            decided = None
            while decided is None:
                counts += rng.multinomial(12, shares)
                decided = test.decide(counts.tolist())
            ended.append(decided)
        assert ended.count(wrong) <= 8, hypothesis  # 3 of 60 expected, 8 three deviations above


def test_without_games_nothing_is_decided():
    assert Sprt(0, 5).llr([0, 0, 0]) == 0 and Sprt(0, 5).decide([0, 0, 0, 0, 0]) is None
    assert math.isnan(logistic_elo([0, 0, 0]).elo) and math.isnan(normalized_elo([0, 9, 0]).elo)
    assert logistic_elo([0, 0, 7]).elo == math.inf


def test_pairs_are_counted_by_their_points():
    assert pentanomial([(0, 0), (1, 0), (0.5, 0.5), (0, 0.5), (1, 0.5), (1, 1)]) == [1, 1, 2, 1, 1]


def test_normalized_elo_of_games_and_of_independent_pairs_agree():
    """Pairs made of independent games carry the same information as the games."""
    games = np.array([0.2, 0.5, 0.3])
    pairs = np.convolve(games, games)
    one = normalized_elo((games * 2_000_000).round().astype(int).tolist())
    other = normalized_elo((pairs * 1_000_000).round().astype(int).tolist())
    assert one.elo == pytest.approx(other.elo, rel=1e-5)
    assert one.error == pytest.approx(other.error, rel=1e-5)


@pytest.mark.parametrize(
    ("settings_", "words"),
    [
        ({"elo0": 5, "elo1": 0}, "below"),
        ({"elo0": 0, "elo1": math.nan}, "below"),
        ({"elo0": 0, "elo1": 500}, "out of range"),
        ({"elo0": 0, "elo1": 5, "alpha": 0}, "alpha 0"),
        ({"elo0": 0, "elo1": 5, "model": "bayesian"}, "bayesian"),
    ],
)
def test_senseless_tests_are_refused(settings_, words):
    with pytest.raises(TengenError, match=words):
        Sprt(**settings_)


def test_counts_of_another_length_are_refused():
    with pytest.raises(TengenError, match=r"\[1, 2\]"):
        Sprt(0, 5).llr([1, 2])


def match_of(outcomes: dict[int, int | None], repeated: tuple[int, ...] = ()) -> Match:
    """A match of eight games in which some are done; outcomes are player 0's."""
    players = [Entrant(name, name, name, False, None) for name in ("a", "b")]
    (match,) = make_matches("event", "round", [Pairing(0, 1, 8)], players)
    for number, outcome in outcomes.items():
        match.note(number, outcome, is_new=number not in repeated)
    return match


def test_a_test_looks_at_games_in_the_order_of_the_schedule() -> None:
    match = match_of({0: 1, 1: 1, 3: 1, 5: 1, 7: 1})  # 2 takes long
    assert match.counts(pairs=False) == [1, 0, 1]
    assert match.counts(pairs=True) == [0, 0, 1, 0, 0]
    match.note(2, 0)
    assert match.counts(pairs=False) == [2, 1, 1]
    assert match.counts(pairs=True) == [0, 1, 1, 0, 0]


def test_a_test_learns_nothing_from_a_game_that_repeats_another() -> None:
    match = match_of(dict.fromkeys(range(8), 1), repeated=(2, 3, 5, 6))
    assert match.counts(pairs=False) == [2, 0, 2]
    assert match.counts(pairs=True) == [0, 0, 1, 0, 0]
