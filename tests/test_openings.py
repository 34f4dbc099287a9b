"""Openings: how many there are, that they are legal and fair, and that no two are one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tengen.agents.random import RandomAgent
from tengen.agents.registry import make_agent
from tengen.envs.game import Game, States
from tengen.envs.registry import make_game
from tengen.errors import TengenError
from tengen.league.notation import game_turns
from tengen.league.openings import (
    all_starts,
    book,
    canonical,
    even_ones,
    make_openings,
    openings_text,
    three_move_starts,
)
from tengen.league.tournament_config import OpeningsConfig
from tengen.league.wave import replay


def after(game: Game, actions: list[int]) -> States:
    """The position after checked actions."""
    from tengen.envs.position import Position

    position = Position(game)
    for action in actions:
        position.apply(action)
    return position.state


def test_connect_four_begins_with_every_start_of_two_plies() -> None:
    game = make_game("connect4")
    starts = make_openings(OpeningsConfig(), game, 10, seed=1)
    assert sorted(starts) == [[a, b] for a in range(7) for b in range(7)]
    assert starts != make_openings(OpeningsConfig(), game, 10, seed=2), "the order is drawn"


def test_checkers_has_302_starts_of_three_moves_and_216_positions() -> None:
    """The first is perft(3); the second counts those that transpose into one another once."""
    game = make_game("checkers")
    assert len(all_starts(game, 3)) == 302
    assert len(three_move_starts(game)) == 216


def test_ballots_are_starts_of_their_own_that_lose_no_man() -> None:
    game = make_game("checkers")
    ballots = make_openings(OpeningsConfig(), game, 10, seed=1)
    positions = {game.to_text(after(game, actions)) for actions in ballots}
    assert len(ballots) == len(positions) == 170
    assert positions <= {game.to_text(after(game, actions)) for actions in three_move_starts(game)}
    words = {" ".join(game_turns(game, actions)) for actions in ballots}
    assert "11-15 23-19 8-11" in words, "the old faithful"
    assert not {"9-14 21-17 14x21", "10-14 21-17 14x21"} & words, "a man for nothing"


def test_starts_that_a_searcher_finds_lost_fall_away() -> None:
    game = make_game("connect4")
    even, lost = [3, 3], [3, 0, 3, 0, 3, 6]  # X has three in a column and is to move
    agent = make_agent("mcts?sims=200", game, seed=1)
    assert even_ones(game, [even, lost], agent, 0.5) == [even]


def test_random_openings_are_the_same_however_many_are_asked_for() -> None:
    game = make_game("go5")
    config = OpeningsConfig(kind="random", plies=3)
    few, many = make_openings(config, game, 5, 7), make_openings(config, game, 50, 7)
    assert many[:5] == few and len({tuple(actions) for actions in many}) == 50
    assert {len(actions) for actions in many} == {3}


def test_a_book_is_balanced_and_holds_nothing_twice() -> None:
    game = make_game("go5")
    agent = make_agent("mcts?sims=24", game, seed=3)
    found = book(game, agent, count=12, plies=3, balance=0.6, seed=1)
    assert len(found) == 12
    assert len({canonical(game, after(game, actions)) for actions in found}) == 12
    agent.start(game, 12)
    states = np.concatenate([after(game, actions) for actions in found])
    values = agent.think(states, np.arange(12, dtype=np.int32)).values  # type: ignore[attr-defined]
    assert np.abs(values).mean() < 0.6


def test_a_book_that_cannot_be_filled_says_what_to_change() -> None:
    game = make_game("connect4")
    agent = make_agent("mcts?sims=4", game, seed=3)
    with pytest.raises(TengenError, match=r"only \d+ of 60 openings of 1 plies .* set openings.count lower"):
        book(game, agent, count=60, plies=1, balance=1.0, seed=1)


def test_a_book_needs_a_searcher() -> None:
    game = make_game("connect4")
    with pytest.raises(TengenError, match=r"openings\.agent: 'random' does not search"):
        book(game, RandomAgent(game, 1), 1, 1, 1.0, 1)


@given(actions=st.lists(st.integers(0, 24), min_size=1, max_size=6, unique=True), turn=st.integers(0, 7))
def test_turned_boards_are_one_opening(actions: list[int], turn: int) -> None:
    game = make_game("go5")
    plain, turned = game.new_states(1), game.new_states(1)
    replay(game, plain, actions)
    replay(game, turned, [int(game.action_symmetries[turn, action]) for action in actions])
    assert canonical(game, plain) == canonical(game, turned)


def test_openings_go_through_a_file(tmp_path) -> None:
    game = make_game("checkers")
    starts = three_move_starts(game)[:9]
    path = tmp_path / "openings.txt"
    path.write_text(openings_text(game, starts))
    found = make_openings(OpeningsConfig(kind="file", file=str(path)), game, 3, 1)
    assert sorted(found) == sorted(starts)


def test_ballots_are_for_checkers() -> None:
    with pytest.raises(TengenError, match="ballots are for checkers and chess, not go9"):
        make_openings(OpeningsConfig(kind="ballots"), make_game("go9"), 1, 1)


def test_too_many_starts_are_refused() -> None:
    with pytest.raises(TengenError, match="are over 100,000 starts; fewer will do"):
        all_starts(make_game("go9"), 3)
