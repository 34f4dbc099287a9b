"""The Hub engine as text, over English draughts."""

import random
import re

import numpy as np
import pytest

from tengen.agents.engines.hub import hub_move
from tengen.agents.engines.hub_wire import HubFault, format_position, parse_message
from tengen.agents.registry import make_agent
from tengen.engine.hub_session import HubSession, find_turn, read_position
from tengen.envs.checkers.notation import legal_turns
from tengen.envs.checkers.text import pieces_of
from tengen.envs.position import Position
from tengen.envs.registry import make_game

GAME = make_game("checkers")
START = "B" + 12 * "b" + 8 * "e" + 12 * "w"


def session(agent: str = "random") -> HubSession:
    return HubSession(make_agent(agent, GAME, seed=1), GAME)


def test_the_greeting_names_the_variant() -> None:
    engine = session()
    lines = engine.answer("hub").splitlines()
    assert [parse_message(line).name for line in lines] == ["id", "param", "wait"]  # type: ignore[union-attr]
    assert lines[1] == "param name=variant value=english type=enum values=english"
    assert engine.answer("set-param name=variant value=english") == ""
    assert "variant killer is not played" in engine.answer("set-param name=variant value=killer")
    assert (engine.answer("init"), engine.answer("ping"), engine.answer("")) == ("ready\n", "pong\n", "")
    assert engine.answer("quit") == "" and engine.is_over


def test_the_start_is_hubs_and_positions_survive_the_way_there_and_back() -> None:
    start = GAME.new_states(1)
    assert format_position(0, pieces_of(start)) == START
    rng = np.random.default_rng(5)
    position = Position(GAME)
    for _ in range(60):
        turns = position.legal_turns()
        if not turns:
            break
        for action in turns[rng.integers(len(turns))]:
            position.apply(action)
        if position.is_terminal:
            break
        text = format_position(position.to_play, pieces_of(position.state))
        again = read_position(GAME, text)
        assert (again["board"] == position.state["board"]).all()
        assert again["to_play"] == position.state["to_play"]


def test_a_capture_is_compulsory_and_named_by_what_it_takes() -> None:
    engine = session("mcts?sims=4")
    board = ["e"] * 32
    for square, piece in ((18, "w"), (26, "w"), (14, "b"), (1, "w")):
        board[square - 1] = piece
    board[0] = "W"
    assert engine.answer(f"pos pos=B{''.join(board)}") == ""
    done = engine.answer("go think").splitlines()
    assert done[-1] == "done move=14x30x18x26"  # 14 jumps to 23 and on to 30
    assert re.fullmatch(r"info time=\d+\.\d\d pv=14x30x18x26 score=-?\d\.\d\d", done[0])
    assert engine.answer(f"pos pos=B{''.join(board)} moves=14x30x18x26") == ""
    assert find_turn(engine.position.state, "1-6")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("pos pos=B", "a position is B or W and then 32"),
        ("pos pos=X" + 32 * "e", "a position is B or W and then 32"),
        (f"pos pos={START} moves=11-11", "illegal move 11-11"),
        (f'pos pos={START} moves="11-15 11-15"', "illegal move 11-15"),
        ("pos moves=abc", "is not a move"),
        ("level depth=x", "level depth=x is not a number"),
        ("level speed=1", "unknown level speed"),
        ("go ponder", "only go think and go analyze"),
        ("go=1", "expected a command"),
        ('pos pos="', "expected name=value"),
    ],
)
def test_what_cannot_be_obeyed_changes_nothing(line: str, reason: str) -> None:
    engine = session()
    engine.answer(f"pos pos={START} moves=11-15")
    before = engine.position.state.tobytes()
    answer = engine.answer(line)
    assert answer.startswith('error message="') and reason in answer
    assert engine.position.state.tobytes() == before


def test_levels_bound_the_time() -> None:
    engine = session()
    assert engine.seconds() is None
    for line, seconds in (
        ("level move-time=2", 1.9),
        ("level time=60 inc=1", 2.9),
        ("level time=60 moves=10", 5.9),
        ("level time=0.1", 0.02),
        ("level infinite", None),
    ):
        assert engine.answer(line) == ""
        assert engine.seconds() == (None if seconds is None else pytest.approx(seconds)), line


def test_alpha_beta_keeps_to_the_time_too() -> None:
    """At depth 60 it would never end by itself."""
    engine = session("minimax?depth=60")
    engine.answer("pos")
    engine.answer("level move-time=0.2")
    assert "done move=" in engine.answer("go think")


def test_a_game_is_played_to_its_end() -> None:
    engine, position = session(), Position(GAME)
    while not position.is_terminal:
        moves = [str(hub_move(turn)) for turn in legal_turns(position.state)]
        assert engine.answer("pos pos=" + format_position(position.to_play, pieces_of(position.state))) == ""
        move = engine.answer("go think").splitlines()[-1].removeprefix("done move=")
        assert move in moves
        for action in find_turn(position.state, move):
            position.apply(action)
    engine.position = position
    assert "the game is over" in engine.answer("go think")
    with pytest.raises(HubFault, match="illegal move"):
        find_turn(position.state, "11-15")


def test_mutated_lines_are_answered_in_form() -> None:
    rng, engine = random.Random(2), session()
    lines = (
        f'pos pos={START} moves="11-15 22-18 15x22x18"',
        "level time=10 inc=1 moves=3",
        "set-param name=variant value=english",
        "go think",
        "new-game",
        "hub",
    )
    for _ in range(10_000):
        text = list(rng.choice(lines))
        for _ in range(rng.randrange(4)):
            at = rng.randrange(len(text) + 1)
            if rng.random() < 0.5:
                text[at : at + rng.randrange(4)] = []
            else:
                text.insert(at, rng.choice('bweBW0123456789-x="  \x00é'))
        answer = engine.answer("".join(text))
        assert "internal error" not in answer, text
        for line in answer.splitlines():
            message = parse_message(line)
            assert message and message.name in (
                "error",
                "id",
                "param",
                "wait",
                "info",
                "done",
                "pong",
                "ready",
            )
