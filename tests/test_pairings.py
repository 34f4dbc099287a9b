"""Who plays whom: everybody once, equals in a Swiss, seeds apart in a knockout, the better up a ladder."""

from collections import Counter
from collections.abc import Callable
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tengen.league.pairings import (
    Pairing,
    Round,
    bracket,
    default_rounds,
    knockout,
    ladder,
    next_round,
    swiss_points,
)

FORMATS = ("roundrobin", "gauntlet", "swiss", "knockout", "ladder")


def play(
    form: str, players: int, score: Callable[[int, int], float], limit: int = 0
) -> tuple[list[Round], list[list[Pairing]]]:
    """A whole tournament in which `score(a, b)` is what a makes against b."""
    rounds: list[Round] = []
    drawn: list[list[Pairing]] = []
    while (coming := next_round(form, players, 2, rounds, limit=limit)) is not None:
        pairings, byes = coming
        drawn.append(pairings)
        rounds.append(Round({(p.first, p.second): score(p.first, p.second) for p in pairings}, byes))
    return rounds, drawn


def stronger(a: int, b: int) -> float:
    return float(a < b)


def test_in_a_round_robin_everybody_meets_everybody_once() -> None:
    _, [pairings] = play("roundrobin", 6, stronger)
    assert {(p.first, p.second) for p in pairings} == set(combinations(range(6), 2))
    assert {p.games for p in pairings} == {2}


def test_in_a_gauntlet_challengers_meet_the_others_only() -> None:
    coming = next_round("gauntlet", 5, 3, [], challengers=2)
    assert coming is not None
    assert {(p.first, p.second) for p in coming[0]} == {(0, 2), (0, 3), (0, 4), (1, 2), (1, 3), (1, 4)}


@pytest.mark.parametrize("form", FORMATS)
@given(players=st.integers(2, 17), seed=st.integers(0, 1000))
def test_nobody_plays_twice_in_a_round_nor_against_themselves(form: str, players: int, seed: int) -> None:
    def score(a: int, b: int) -> float:
        return (a * 31 + b * 17 + seed) % 5 / 4

    rounds, drawn = play(form, players, score)
    assert len(rounds) == default_rounds(form, players)
    for one, pairings in zip(rounds, drawn, strict=True):
        assert all(0 <= p.first < p.second < players for p in pairings)
        if form not in ("roundrobin", "gauntlet"):
            seats = Counter([player for p in pairings for player in p[:2]] + list(one.byes))
            assert max(seats.values(), default=1) == 1
            assert form != "swiss" or len(seats) == players, "in a Swiss nobody is left out"


@given(players=st.integers(4, 20), seed=st.integers(0, 1000))
def test_in_a_swiss_nobody_meets_twice_and_byes_go_round(players: int, seed: int) -> None:
    rounds, drawn = play("swiss", players, lambda a, b: (a * 7 + b * 13 + seed) % 3 / 2)
    met = Counter((p.first, p.second) for pairings in drawn for p in pairings)
    assert max(met.values()) == 1
    byes = Counter(player for one in rounds for player in one.byes)
    assert max(byes.values(), default=1) == 1 and len(byes) == (len(rounds) if players % 2 else 0)


def test_in_a_swiss_winners_meet_winners() -> None:
    """The better one always wins: after each round those with equal points are paired."""
    rounds, drawn = play("swiss", 8, stronger)
    for number, pairings in enumerate(drawn[:3]):
        points = swiss_points(8, rounds[:number])
        assert all(points[p.first] == points[p.second] for p in pairings)
    points = swiss_points(8, rounds)
    assert points[0] == max(points) == 4


def test_more_rounds_than_opponents_repeat_some() -> None:
    rounds, _ = play("swiss", 4, stronger, limit=6)
    assert len(rounds) == 6 and all(len(one.scores) == 2 for one in rounds)


def test_seeds_stand_far_apart_in_the_bracket() -> None:
    assert bracket(8) == [(0, 7), (3, 4), (1, 6), (2, 5)]
    assert bracket(5) == [(0, None), (3, 4), (1, None), (2, None)]
    assert bracket(2) == [(0, 1)]


@pytest.mark.parametrize("players", range(2, 18))
def test_a_knockout_where_the_better_wins_ends_in_the_seeds_order(players: int) -> None:
    _, drawn = play("knockout", players, stronger)
    assert [(p.first, p.second) for p in drawn[-1]] == [(0, 1)]
    assert sum(len(pairings) for pairings in drawn) == players - 1, "each match throws one player out"


def test_an_upset_goes_through_and_a_tie_goes_to_the_better_seed() -> None:
    first = Round({(0, 3): 0.0, (1, 2): 0.5})
    pairings, pairs = knockout(4, 2, [first])
    assert pairings == [Pairing(1, 3, 2)] and pairs == [(3, 1)]


@given(strengths=st.permutations(range(9)))
def test_a_ladder_puts_any_order_right(strengths: list[int]) -> None:
    rounds, _ = play("ladder", 9, lambda a, b: float(strengths[a] > strengths[b]))
    order = ladder(9, 2, rounds)[1]
    assert [strengths[player] for player in order] == list(range(8, -1, -1))


def test_on_a_ladder_a_tie_changes_nothing() -> None:
    rounds, _ = play("ladder", 4, lambda a, b: 0.5)
    assert ladder(4, 2, rounds)[1] == [0, 1, 2, 3]
