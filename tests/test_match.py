"""Matches: colours, openings, counting, and what an agent may not do."""

import math
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from tengen.agents.base import RESIGN, Agent
from tengen.agents.random import RandomAgent
from tengen.envs.game import Bools, Game, Ints, States
from tengen.envs.registry import make_game
from tengen.errors import TengenError
from tengen.league.match import GameRecord, MatchResult, default_random_plies, play_match
from tengen.league.score import score_interval


class Scripted(Agent):
    """Chooses by a function of the legal actions, and remembers what it was asked."""

    def __init__(self, name: str, choice: Callable[[Bools], int]) -> None:
        self.name, self.choice = name, choice
        self.asked: list[tuple[int, int]] = []  # slot, ply
        self.starts: list[int] = []

    def start(self, game: Game, slots: int) -> None:
        super().start(game, slots)
        self.starts.append(slots)

    def choose(self, states: States, slots: Ints) -> NDArray[np.int32]:
        self.asked += zip(slots.tolist(), states["ply"].tolist(), strict=True)
        legal = self.game.new_mask(len(states))
        self.game.legal_mask(states, legal)
        return np.array([self.choice(row) for row in legal], np.int32)


def lowest(legal: Bools) -> int:
    """The leftmost open column of Connect Four."""
    return int(np.flatnonzero(legal)[0])


def highest(legal: Bools) -> int:
    return int(np.flatnonzero(legal)[-1])


def test_colours_alternate_and_each_side_is_asked_for_its_own_moves() -> None:
    """Two stackers side by side: whoever begins has four first, so both win as X."""
    first, second = Scripted("left", lowest), Scripted("right", highest)
    result = play_match(make_game("connect4"), first, second, 4, random_plies=0)
    assert [record.first_agent_plays for record in result.records] == [0, 1, 0, 1]
    assert [record.outcome for record in result.records] == [1, -1, 1, -1]
    assert [record.actions for record in result.records] == [(0, 6) * 3 + (0,), (6, 0) * 3 + (6,)] * 2
    assert (result.wins, result.draws, result.losses, result.score) == (2, 0, 2, 0.5)
    assert result.distinct_games == 2
    assert all(ply % 2 == slot % 2 for slot, ply in first.asked)
    assert all(ply % 2 != slot % 2 for slot, ply in second.asked)


@pytest.mark.parametrize("name", ["connect4", "checkers", "go5"])
def test_a_seed_repeats_a_match_whatever_way_it_is_cut_short(name: str) -> None:
    game = make_game(name)

    def match(games: int, seed: int) -> MatchResult:
        return play_match(game, RandomAgent(game, 1), RandomAgent(game, 2), games, seed=seed, parallel=4)

    result = match(10, 3)
    assert result.records == match(10, 3).records
    assert result.records[:4] == match(4, 3).records
    assert result.records != match(10, 4).records
    assert result.wins + result.draws + result.losses == 10 == result.distinct_games
    for record in result.records:
        state = game.new_states(1)
        for action in record.actions:
            mask = game.new_mask(1)
            game.legal_mask(state, mask)
            assert mask[0, action]
            game.step(state, np.array([action]))
        returns = np.zeros((1, 2), np.float32)
        game.returns(state, returns)
        assert state["terminal"][0] and returns[0, record.first_agent_plays] == record.outcome
        assert record.result == game.describe_result(state)


def test_openings_come_in_pairs_with_colours_swapped() -> None:
    game = make_game("connect4")
    openings = [[3, 3], [0, 1, 2]]
    result = play_match(game, RandomAgent(game, 1), RandomAgent(game, 2), 8, openings=openings)
    for record in result.records:
        opening = openings[record.number // 2 % 2]
        assert list(record.actions[: len(opening)]) == opening and record.opening_plies == len(opening)
    longer = play_match(
        game, RandomAgent(game, 1), RandomAgent(game, 2), 8, openings=openings, random_plies=2
    )
    assert {record.opening_plies for record in longer.records} == {4, 5}


def test_random_openings_differ_from_pair_to_pair_and_hold_no_pass() -> None:
    game = make_game("go5")
    plies = default_random_plies(game)
    result = play_match(game, RandomAgent(game, 1), RandomAgent(game, 2), 40, seed=5)
    openings = [record.actions[:plies] for record in result.records]
    assert openings[::2] == openings[1::2]
    assert len(set(openings)) == 20
    assert all(25 not in opening for opening in openings)


def test_slots_are_filled_in_waves_that_agents_are_told_of() -> None:
    first, second = Scripted("left", lowest), Scripted("right", highest)
    seen: list[GameRecord] = []
    result = play_match(make_game("connect4"), first, second, 7, parallel=3, on_game=seen.append)
    assert first.starts == second.starts == [3, 3, 1]
    assert sorted(seen, key=lambda record: record.number) == list(result.records)
    assert [record.number for record in result.records] == list(range(7))


def test_a_long_match_begins_at_once() -> None:
    """The openings of ten million games are not all made before the first one is played."""
    game = make_game("connect4")
    asked: list[int] = []
    agents = Scripted("low", lowest), Scripted("low too", lowest)
    play_match(game, *agents, 10**7, parallel=4, stop=lambda: asked.append(1) is None and len(asked) > 3)
    assert len(asked) > 3


def test_a_stopped_match_counts_its_finished_games() -> None:
    game = make_game("connect4")
    seen: list[GameRecord] = []
    agents = RandomAgent(game, 1), RandomAgent(game, 2)
    result = play_match(game, *agents, 100, parallel=10, on_game=seen.append, stop=lambda: len(seen) >= 15)
    assert 15 <= result.games < 30
    never = play_match(game, *agents, 100, stop=lambda: True)
    assert (never.games, never.score, never.interval) == (0, 0.5, (0, 1))


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        (lambda legal: 0, r"agent 'bad' chose action 0 \(1\) at ply 6 of game 1, which is illegal"),
        (lambda legal: 7, "agent 'bad' chose action 7 at ply 0 of game 1"),
        (lambda legal: -2, "agent 'bad' chose action -2 at ply 0"),
    ],
)
def test_an_illegal_choice_names_agent_and_move(choice: Callable[[Bools], int], message: str) -> None:
    """Column 1 is full after six stones: three by each side, so that nobody has won."""
    with pytest.raises(TengenError, match=message):
        play_match(
            make_game("connect4"), Scripted("bad", choice), Scripted("left", lowest), 1, random_plies=0
        )


