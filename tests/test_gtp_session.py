"""The GTP engine as text: transcripts, from the protocol's specification and from what controllers expect."""

import re
from pathlib import Path

import numpy as np
import pytest

from tengen.engine.gtp_session import COMMANDS, GtpSession, SessionOptions
from tengen.engine.player import Choice, Player
from tengen.engine.wire import Silent
from tengen.envs.go.game import Go
from tengen.errors import TengenError

#: The specification's, section 6, and KGS's.
REQUIRED = set(
    """protocol_version name version known_command list_commands quit boardsize clear_board komi
    fixed_handicap place_free_handicap set_free_handicap play genmove undo time_settings time_left final_score
    final_status_list showboard loadsgf reg_genmove kgs-time_settings kgs-genmove_cleanup kgs-rules lz-analyze
    kata-analyze lz-genmove_analyze kata-genmove_analyze gogui-analyze_commands""".split()  # noqa: SIM905
)


def session(agent: str = "random", game: str | int = 9, **options: object) -> GtpSession:
    go = Go(game) if isinstance(game, int) else Go(**dict(p.split("=") for p in game.split(",")))
    return GtpSession(Player(agent, go), go, SessionOptions(**options), Silent())  # type: ignore[arg-type]


def check(transcript: str, engine: GtpSession | None = None) -> GtpSession:
    """Commands stand behind `>`; each is followed by the whole response, to which ~ begins a pattern."""
    engine = engine or session()
    for part in re.split(r"^\s*> ?", transcript, flags=re.MULTILINE)[1:]:
        command, _, expected = part.partition("\n")
        lines = [line.strip() for line in expected.strip().splitlines()]
        answer = engine.answer(command)
        if lines and lines[0].startswith("~"):
            assert re.fullmatch(lines[0][1:].strip() + r"\n\n", answer), (command, answer)
        else:
            said = [line.strip() for line in answer.splitlines()]
            assert said == ([*lines, ""] if lines else []), command
            assert not lines or answer.endswith("\n\n")
    return engine


def test_administration_in_the_specifications_words() -> None:
    check("""
        > 1 protocol_version
        =1 2
        > name
        = Tengen
        > 007 known_command genmove
        =7 true
        > known_command no_such
        = false
        > no_such
        ? unknown command
        > 12 no_such
        ?12 unknown command
        > # only a comment

        >

        > quit # and nothing after it
        =
    """)
    assert set(COMMANDS) >= REQUIRED
    assert set(session().answer("list_commands").removeprefix("= ").split()) >= REQUIRED


def test_moves_of_either_colour_at_any_time() -> None:
    engine = check("""
        > boardsize 7
        =
        > komi 6.5
        =
        > play b D4
        =
        > play black c3
        =
        > play W E5
        =
        > play white PASS
        =
        > play b D4
        ? illegal move: D4 is illegal: the point is occupied
        > play b I4
        ~\\? syntax error: 'I4' is not a coordinate.*
        > play b H4
        ~\\? syntax error: H4 is off the board.*
        > play red D5
        ~\\? syntax error: 'red' is not a color.*
        > play b
        ? syntax error: expected play COLOR VERTEX
        > showboard
        = Black to play, komi 6.5, move 5, captured: 0 black, 0 white
        A B C D E F G
        7 . . . . . . . 7
        6 . . . . . . . 6
        5 . . . . O . . 5
        4 . . . X . . . 4
        3 . . X . . . . 3
        2 . . . . . . . 2
        1 . . . . . . . 1
        A B C D E F G
    """)
    for _ in range(4):
        assert engine.answer("undo") == "=\n\n"
    assert engine.answer("undo") == "? cannot undo\n\n"
    assert engine.board.is_empty and engine.board.to_play == 0


def test_two_passes_end_nothing_and_the_agent_sees_a_single_one() -> None:
    engine = check("""
        > play b pass
        =
        > play w pass
        =
        > play b E5
        =
        > play b pass
        =
    """)
    assert int(engine.board.state["passes"][0]) == 1 and not engine.board.state["terminal"][0]
    engine.answer("play w pass")
    assert engine.board.state["terminal"][0]
    assert engine.answer("genmove b").startswith("= ")


def test_ko_and_captured_stones() -> None:
    engine = session()
    for move in ("b C3", "w D3", "b B4", "w E4", "b C5", "w D5", "b D4", "w C4"):
        assert engine.answer(f"play {move}") == "=\n\n"
    assert engine.board.captured() == (1, 0)  # White's C4 took D4
    assert "ko, the stone may not be retaken" in engine.answer("play b D4")
    assert [engine.answer(c) for c in ("play b A1", "play w A9", "play b D4")] == ["=\n\n"] * 3


