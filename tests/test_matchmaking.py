"""Who should play whom: games go where they tell most, and no distribution is ever broken."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tengen.errors import TengenError
from tengen.league.matchmaking import choose_pairs, entropy, fictitious, pair_worth, win_probability

RATES = st.lists(
    st.one_of(st.floats(0, 1, allow_subnormal=False), st.just(math.nan)), min_size=1, max_size=20
)


def test_win_probability_is_elos_and_doubt_draws_it_to_a_half():
    assert win_probability(np.array([0.0, 400.0, -400.0])) == pytest.approx([1 / 2, 10 / 11, 1 / 11])
    sure, unsure = (float(win_probability(np.array(400.0), deviation)) for deviation in (0, 350))
    assert unsure == pytest.approx(1 / (1 + 10 ** (-0.6690 * 400 / 400)), abs=1e-4)  # Glicko's g(350)
    assert 0.5 < unsure < sure


def test_entropy_is_a_bit_for_an_even_game_and_nothing_for_a_decided_one():
    assert entropy(np.array([0.5, 0.0, 1.0, 0.11])) == pytest.approx([1, 0, 0, 0.4999], abs=1e-4)


def test_a_game_tells_most_between_near_and_uncertain_players():
    elo = np.array([0.0, 20.0, 40.0, 1500.0])
    worth = pair_worth(elo, np.array([100.0, 100.0, 10.0, 100.0]))
    assert (worth == worth.T).all() and (np.diag(worth) == 0).all()
    assert worth[0, 1] > worth[0, 2] > worth[0, 3]  # as near but better known; far away
    assert worth[1, 3] > 0


def test_pairs_spread_over_the_players_and_come_once_each():
    elo, error = np.zeros(6), np.full(6, 200.0)
    first = choose_pairs(elo, error, 3, games=40)
    assert sorted(player for pair in first for player in pair) == [0, 1, 2, 3, 4, 5]
    everything = choose_pairs(elo, error, 100, games=40)
    assert len(everything) == len(set(everything)) == 15


def test_only_allowed_pairs_are_chosen():
    allowed = np.zeros((4, 4), bool)
    allowed[3, [0, 1]] = True  # the newest may meet the first two
    pairs = choose_pairs(np.array([0.0, 300.0, 310.0, 320.0]), np.full(4, 80.0), 5, games=10, allowed=allowed)
    assert pairs == [(1, 3), (0, 3)]


def test_a_player_of_unknown_error_is_met_first():
    error = np.array([30.0, 30.0, math.nan])
    assert choose_pairs(np.zeros(3), error, 1, games=10)[0][1] == 2
    with pytest.raises(TengenError, match="3 ratings need as many errors"):
        choose_pairs(np.zeros(3), np.zeros(2), 1, games=10)


def test_prioritised_fictitious_self_play_by_hand():
    rates = np.array([0.0, 0.5, 1.0])
    assert fictitious(rates, "hard", 2) == pytest.approx([0.8, 0.2, 0])
    assert fictitious(rates, "variance") == pytest.approx([0, 1, 0])
    assert fictitious(np.array([0.1, 0.5, math.nan]), "variance") == pytest.approx([9 / 59, 25 / 59, 25 / 59])
    assert fictitious(rates, "uniform") == pytest.approx([1 / 3] * 3)


@pytest.mark.parametrize("weighting", ["hard", "variance"])
@pytest.mark.parametrize("rate", [1.0, 0.0])
def test_where_no_opponent_matters_more_all_are_alike(weighting, rate):
    assert fictitious(np.full(4, rate), weighting).tolist() == [0.25] * 4


@given(RATES, st.sampled_from(["hard", "variance", "uniform"]), st.floats(0, 100, allow_subnormal=False))
def test_the_answer_is_always_a_distribution(rates, weighting, power):
    found = fictitious(np.array(rates), weighting, power)
    assert np.isfinite(found).all() and (found >= 0).all()
    assert found.sum() == pytest.approx(1)


def test_wrong_questions_are_said():
    with pytest.raises(TengenError, match="no opponent"):
        fictitious(np.array([]))
    with pytest.raises(TengenError, match="unknown weighting 'soft'"):
        fictitious(np.array([0.5]), "soft")  # type: ignore[arg-type]
