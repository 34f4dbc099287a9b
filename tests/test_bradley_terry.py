"""Ratings by BayesElo's model: against an independent fit of the same likelihood, and known answers."""

import math

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from scipy.optimize import minimize

from tengen.errors import TengenError
from tengen.league.bradley_terry import Spring, fit, prior_games
from tengen.league.ratings import Result, condense, rate


def f(x):
    return 1 / (1 + 10 ** (-x / 400))


def independent_fit(results, advantage, draw_elo):
    """Displayed ratings, advantage and draw_elo, by a general minimiser of BayesElo's likelihood."""
    names = sorted({name for r in results for name in (r.first, r.second)})
    rows = [(names.index(r.first), names.index(r.second), r.wins, r.draws, r.losses) for r in results]
    met = np.zeros((len(names), len(names)))
    for i, j, *counts in rows:
        met[i, j] += sum(counts)
        met[j, i] += sum(counts)
    for i in range(len(names)):
        for j in range(len(names)):
            virtual = 0.25 * 2.0 * met[i, j] / met[i].sum()  # i's half draw against j, in either order
            rows += [(i, j, 0, virtual, 0), (j, i, 0, virtual, 0)]
    i, j, wins, draws, losses = map(np.array, zip(*rows, strict=True))

    def cost(x):
        elo = np.append(x[:-2] * 100, 0)
        moving = x[-2] * 100 if advantage is None else advantage
        drawing = x[-1] * 100 if draw_elo is None else draw_elo
        d = elo[i.astype(int)] - elo[j.astype(int)]
        win, loss = f(d + moving - drawing), f(-d - moving - drawing)
        return -(wins @ np.log(win) + losses @ np.log(loss) + draws @ np.log(1 - win - loss))

    start = np.zeros(len(names) + 1)
    start[-1] = 0.9
    bounds = [(None, None)] * len(names) + [(0.01, None)]
    found = minimize(cost, start, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-14, "maxfun": 10**6})
    drawing = found.x[-1] * 100 if draw_elo is None else draw_elo
    x = 10 ** (-drawing / 400)
    elo = np.append(found.x[:-2] * 100, 0) * 4 * x / (1 + x) ** 2
    moving = found.x[-2] * 100 if advantage is None else advantage
    return dict(zip(names, elo - elo.mean(), strict=True)), moving, drawing


def played(truth, games, rng, advantage=40.0, draw_elo=70.0):
    """Results of games between random pairs of players of known model ratings."""
    names, results = list(truth), []
    for _ in range(games):
        first, second = rng.choice(names, 2, replace=False)
        d = truth[first] - truth[second]
        win, loss = f(d + advantage - draw_elo), f(-d - advantage - draw_elo)
        end = rng.choice(3, p=[win, 1 - win - loss, loss])
        results.append(Result(str(first), str(second), *(int(end == k) for k in range(3))))
    return results


@pytest.mark.parametrize("advantage", [32.8, None])
@pytest.mark.parametrize("draw_elo", [97.3, None])
def test_an_independent_fit_of_the_same_likelihood_agrees(advantage, draw_elo):
    rng = np.random.default_rng(7)
    for players, games in ((3, 12), (8, 300)):
        truth = {f"p{i}": float(rng.normal(0, 300)) for i in range(players)}
        results = played(truth, games, rng)
        expected, moving, drawing = independent_fit(results, advantage, draw_elo)
        found = rate(results, advantage, draw_elo)
        assert {r.name: r.elo for r in found.ratings} == pytest.approx(expected, abs=0.2)
        assert (found.advantage, found.draw_elo) == pytest.approx((moving, drawing), abs=0.2)


def test_two_players_by_hand():
    """With as many games moving first and no draws but the prior's two, the score alone decides."""
    # One win each way round and the prior's draw each way round: f(d - 97.3) and f(-d - 97.3) have factors
    # wins + draws = 3 and losses + draws = 1, both ways alike when the advantage is 0.
    results = [Result("a", "b", 1, 0, 0), Result("b", "a", 0, 0, 1)]
    a, b = rate(results, advantage=0).ratings
    d = (a.elo - b.elo) / (4 * 10 ** (-97.3 / 400) / (1 + 10 ** (-97.3 / 400)) ** 2)
    assert (2 + 2) * (1 - f(d - 97.3)) == pytest.approx(2 * (1 - f(-d - 97.3)), rel=1e-6)
    assert (a.name, a.games, a.score, b.score) == ("a", 2, 1.0, 0.0)