@pytest.mark.parametrize(
    ("size", "stones", "points"),
    [
        (19, 2, "D4 Q16"),
        (19, 3, "D4 Q16 D16"),
        (19, 5, "D4 Q16 D16 Q4 K10"),
        (19, 9, "D4 Q16 D16 Q4 D10 Q10 K4 K16 K10"),
        (13, 8, "D4 K10 D10 K4 D7 K7 G4 G10"),
        (9, 6, "C3 G7 C7 G3 C5 G5"),
        (8, 4, "C3 F6 C6 F3"),
    ],
)
def test_fixed_handicap_is_the_specifications_table(size: int, stones: int, points: str) -> None:
    engine = session(game=size)
    assert engine.answer(f"fixed_handicap {stones}") == f"= {points}\n\n"
    assert engine.board.to_play == 1 and (engine.board.colors() == 1).sum() == stones
    assert engine.answer("fixed_handicap 2") == "? board not empty\n\n"


def test_free_handicap() -> None:
    check("""
        > fixed_handicap 1
        ? invalid number of stones
        > fixed_handicap 10
        ? invalid number of stones
        > set_free_handicap C3 C3
        ? bad vertex list
        > set_free_handicap C3
        ? bad vertex list
        > set_free_handicap C3 pass
        ? bad vertex list
        > place_free_handicap 81
        ? invalid number of stones
        > set_free_handicap C3 G7 D8
        =
        > set_free_handicap C3 G7
        ? board not empty
        > undo
        ? cannot undo
    """)
    for stones in (3, 9, 12, 40):
        engine = session()
        placed = engine.answer(f"place_free_handicap {stones}").split()[1:]
        assert len(set(placed)) == stones == (engine.board.colors() == 1).sum()


def test_sizes_that_the_agent_plays() -> None:
    check("""
        > boardsize 19
        =
        > boardsize 20
        ? unacceptable size
        > boardsize 1
        ? unacceptable size
        > boardsize nine
        ? syntax error: 'nine' is not a whole number
        > play b T19
        =
    """)
    network = session("mcts:models/go9?sims=4")
    check("> play b E5\n=\n> boardsize 13\n? unacceptable size\n> boardsize 9\n=", network)
    assert network.board.is_empty
    with pytest.raises(TengenError, match="made for boards of 9 lines"):
        session("mcts:models/go9?sims=4", game=13)


def test_any_komi_is_taken_and_counts_in_the_score() -> None:
    check(
        """
        > komi 1.25
        =
        > play b C3
        =
        > final_score
        = B+23.75
        > komi -300
        =
        > final_score
        = B+325
        > komi nan
        ? syntax error: 'nan' is not a number of points
        > komi 25
        =
        > final_score
        = 0
    """,
        session(game=5),
    )


def test_dead_stones_are_taken_off_before_the_count() -> None:
    engine = session(game=9)
    for row in range(1, 10):
        engine.answer(f"play b E{row}")
        engine.answer(f"play w F{row}")
    engine.answer("play b C3")
    engine.answer("play w H7")
    engine.answer("play w B7")  # alone in Black's half
    assert engine.answer("final_status_list dead") == "= B7\n\n"
    assert engine.answer("final_status_list seki") == "=\n\n"
    assert engine.answer("final_score") == "= B+2\n\n"  # 45 - 36 - 7
    assert "C3" in engine.answer("final_status_list alive")
    assert len(engine.answer("final_status_list white_territory").split()) == 1 + 3 * 9 - 1
    assert engine.answer("final_status_list rich").startswith("? syntax error")
    for _ in range(9):
        move = engine.answer("kgs-genmove_cleanup b").split()[1]
        engine.answer("play w pass")
        if move == "pass":
            break
    assert engine.board.colors()[2 * 9 + 1] == 0  # B7 was taken
    assert engine.answer("final_score") == "= B+2\n\n"


