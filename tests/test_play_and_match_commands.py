"""`tengen match` and `tengen play`, as a user types them."""

import io
import itertools
import json
import os
import re
import signal
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tengen.agents.random import RandomAgent
from tengen.cli import main
from tengen.envs import Position, make_game
from tengen.envs.game import Game, Ints, States
from tengen.errors import MachineError
from tengen.league.notation import load_game


@pytest.fixture
def tengen(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """Run a command with lines of input; its exit code, output and errors."""

    def run(*arguments: str, lines: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(lines.replace(",", "\n")))
        code = main(list(arguments))
        return code, *capsys.readouterr()

    return run


# --- match ------------------------------------------------------------------------------------------------


def test_match_prints_a_table_and_one_json_object(tengen) -> None:  # type: ignore[no-untyped-def]
    code, out, _ = tengen("match", "random", "random", "--game", "connect4", "--games", "30", "--json")
    result = json.loads(out.splitlines()[-1])
    assert code == 0 and "as X" in out and "95 % interval" in out
    keys = "first second game games wins draws losses score interval seconds"
    assert list(result) == keys.split()
    assert result["wins"] + result["draws"] + result["losses"] == result["games"] == 30
    assert result["score"] == (result["wins"] + result["draws"] / 2) / 30
    assert result["interval"][0] < result["score"] < result["interval"][1]
    _, again, _ = tengen("match", "random", "random", "--game", "connect4", "--games", "30", "--json")
    assert json.loads(again.splitlines()[-1]) | {"seconds": 0} == result | {"seconds": 0}


@pytest.mark.parametrize(("name", "suffix"), [("go5", "sgf"), ("checkers", "pdn"), ("connect4", "txt")])
def test_saved_games_are_read_back_and_legal(tengen, tmp_path: Path, name: str, suffix: str) -> None:  # type: ignore[no-untyped-def]
    match = ("match", "random", "random", "--game", name, "--games", "3", "--save", str(tmp_path / "games"))
    assert tengen(*match)[0] == 0
    assert tengen(*match)[0] == 0  # the second match overwrites nothing
    files = sorted((tmp_path / "games").iterdir())
    assert len(files) == 6 and {file.suffix for file in files} == {f".{suffix}"}
    for file in files:
        position = load_game(file, make_game(name))
        assert position.is_terminal and len(position.actions) > 5
    if suffix != "txt":
        code, out, _ = tengen("records", "check", *map(str, files), "--json")
        result = json.loads(out.splitlines()[-1])
        assert code == 0 and result == {"files": 6, "games": 6, "parsed": 6, "legal": 6, "faults": []}


def test_match_plays_the_openings_of_a_file(tengen, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    openings = tmp_path / "openings.txt"
    openings.write_text("# two\n4 4 4\n\n1 2  # beside each other\n")
    folder = tmp_path / "games"
    arguments = ["--game", "connect4", "--games", "4", "--openings", str(openings), "--save", str(folder)]
    assert tengen("match", "random", "random", *arguments)[0] == 0
    begins = [file.read_text().splitlines()[1][:5] for file in sorted(folder.iterdir())]
    assert begins[:2] == ["4 4 4"] * 2 and [begin[:3] for begin in begins[2:]] == ["1 2"] * 2


def test_a_match_that_repeats_itself_says_so(tengen, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """One column is left, and it is full before anybody has four."""
    openings = tmp_path / "openings.txt"
    rows = "1 2 1 2 2 1 2 1 1 2 1 2 3 4 3 4 4 3 4 3 3 4 3 4 5 6 5 6 6 5 6 5 5 6 5 6"
    openings.write_text(rows + "\n")
    _, out, _ = tengen(
        "match", "random", "random", "--game", "connect4", "--games", "4", "--openings", str(openings)
    )
    assert "only 1 of the 4 games differ" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--game", "conect4"], "unknown game 'conect4'; did you mean connect4?"),
        (["--game", "connect4", "--games", "0"], "--games 0 is out of range"),
        (["--game", "connect4", "--games", "x"], "--games: invalid int value: 'x'"),
        (["--game", "connect4", "--parallel", "0"], "--parallel 0 is out of range"),
        (["--game", "connect4", "--random-plies", "-1"], "--random-plies -1 is out of range"),
        (["--game", "connect4", "--seed", "-1"], "--seed -1 is out of range"),
        (["--game", "connect4", "--openings", "/nowhere/x"], "/nowhere/x: cannot be read: No such file"),
        ([], "the following arguments are required: --game"),
    ],
)
def test_match_refuses_wrong_arguments_in_one_sentence(tengen, arguments: list[str], message: str) -> None:  # type: ignore[no-untyped-def]
    code, out, err = tengen("match", "random", "random", *arguments)
    assert (code, out) == (2, "") and message in err and err.count("\n") == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no opening in this file"),
        (b"# nothing\n", "no opening in this file"),
        (b"4 4\n4 9\n", "line 2: '9' is not a column"),
        (b"1 2 1 2 1 2 1\n", "opening 1 ends the game"),
        (b"1 1 1 1 1 1 1\n", "line 1: 1 is illegal: column 1 is full"),
        (b"\xff\xfe\x00\x01", "not a text file in UTF-8"),
    ],
)
def test_match_refuses_bad_openings(tengen, tmp_path: Path, content: bytes, message: str) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path / "openings.txt"
    file.write_bytes(content)
    code, _, err = tengen("match", "random", "random", "--game", "connect4", "--openings", str(file))
    assert code == 2 and message in err and str(file) in err and err.count("\n") == 1