def test_the_prior_is_two_draws_a_player():
    names, games = condense([Result("a", "b", 3, 0, 0), Result("a", "c", 0, 1, 0), Result("b", "c", 0, 0, 5)])
    virtual = prior_games(games, 3)
    assert virtual.draws.sum() == pytest.approx(len(names) * 2 / 2)  # a draw has two players
    two = prior_games(condense([Result("a", "b", 1, 0, 0)])[1], 2)
    assert two.draws.tolist() == [1, 1]


def test_the_truth_is_within_the_error_bars():
    rng = np.random.default_rng(1)
    truth = {f"p{i}": 80.0 * i for i in range(10)}
    found = rate(played(truth, 6000, rng), advantage=None, draw_elo=None)
    assert found.advantage == pytest.approx(40, abs=15) and found.draw_elo == pytest.approx(70, abs=12)
    x = 10 ** (-found.draw_elo / 400)
    scale, mean = 4 * x / (1 + x) ** 2, sum(truth.values()) / 10
    off = [abs(r.elo / scale - (truth[r.name] - mean)) / (r.error / scale) for r in found.ratings]
    assert max(off) < 1.6 and sum(value < 1 for value in off) >= 8


def test_errors_are_those_of_many_repeated_tournaments():
    rng = np.random.default_rng(2)
    truth = {"a": 0.0, "b": 60.0, "c": 150.0}
    lists = [rate(played(truth, 150, rng), 40, 70) for _ in range(60)]
    for name in truth:
        lines = [r for found in lists for r in found.ratings if r.name == name]
        spread = 1.96 * np.std([r.elo for r in lines], ddof=1)
        assert np.mean([r.error for r in lines]) == pytest.approx(spread, rel=0.3)


def test_superiority_is_a_probability_of_the_difference():
    results = [Result("a", "b", 30, 10, 20), Result("b", "a", 20, 10, 30), Result("c", "a", 1, 0, 9)]
    found = rate(results)
    names = [r.name for r in found.ratings]
    assert names == ["a", "b", "c"]
    assert np.allclose(found.superiority + found.superiority.T, 1)
    # Against one another alone: the lead over its deviation; a's and b's errors are against their mean.
    two = rate(results[:2])
    lead, deviation = two.ratings[0].elo - two.ratings[1].elo, 2 * two.ratings[0].error / 1.959964
    assert two.superiority[0, 1] == pytest.approx(0.5 * math.erfc(-lead / deviation / math.sqrt(2)), abs=1e-6)


def test_an_anchor_moves_all_ratings_alike():
    results = played({"a": 0.0, "b": 100.0, "gnugo=10": 50.0}, 200, np.random.default_rng(3))
    free, held = rate(results), rate(results, anchors={"gnugo=10": 1800})
    shift = {r.name: r.elo for r in held.ratings}["gnugo=10"] - {r.name: r.elo for r in free.ratings}[
        "gnugo=10"
    ]
    assert [r.elo - s.elo for r, s in zip(held.ratings, free.ratings, strict=True)] == pytest.approx(
        [shift] * 3
    )
    assert next(r for r in held.ratings if r.name == "gnugo=10").error == 0
    assert np.allclose(held.superiority, free.superiority, atol=1e-9)


def test_two_anchors_are_both_kept_on_the_displayed_scale():
    results = played({"a": 0.0, "b": 100.0, "c": 50.0}, 200, np.random.default_rng(4))
    found = {r.name: r for r in rate(results, draw_elo=None, anchors={"a": 1000, "b": 1300}).ratings}
    assert (found["a"].elo, found["b"].elo) == pytest.approx((1000, 1300), abs=1e-4)
    assert found["c"].error > 0


def test_groups_that_never_met_are_rated_each_for_itself():
    one = [Result("a", "b", 9, 0, 1), Result("b", "c", 6, 2, 2)]
    other = [Result("x", "y", 7, 0, 3)]
    found = rate(one + other)
    assert [sorted(names) for names in found.groups] == [["a", "b", "c"], ["x", "y"]]
    together = {r.name: (r.elo, r.error) for r in found.ratings}
    for results in (one, other):
        for r in rate(results).ratings:
            assert together[r.name] == pytest.approx((r.elo, r.error), abs=1e-6)
    names = [r.name for r in found.ratings]
    assert math.isnan(found.superiority[names.index("a"), names.index("x")])