def test_records_are_loaded_up_to_before_a_move(tmp_path: Path) -> None:
    file = tmp_path / "a game.sgf"
    file.write_text("(;GM[1]SZ[13]KM[5.5]AB[aa]AW[mm]PL[W];W[cc];B[dd](;W[ee])(;W[ff]))")
    engine = session()
    assert engine.answer(f"loadsgf {file} 3") == "= white\n\n"
    assert (engine.board.size, engine.board.komi, len(engine.board.moves)) == (13, 5.5, 2)
    assert engine.answer(f"loadsgf {file}") == "= black\n\n"
    assert engine.board.colors()[4 * 13 + 4] == 2
    before = engine.answer("showboard")
    (tmp_path / "bad.sgf").write_text("(;SZ[9];B[aa];W[aa])")
    for words, reason in (
        (f"{tmp_path / 'bad.sgf'}", "A9 is illegal: the point is occupied"),
        (f"{tmp_path / 'none.sgf'}", "No such file"),
        (f"{tmp_path}", "is not a file of at most"),
        ("/dev/zero", "is not a file of at most"),
        (f"{file} 0", "moves are numbered from 1"),
    ):
        answer = engine.answer(f"loadsgf {words}")
        assert answer.startswith("? ") and reason in answer, answer
        assert engine.answer("showboard") == before
    assert session("mcts:models/go9?sims=4").answer(f"loadsgf {file}") == (
        "? cannot load file: unacceptable size\n\n"
    )


def test_reg_genmove_leaves_the_board() -> None:
    engine = session("mcts?sims=20")
    first = engine.answer("reg_genmove w")
    assert re.fullmatch(r"= [A-HJ][1-9]\n\n", first)
    assert engine.board.is_empty and not engine.board.moves
    assert engine.answer("genmove w").startswith("= ") and len(engine.board.moves) == 1


def test_resignation_needs_three_hopeless_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = session(resign=0.1)
    free = iter(range(81))
    monkeypatch.setattr(
        engine.player, "choose", lambda *args, **more: Choice(next(free), 0.05 if len(more) else None)
    )
    answers = [engine.answer(f"genmove {'bw'[i % 2]}") for i in range(30)]
    assert answers.index("= resign\n\n") == 21  # a quarter of the board is played before
    assert all(answer.startswith("= ") for answer in answers[:21])


def test_pondering_begins_after_the_agents_move_and_ends_by_the_next_command() -> None:
    engine = session("mcts?sims=50", ponder=True)
    engine.wire.pending = lambda: False  # type: ignore[method-assign]
    engine.ponder()
    assert engine.answer("genmove b").startswith("= ") and engine.pondered == 1
    engine.ponder()
    search = engine.player.agent.search  # type: ignore[union-attr]
    assert search.tree.simulations[0] == 50 and search.roots([0])["to_play"][0] == 1
    reply = int(search.result([0]).actions[0])
    assert engine.pondered is None
    engine.answer(f"play w {engine.board.game.format_action(engine.board.state, reply)}")
    found = int(search.tree.visits[0, search.child(0, reply)])
    engine.answer("reg_genmove b")
    assert (
        search.roots([0])["to_play"][0] == 0 and search.tree.visits[0, 0] == found + 50
    )  # it went on from there
    assert engine.answer("genmove b").startswith("= ") and engine.pondered == 1
    engine.answer("name")
    assert engine.pondered is None


def test_a_program_that_dies_leaves_the_game_and_is_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    from tengen.errors import MachineError

    engine = session()
    engine.answer("play b E5")

    def die(*args: object) -> None:
        raise MachineError("engine 'x' died")

    monkeypatch.setattr(engine.player.agent, "choose", die)
    assert engine.answer("genmove w") == "? engine 'x' died\n\n"
    assert len(engine.board.moves) == 1
    assert engine.answer("genmove w").startswith("= ") and len(engine.board.moves) == 2


def test_a_long_game_gets_more_room_and_may_be_taken_back() -> None:
    engine = session(game="size=5")
    rng = np.random.default_rng(0)
    lines = []
    while len(lines) < 400:
        point = f"{'ABCDE'[rng.integers(5)]}{rng.integers(1, 6)}"
        line = f"play {'bw'[len(lines) % 2]} {point if rng.random() < 0.9 else 'pass'}"
        if engine.answer(line).startswith("="):
            lines.append(line)
        elif not engine.board.state["empties"][0]:
            break
    assert engine.board.game.max_plies > 110 < len(lines)
    boards = [engine.board.colors()]
    for _ in range(len(lines)):
        engine.answer("undo")
        boards.append(engine.board.colors())
    assert not boards[-1].any() and engine.board.state["ply"][0] == 0
    for line, colors in zip(lines, boards[-2::-1], strict=True):
        assert engine.answer(line) == "=\n\n"
        assert (engine.board.colors() == colors).all()


def test_rules_of_kgs() -> None:
    check("""
        > play b C3
        =
        > kgs-rules aga
        =
        > kgs-rules japanese
        ~\\? unsupported rules 'japanese'; .*
        > kgs-rules chinese
        =
        > undo
        =
        > undo
        ? cannot undo
    """)
