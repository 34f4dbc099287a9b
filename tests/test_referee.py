"""The end of a game of Go, judged by a program: hand-made boards, liars, and GNU Go's own word."""

import shlex
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tengen.agents.engines.faults import EngineFault
from tengen.agents.engines.programs import find_executable
from tengen.agents.engines.referee import Judged, Referee, judge_finished_go, point_names, score_without_dead
from tengen.envs import Position, make_game
from tengen.envs.go.game import Go
from tengen.errors import TengenError

BAD_ENGINE = Path(__file__).with_name("bad_engine.py")
BOARD = """
    . . X O . . .
    . O X O . X .
    X X X O . . .
    . . X O . . .
    O . X O O O O
    . . X O . . .
    . . X O . . ."""  # Black's lone stone and White's two in the other's area cannot live


@pytest.fixture
def game() -> Go:
    found = make_game("go:size=7,komi=0")
    assert isinstance(found, Go)
    return found


@pytest.fixture
def witness() -> Iterator[object]:
    """Make a referee that answers a fixed list of dead stones."""
    made: list[Referee] = []

    def make(fault: str, *words: str) -> Referee:
        command = [sys.executable, "-I", "-S", str(BAD_ENGINE), uuid.uuid4().hex, fault, *words]
        made.append(Referee(f"gtp:{shlex.join(command)}"))
        return made[-1]

    yield make
    for referee in made:
        referee.close()


def finished(game: Go, board: str) -> Position:
    position = Position(game, game.from_board(board))
    position.play("pass")
    position.play("pass")
    return position


def judged(game: Go, position: Position, referee: Referee | None) -> Judged:
    return judge_finished_go(game, position.state, position.actions, referee, position.start)


def test_dead_stones_turn_the_game(game: Go, witness) -> None:  # type: ignore[no-untyped-def]
    """21 points to 28 once the dead are gone; before, they spoil what is around them, and it is 10 to 18."""
    position = finished(game, BOARD)
    assert score_without_dead(game, position.state, ()) == -8.0
    referee = witness("none", "B6", "A3", "F6")
    found = judged(game, position, referee)
    assert (found.score, found.raw_score) == (-7.0, -8.0)
    assert (found.result, found.raw_result, found.outcome, found.disagrees) == ("W+7", "W+8", -1, False)
    assert point_names(game, found.dead) == "B6 F6 A3"
    liar = witness("none", "D7", "D6", "D5", "D4", "D3", "E3", "F3", "G3", "D2", "D1")
    found = judged(game, position, liar)
    assert (found.score, found.disagrees) == (35.0, True)  # with White's wall gone
    assert (liar.judged, liar.disagreements, referee.disagreements) == (1, 1, 0)


def test_a_false_witness_is_not_believed(game: Go, witness) -> None:  # type: ignore[no-untyped-def]
    position = finished(game, BOARD)
    referee = witness("false witness")
    with pytest.raises(EngineFault, match="calls a stone on A1 dead, and there is none"):
        referee.dead_stones(game, position.start, position.actions)
    found = judged(game, position, referee)
    assert found.score == found.raw_score == -8.0 and "none" in found.fault
    assert (referee.judged, referee.faults) == (0, 1)


def test_games_that_did_not_end_by_passes_are_counted_as_they_stand(game: Go, witness) -> None:  # type: ignore[no-untyped-def]
    capped = make_game("go:size=7,komi=0,cap=2")
    assert isinstance(capped, Go)
    position = Position(capped, capped.from_board(BOARD))
    position.play("E7")
    position.play("G7")
    assert position.is_terminal
    referee = witness("stillborn")
    assert judged(capped, position, referee).fault == "" and referee.faults == 0
    assert judged(game, finished(game, BOARD), None).dead == ()


def test_only_go_has_dead_stones() -> None:
    checkers = make_game("checkers")
    with pytest.raises(TengenError, match="is for Go, not for checkers"):
        judge_finished_go(checkers, checkers.new_states(1), [], None)
    with pytest.raises(TengenError, match="expected a GTP program"):
        Referee("random")


@pytest.mark.skipif(find_executable("gnugo") is None, reason="GNU Go is not installed")
def test_gnu_go_sees_what_is_dead(game: Go) -> None:
    """The three stones that have no room for two eyes, and in the next game nothing."""
    referee = Referee("gtp:gnugo?level=5")
    position = finished(game, BOARD)
    assert point_names(game, judged(game, position, referee).dead) == "B6 F6 A3"
    clean = finished(
        game, BOARD.replace(". O X O . X .", ". . X O . . .").replace("O . X O O O O", ". . X O O O O")
    )
    assert judged(game, clean, referee).dead == ()
    assert (referee.judged, referee.disagreements, referee.faults) == (2, 0, 0)
    referee.close()