def test_who_won_everything_is_finite():
    best, worst = rate([Result("a", "b", 500, 0, 0), Result("b", "a", 0, 0, 500)]).ratings
    assert best.name == "a" and 500 < best.elo - worst.elo < 3000 and best.error < 1000


def test_without_draws_a_fitted_draw_elo_is_small_and_the_scale_plain():
    results = [Result("a", "b", 600, 0, 400), Result("b", "a", 400, 0, 600)]
    found = rate(results, advantage=None, draw_elo=None)
    assert 0 <= found.draw_elo < 2 and found.advantage == pytest.approx(0, abs=1e-3)
    lead = found.ratings[0].elo - found.ratings[1].elo
    assert lead == pytest.approx(400 * math.log10(1.5), abs=0.5)


def test_a_players_games_against_itself_tell_of_the_first_move_only():
    results = [Result("a", "b", 6, 0, 4), Result("b", "a", 4, 0, 6)]
    alone = rate(results, advantage=None)
    more = rate([*results, Result("a", "a", 900, 0, 100)], advantage=None)
    assert more.advantage > alone.advantage + 100
    assert rate([*results, Result("a", "a", 9, 0, 1)]).ratings[0].elo == pytest.approx(
        rate(results).ratings[0].elo, abs=1e-6
    )


tallies = st.tuples(st.integers(0, 3), st.integers(0, 3), *[st.integers(0, 30)] * 3).filter(
    lambda t: t[0] != t[1] and sum(t[2:]) > 0
)


@given(rows=st.lists(tallies, min_size=1, max_size=12), fitted=st.booleans())
@settings(max_examples=60, deadline=None)
def test_at_the_maximum_every_players_expected_score_is_its_score(rows, fitted):
    """The condition of a maximum: wins + draws equal their expectation for every player, prior included."""
    results = [Result(f"p{i}", f"p{j}", *counts) for i, j, *counts in rows]
    names, games = condense(results)
    games = games + prior_games(games, len(names))
    found = fit(games, len(names), *((None, None) if fitted else ()))
    d = found.elo[games.first] - found.elo[games.second] + found.advantage
    up = (games.wins + games.draws) * (1 - f(d - found.draw_elo))
    down = (games.losses + games.draws) * (1 - f(-d - found.draw_elo))
    n = len(names)
    slope = np.bincount(games.first, up - down, n) - np.bincount(games.second, up - down, n)
    assert np.abs(slope).max() < 1e-6
    assert np.linalg.eigvalsh(found.covariance).min() > -1e-6 * found.covariance.max()


def test_springs_alone_do_not_move_anybody_and_stiff_ones_hold_together():
    games = condense([Result("a", "z", 30, 0, 10), Result("b", "z", 10, 0, 30)])[1]
    games = games + prior_games(games, 3)
    loose, stiff = (fit(games, 3, springs=[Spring(0, 1, elo)]).elo for elo in (1e6, 0.1))
    assert np.allclose(loose, fit(games, 3).elo, atol=1e-3)
    assert abs(stiff[0] - stiff[1]) < 0.1 < loose[0] - loose[1]


@pytest.mark.parametrize(
    ("results", "options", "words"),
    [
        ([], {}, "nobody"),
        ([Result("a", "a", 1, 0, 0)], {}, "only 'a' has played"),
        ([Result("a", "b", 1, 0, 0)], {"anchors": {"c": 0}}, "anchor 'c'"),
        ([Result("a", "b", 1, 0, 0)], {"anchors": {"a": math.nan}}, "nan"),
        ([Result("a", "b", 1, 0, 0)], {"advantage": math.inf}, "advantage inf"),
        ([Result("a", "b", 1, 0, 0)], {"draw_elo": -1}, "draw_elo -1"),
        ([Result("a", "b", 1, 0, 0)], {"prior_draws": 0}, "prior_draws 0"),
        ([Result("a", "b", 1, 0, -1)], {}, "fewer than no games"),
    ],
)
def test_what_cannot_be_rated_is_told(results, options, words):
    with pytest.raises(TengenError, match=words):
        rate(results, **options)


def test_without_a_prior_a_perfect_score_has_no_rating():
    names, games = condense([Result("a", "b", 5, 0, 0)])
    with pytest.raises(TengenError, match="won or lost everything"):
        fit(games, len(names))
