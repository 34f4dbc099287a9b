"""Elo from results: known answers, and what an error means."""

import math

import numpy as np
import pytest

from tengen.league.ratings import Result, plain_ratings


def elo_ratings(
    results: list[Result], anchor: str, prior_draws: float = 0.1
) -> dict[str, tuple[float, float]]:
    found = plain_ratings(results, anchor, prior_draws)
    return {r.name: (r.elo, r.error) for r in found.ratings}


def test_three_quarters_of_the_points_are_191_elo():
    ratings = elo_ratings([Result("a", "random", 7500, 0, 2500)], "random", prior_draws=0.001)
    assert ratings["a"][0] == pytest.approx(400 * math.log10(3), abs=0.01)
    assert ratings["random"] == (0, 0)


def test_a_draw_is_half_a_win():
    with_draws = elo_ratings([Result("a", "b", 5, 10, 1)], "b")
    without = elo_ratings([Result("a", "b", 10, 0, 6)], "b")
    assert with_draws == without


def test_who_won_everything_has_a_finite_rating_that_grows_with_the_games():
    few, many = (elo_ratings([Result("a", "b", n, 0, 0)], "b", 1.0)["a"] for n in (10, 1000))
    assert 0 < few[0] < many[0] < 3000
    # one virtual draw among n wins: (n + 1/2) points against 1/2
    assert few[0] == pytest.approx(400 * math.log10(10.5 / 0.5), abs=0.1)


def test_the_error_is_that_of_the_binomial():
    n, p = 400, 0.6
    error = elo_ratings([Result("a", "b", 240, 0, 160)], "b", prior_draws=1e-6)["a"][1]
    assert error == pytest.approx(1.96 * 400 / math.log(10) / math.sqrt(n * p * (1 - p)), rel=1e-3)


def test_ratings_add_up_along_a_chain_and_errors_grow():
    results = [Result("c", "b", 300, 0, 100), Result("b", "a", 300, 0, 100)]
    ratings = elo_ratings(results, "a", prior_draws=1e-6)
    assert ratings["c"][0] == pytest.approx(2 * ratings["b"][0], rel=1e-4)
    assert ratings["c"][1] > ratings["b"][1]


def test_the_order_and_side_of_results_do_not_matter():
    rng = np.random.default_rng(0)
    results = [
        Result(f"p{i}", f"p{j}", *(int(n) for n in rng.integers(0, 20, 3)))
        for i in range(5)
        for j in range(i)
    ]
    turned = [Result(r.second, r.first, r.losses, r.draws, r.wins) for r in reversed(results)]
    one, other = elo_ratings(results, "p0"), elo_ratings(turned, "p0")
    for name in one:
        assert one[name] == pytest.approx(other[name], abs=1e-6)


def test_the_truth_is_found_from_simulated_games():
    rng = np.random.default_rng(3)
    truth = dict(zip("abcde", (0, 100, 250, 400, 700), strict=True))
    results = []
    for x in truth:
        for y in truth:
            if x < y:
                wins = int(rng.binomial(2000, 1 / (1 + 10 ** ((truth[y] - truth[x]) / 400))))
                results.append(Result(x, y, wins, 0, 2000 - wins))
    ratings = elo_ratings(results, "a")
    off = [abs(ratings[name][0] - truth[name]) / ratings[name][1] for name in "bcde"]
    assert max(off) < 1.6 and all(ratings[name][1] < 25 for name in "bcde")


def test_the_list_counts_games_and_points_as_they_were():
    found = plain_ratings([Result("a", "b", 3, 2, 1), Result("b", "a", 0, 4, 0)], "b")
    best = found.ratings[0]
    assert (best.name, best.games, best.score) == ("a", 10, pytest.approx(0.6))
    assert found.advantage == found.draw_elo == 0 and 0.5 < found.superiority[0, 1] < 1


def test_no_games_at_all():
    assert elo_ratings([], "random") == {"random": (0, 0)}


def test_beating_a_weak_baseline_again_and_again_pulls_nobody_down():
    """Ten checkpoints of one strength, each 20:0 against random; only the middle player tells how strong."""
    middle = Result("middle", "random", 28, 0, 2)
    results = [middle]
    seen = []
    for i in range(10):
        results += [Result(f"c{i}", "random", 20, 0, 0), Result(f"c{i}", "middle", 18, 0, 2)]
        seen.append(elo_ratings(results, "random")["c0"][0])
    assert max(seen) - min(seen) < 60