def test_an_answer_of_the_wrong_shape_names_the_agent() -> None:
    class Short(RandomAgent):
        def choose(self, states: States, slots: Ints) -> NDArray[np.int32]:
            return super().choose(states, slots)[:1]

    game = make_game("connect4")
    with pytest.raises(
        TengenError, match=r"agent 'random' answered 2 positions with an array of shape \(1,\)"
    ):
        play_match(game, Short(game, 0), RandomAgent(game, 0), 4)


def test_an_opening_that_ends_the_game_is_refused() -> None:
    game = make_game("connect4")
    with pytest.raises(TengenError, match="ends the game"):
        play_match(game, RandomAgent(game, 1), RandomAgent(game, 2), 2, openings=[[0, 1, 0, 1, 0, 1, 0]])


# --- the interval -----------------------------------------------------------------------------------------


def test_interval_without_draws_is_wilsons() -> None:
    """Known values: 8 of 10 and 0 of 20 (Newcombe 1998's method 3 gives 0.490-0.943 and 0-0.161)."""
    assert score_interval(8, 0, 2) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert score_interval(0, 0, 20) == pytest.approx((0.0, 0.1611), abs=1e-4)
    low = score_interval(20, 0, 0)[0]
    assert low == pytest.approx(1 - 0.1611, abs=1e-4)
    assert all(score_interval(games, 0, 0)[1] == 1.0 for games in range(1, 400))


def test_whoever_resigns_has_lost() -> None:
    """Also at several boards at once; the games end there, and the others go on."""
    quitter = Scripted("quitter", lambda legal: RESIGN if legal.sum() < 7 else lowest(legal))
    result = play_match(make_game("connect4"), quitter, Scripted("left", lowest), 2, random_plies=0)
    assert [record.outcome for record in result.records] == [-1, -1]
    assert [record.result for record in result.records] == ["O wins", "X wins"]
    assert [len(record.actions) for record in result.records] == [6, 7]
    go = play_match(make_game("go5"), Scripted("quitter", lambda legal: RESIGN), Scripted("left", lowest), 2)
    assert [record.result for record in go.records] == ["W+R", "B+R"]


def test_interval_never_collapses_and_draws_narrow_it() -> None:
    low, high = score_interval(0, 10, 0)
    assert low < 0.4 and high > 0.6
    narrow, wide = score_interval(10, 80, 10), score_interval(50, 0, 50)
    assert narrow[1] - narrow[0] < 0.6 * (wide[1] - wide[0])
    assert score_interval(0, 0, 0) == (0, 1)


def results(games: int, win: float, draw: float) -> Iterator[tuple[int, int, int, float]]:
    """Every result of a match and its probability."""
    for wins in range(games + 1):
        for draws in range(games + 1 - wins):
            losses = games - wins - draws
            ways = math.comb(games, wins) * math.comb(games - wins, draws)
            yield wins, draws, losses, ways * win**wins * draw**draws * (1 - win - draw) ** losses


@pytest.mark.parametrize("games", [10, 40])
@pytest.mark.parametrize(
    ("win", "draw"), [(0.5, 0), (0.2, 0.6), (0.02, 0.96), (0.9, 0.05), (0.6, 0.1), (0.1, 0.2), (0.3, 0.4)]
)
def test_interval_holds_the_true_score_as_often_as_it_says(games: int, win: float, draw: float) -> None:
    """Exact coverage by summing over all results; discreteness costs a little on either side of 95 %."""
    truth = win + draw / 2
    covered = 0.0
    for wins, draws, losses, probability in results(games, win, draw):
        low, high = score_interval(wins, draws, losses)
        covered += probability * (low <= truth <= high)
    assert covered > 0.92