def test_match_says_where_it_may_not_write(tengen, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "file").write_text("")
    code, _, err = tengen(
        "match", "random", "random", "--game", "connect4", "--save", str(tmp_path / "file" / "games")
    )
    assert code == 1 and "cannot make the folder" in err and err.count("\n") == 1


def test_a_program_that_fails_leaves_the_games_before_it(tengen, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    asked = itertools.count()

    def choose(self: RandomAgent, states: States, slots: Ints) -> NDArray[np.int32]:
        if next(asked) > 60:
            raise MachineError("engine 'x' ended by signal 11")
        return before(self, states, slots)

    before = RandomAgent.choose
    monkeypatch.setattr(RandomAgent, "choose", choose)
    options = ("--game", "connect4", "--games", "30", "--parallel", "1", "--json")
    code, out, err = tengen("match", "random", "random", *options)
    assert code == 1 and "ended by signal 11" in err.splitlines()[-1]
    assert 0 < json.loads(out.splitlines()[-1])["games"] < 30


@pytest.mark.parametrize("twice", [False, True])
def test_ctrl_c_prints_the_result_so_far_and_keeps_the_saved_games(  # type: ignore[no-untyped-def]
    tengen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, twice: bool
) -> None:
    class Interrupting(RandomAgent):
        """Sends Ctrl-C in the middle of the second wave of games; twice if both agents do, at one ply."""

        def start(self, game: Game, slots: int) -> None:
            super().start(game, slots)
            Interrupting.waves += 1

        def choose(self, states: States, slots: Ints) -> NDArray[np.int32]:
            if Interrupting.waves == 4 and states["ply"][0] == 6 and (twice or 0 in slots):
                os.kill(os.getpid(), signal.SIGINT)
            return super().choose(states, slots)

        waves = 0  # of both agents together

    monkeypatch.setattr(
        "tengen.agents.registry.make_agent", lambda text, game, *, seed: Interrupting(game, seed)
    )
    match = ["match", "random", "random", "--game", "connect4", "--games", "40", "--parallel", "10"]
    code, out, _ = tengen(*match, "--save", str(tmp_path), "--json")
    assert code == 130
    assert json.loads(out.splitlines()[-1])["games"] == 10 == len(list(tmp_path.iterdir()))


# --- play -------------------------------------------------------------------------------------------------


def test_two_people_play_a_game_to_its_end(tengen) -> None:  # type: ignore[no-untyped-def]
    code, out, _ = tengen("play", "connect4", "--opponent", "human", lines="1,2,1,2,1,2,1")
    assert code == 0 and out.endswith("result: X wins\n")
    assert out.count("X to move>") == 4 and out.count("O to move>") == 3


def test_the_agent_answers_and_undo_takes_back_both_moves(tengen) -> None:  # type: ignore[no-untyped-def]
    _, out, _ = tengen("play", "connect4", "--opponent", "random", lines="4,undo,undo,moves,quit")
    boards = re.findall(r"(?:[.XO ]{13}\n){6}", out)
    assert [board.count("X") + board.count("O") for board in boards] == [0, 1, 2, 0]
    assert "O (random): " in out
    assert "there is no move of yours to take back" in out
    assert "1 2 3 4 5 6 7\nX to move> quit" in out  # the answer to `moves`


def test_the_second_side_waits_for_the_agent(tengen) -> None:  # type: ignore[no-untyped-def]
    _, out, _ = tengen("play", "connect4", "--opponent", "random", "--color", "o", lines="undo,quit")
    assert "X (random): " in out and "O to move>" in out and "no move of yours" in out


def test_wrong_input_is_answered_with_a_sentence_and_asked_again(tengen) -> None:  # type: ignore[no-untyped-def]
    code, out, _ = tengen(
        "play",
        "connect4",
        "--opponent",
        "human",
        lines="zz,8,1,1,1,1,1,1,1,,save,hlep,save /dev/null/y.txt,quit",
    )
    assert code == 0
    assert "'zz' is not a column; expected a number from 1 to 7" in out
    assert "1 is illegal: column 1 is full" in out
    assert "save needs a file name" in out and "cannot write /dev/null/y.txt" in out
    assert "the game is left after 6 plies" in out


def test_help_and_hint_leave_the_game_as_it_is(tengen) -> None:  # type: ignore[no-untyped-def]
    _, out, _ = tengen("play", "connect4", "--opponent", "random", lines="help,hint,board,quit")
    assert "take back" in out and re.search(r"hint: [1-7]\n", out)
    assert "left after 0 plies" in out


def test_checkers_takes_whole_turns_and_undoes_them(tengen) -> None:  # type: ignore[no-untyped-def]
    """9-13 24-20 6-9 20-16 and Black must take 12x19, White retakes with one or two jumps."""
    lines = "11-15,22-18,15x22,undo,15x22,25x18,hint,quit"
    _, out, _ = tengen("play", "checkers", "--opponent", "human", lines=lines.replace("hint,", ""))
    assert "left after 4 plies" in out
    _, out, _ = tengen("play", "checkers", "--opponent", "human", lines="11-15,22-18,12-16,quit")
    assert "capture is mandatory" in out and "left after 2 plies" in out


def test_a_go_game_ends_by_two_passes_or_by_resignation(tengen, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    _, out, _ = tengen("play", "go5", "--opponent", "human", lines="C3,pass,pass")
    assert "result: B+18" in out  # 25 points less komi 7
    file = tmp_path / "game.sgf"
    _, out, _ = tengen("play", "go5", "--opponent", "human", "--save", str(file), lines="C3,resign")
    assert "result: B+R" in out and "RE[B+R]" in file.read_text()


@pytest.mark.parametrize(
    ("name", "moves", "suffix"),
    [
        ("go5", "C3,B2,pass", "sgf"),
        ("checkers", "11-15,22-18,15x22,25x18", "pdn"),
        ("connect4", "4,4,1", "txt"),
    ],
)
def test_a_saved_game_goes_on_where_it_was(
    tengen, tmp_path: Path, name: str, moves: str, suffix: str
) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path / f"game.{suffix}"
    code, _, _ = tengen("play", name, "--opponent", "human", "--save", str(file), lines=moves)
    assert code == 0
    there = Position(make_game(name))
    for move in moves.split(","):
        there.play(move)
    code, out, _ = tengen("play", name, "--opponent", "human", "--load", str(file), lines="undo,quit")
    assert code == 0 and out.startswith(str(there))
    there.undo()
    assert str(there) in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["connect5"], "unknown game 'connect5'"),
        (["connect4", "--color", "red"], "--color red is not a side of connect4; it has x and o"),
        (["connect4", "--color", "o", "--first"], "contradict each other"),
        (["connect4", "--opponent", "nobody"], "unknown agent 'nobody'"),
        (["connect4", "--opponent", "random", "--seed", "-1"], "--seed -1 is out of range"),
        (["connect4", "--opponent", "random", "--save", ""], "--save is empty"),
        (["go5", "--load", "/nowhere/x.sgf", "--opponent", "human"], "/nowhere/x.sgf: cannot be read"),
        (["checkers", "--load", "/nowhere/x.pdn", "--opponent", "human"], "/nowhere/x.pdn: cannot be read"),
    ],
)
def test_play_refuses_wrong_arguments_in_one_sentence(tengen, arguments: list[str], message: str) -> None:  # type: ignore[no-untyped-def]
    code, out, err = tengen("play", *arguments)
    assert (code, out) == (2, "") and message in err and err.count("\n") == 1


def test_an_endless_file_is_refused(tengen, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr("tengen.league.notation.MOST_BYTES", 1 << 20)
    code, _, error = tengen("play", "go5", "--opponent", "random", "--load", "/dev/zero")
    assert code == 2 and "/dev/zero: is larger than 1 MiB" in error


def test_play_says_which_move_of_a_record_is_illegal(tengen, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path / "game.sgf"
    file.write_text("(;GM[1]SZ[5];B[aa];W[aa])")
    code, _, err = tengen("play", "go5", "--opponent", "human", "--load", str(file))
    assert code == 2 and "game.sgf: A5 is illegal: the point is occupied" in err


@pytest.mark.parametrize("name", ["go5", "checkers", "connect4"])
@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe\0junk", b"hello", b"(;B[zz]", b'[Event "x"]\n1. 11-99 *', b"\x1f\x8b\x08"]
)
def test_play_refuses_a_damaged_game(tengen, tmp_path: Path, name: str, content: bytes) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path / "game"
    file.write_bytes(content)
    code, _, err = tengen("play", name, "--opponent", "human", "--load", str(file))
    assert code == 2 and str(file) in err and err.count("\n") == 1
