"""Nash averaging and alpha-rank: games solved by hand, and what must hold for every game."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays
from scipy.optimize import linprog

from tengen.errors import TengenError
from tengen.league.nash import alpha_rank, nash_average, payoff
from tengen.league.ratings import Result

CIRCLE = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / 2  # rock, paper, scissors

games = st.integers(1, 6).flatmap(
    lambda n: arrays(np.float64, (n, n), elements=st.integers(-10, 10).map(float)).map(
        lambda a: (a - a.T) / 40
    )
)


def copied(game, players):
    return game[np.ix_(players, players)]


def test_payoff_is_points_a_game_whoever_moved_first():
    found = payoff([Result("a", "b", 3, 2, 0), Result("b", "a", 4, 0, 1), Result("c", "a", 0, 1, 0)])
    assert found.names == ["a", "b", "c"]
    assert found.games.tolist() == [[0, 10, 1], [10, 0, 0], [1, 0, 0]]
    assert found.score.tolist() == [[0.5, 0.5, 0.5], [0.5, 0.5, 0.5], [0.5, 0.5, 0.5]]
    lopsided = payoff([Result("a", "b", 9, 0, 0), Result("b", "c", 2, 1, 1)], prior_draws=1)
    assert lopsided.score[0] == pytest.approx([0.5, 0.95, 0.5])
    assert lopsided.score[1] == pytest.approx([0.05, 0.5, 0.6])
    assert np.allclose(lopsided.advantage, -lopsided.advantage.T)


def test_everybody_in_a_circle_is_alike():
    mixture, skill = nash_average(CIRCLE)
    assert mixture == pytest.approx([1 / 3] * 3) and skill == pytest.approx([0] * 3, abs=1e-8)
    assert alpha_rank(CIRCLE) == pytest.approx([1 / 3] * 3)


def test_copies_of_a_player_change_nothing_for_the_others():
    mixture, skill = nash_average(copied(CIRCLE, [0, 1, 2, 2, 2]))
    assert mixture == pytest.approx([1 / 3, 1 / 3, 1 / 9, 1 / 9, 1 / 9], abs=1e-6)
    assert skill == pytest.approx([0] * 5, abs=1e-6)


def test_the_best_of_a_ladder_has_it_all():
    ladder = np.subtract.outer([0, 1, 2, 5], [0, 1, 2, 5]) / 20
    mixture, skill = nash_average(ladder)
    assert mixture == pytest.approx([0, 0, 0, 1])
    assert skill == pytest.approx([-0.25, -0.2, -0.15, 0])
    assert alpha_rank(ladder) == pytest.approx([0, 0, 0, 1], abs=1e-6)


def test_an_uneven_circle_by_hand():
    """Rock beats scissors by twice as much: paper, which gains nothing by it, is played twice as often."""
    game = np.array([[0, -1, 2], [1, 0, -1], [-2, 1, 0]]) / 8
    assert nash_average(game).mixture == pytest.approx([0.25, 0.5, 0.25], abs=1e-6)


def test_where_nobody_gains_the_mixture_is_even():
    assert nash_average(np.zeros((4, 4))).mixture == pytest.approx([0.25] * 4)
    assert alpha_rank(np.zeros((4, 4))) == pytest.approx([0.25] * 4)


def test_of_many_equilibria_the_one_of_largest_entropy_is_found():
    """Two players hold each other to a draw and beat the third: any mixture of them is an equilibrium."""
    game = np.array([[0, 0, 3], [0, 0, 1], [-3, -1, 0]]) / 8
    mixture, skill = nash_average(game)
    assert mixture == pytest.approx([0.5, 0.5, 0], abs=1e-5) and skill == pytest.approx(
        [0, 0, -0.25], abs=1e-5
    )


def entropy(shares):
    return -(shares[shares > 0] @ np.log(shares[shares > 0]))


@given(games, st.integers(0, 99))
@settings(max_examples=50, deadline=None)
def test_nobody_gains_from_the_mixture_and_no_equilibrium_has_more_entropy(game, seed):
    mixture, skill = nash_average(game)
    assert mixture.sum() == pytest.approx(1) and (mixture >= 0).all()
    assert (game @ mixture).max() < 1e-4 and abs(mixture @ skill) < 1e-4
    n = len(game)
    other = linprog(
        np.random.default_rng(seed).normal(size=n), game, np.zeros(n), np.ones((1, n)), [1]
    )  # a corner of the set of equilibria, and half-way to it
    for equilibrium in (other.x, (other.x + mixture) / 2):
        assert entropy(mixture) >= entropy(equilibrium) - 1e-3
    twice = nash_average(copied(game, [*range(n), 0]))
    assert twice.mixture[0] == pytest.approx(twice.mixture[n], abs=2e-3)


@given(games, st.sampled_from([0.0, 0.3, 5.0, 100.0]))
@settings(max_examples=60, deadline=None)
def test_alpha_rank_is_the_rest_of_the_evolving_population(game, alpha):
    """Against the chain written down state by state, where its rates are not too far apart for that."""
    found = alpha_rank(game, alpha, population=10)
    assert found.sum() == pytest.approx(1) and np.isfinite(found).all()
    n = len(game)
    chain = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            u = 2 * alpha * game[j, i]
            if i != j and abs(u) < 3:
                chain[i, j] = 0.1 if u == 0 else (1 - np.exp(-u)) / (1 - np.exp(-10 * u))
    if n > 1 and (chain + np.eye(n) > 0).all():
        flow = chain - np.diag(chain.sum(1))
        rest = np.linalg.lstsq(np.vstack([flow.T, np.ones(n)]), np.append(np.zeros(n), 1), rcond=None)[0]
        assert found == pytest.approx(rest, abs=1e-5)


@pytest.mark.parametrize(
    ("alpha", "expected"),
    [(0.5, [0.274056, 0.509407, 0.172777, 0.043761]), (5, [0.314163, 0.403324, 0.240078, 0.042434])],
)
def test_alpha_rank_is_open_spiels(alpha, expected):
    """Golden values of open_spiel.python.egt.alpharank.compute([game], m=50, alpha=alpha)."""
    game = np.array(
        [[0, 0.1, -0.2, 0.05], [-0.1, 0, 0.3, 0.1], [0.2, -0.3, 0, -0.02], [-0.05, -0.1, 0.02, 0]]
    )
    assert alpha_rank(game, alpha) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    "game", [np.ones((2, 2)), np.zeros((2, 3)), np.zeros((0, 0)), np.full((1, 1), np.nan)]
)
def test_what_is_no_game_is_refused(game):
    with pytest.raises(TengenError, match="payoff matrix"):
        nash_average(game)
