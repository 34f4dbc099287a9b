"""Our chess engine as text: what UCI demands, and what it does with what UCI does not."""

import re
import sys
from collections.abc import Iterator

import chess
import chess.engine
import pytest

from tengen.agents.registry import make_agent
from tengen.engine.uci_session import UciSession
from tengen.engine.uci_words import GoWish, parse_go
from tengen.envs.registry import make_game

GAME = make_game("chess")
MATED = "rnb1kbnr/pppp1ppp/8/4p3/6Pq/5P2/PPPPP2P/RNBQKBNR w KQkq - 1 3"


class Script:
    """A program whose lines come one by one, each after so many looks at the wire."""

    def __init__(self, *lines: str, looks: int = 20) -> None:
        self.lines, self.looks = list(lines), looks
        self.left = looks
        self.said: list[str] = []

    def send(self, text: str) -> None:
        self.said += text.splitlines()

    def pending(self) -> bool:
        self.left -= 1
        return self.left <= 0

    def next_line(self) -> str | None:
        self.left = self.looks
        return self.lines.pop(0) if self.lines else None

    def wait(self, seconds: float) -> None:
        self.left -= 1

    def closed(self) -> bool:
        return False


def session(agent: str = "mcts?sims=60", *later: str) -> tuple[UciSession, Script]:
    wire = Script(*later)
    engine = UciSession(make_agent(agent, GAME, seed=1), GAME, wire)
    return engine, wire


def best(text: str) -> str:
    found = re.findall(r"^bestmove (\S+)", text, re.M)
    assert len(found) == 1, text
    return str(found[0])


def test_the_greeting_declares_what_there_is() -> None:
    engine, _ = session()
    lines = engine.answer("uci").splitlines()
    assert lines[0].startswith("id name Tengen") and lines[1].startswith("id author")
    assert lines[-1] == "uciok"
    names = re.findall(r"option name (.+?) type", "\n".join(lines))
    assert {"Hash", "Ponder", "MultiPV", "UCI_AnalyseMode", "UCI_Chess960"} <= set(names)
    assert engine.answer("isready") == "readyok\n"
    assert engine.answer("ucinewgame") == engine.answer("debug on") == engine.answer("stop") == ""
    assert engine.answer("quit") == "" and engine.is_over


@pytest.mark.parametrize(
    "limit",
    [
        "nodes 30",
        "depth 2",
        "movetime 60",
        "wtime 2000 btime 2000",
        "wtime 2000 btime 2000 winc 20 binc 20 movestogo 5",
        "wtime -5 btime -5",  # a clock that has run out all the same
        "mate 1",
        "",
        "infinite nonsense depth x",
        "searchmoves g1f3 nodes 20",
    ],
)
def test_every_limit_ends_in_one_legal_move(limit: str) -> None:
    engine, wire = session("mcts?sims=60", "stop")
    engine.answer("position startpos moves e2e4 e7e5")
    move = best(engine.answer(f"go {limit}"))
    board = chess.Board()
    board.push_uci("e2e4")
    board.push_uci("e7e5")
    assert chess.Move.from_uci(move) in board.legal_moves
    if "searchmoves" in limit:
        assert move == "g1f3"
    infos = [line for line in wire.said if line.startswith("info depth")]
    assert infos and all(re.search(r"score (cp|mate) -?\d+ nodes \d+ nps \d+", line) for line in infos)


def test_a_search_answers_isready_and_ends_by_stop_only_if_infinite() -> None:
    engine, wire = session("mcts?sims=60", "isready", "setoption name MultiPV value 2", "stop")
    said = engine.answer("go infinite")
    assert best("\n".join([*wire.said, said]))
    assert "readyok" in wire.said and not wire.lines
    assert engine.options.number("MultiPV") == 2  # what came in the middle is not lost


def test_the_move_of_a_ponder_waits_for_ponderhit() -> None:
    engine, wire = session("mcts?sims=60", "isready", "ponderhit")
    assert best(engine.answer("go ponder wtime 300 btime 300")) and not wire.lines
    engine, wire = session("mcts?sims=60", "stop")
    assert best(engine.answer("go ponder movetime 50")) and not wire.lines


def test_the_next_question_ends_a_search_that_nobody_stops() -> None:
    engine, wire = session("mcts?sims=60", "position startpos moves e2e4", "go nodes 10", "quit")
    wire.send(engine.answer("go infinite"))
    while (line := wire.next_line()) is not None:
        wire.send(engine.answer(line))
    moves = [line for line in wire.said if line.startswith("bestmove")]
    assert len(moves) == 2 and engine.is_over
    assert (
        chess.Move.from_uci(moves[1].split()[1])
        in chess.Board("rnbqkbnr/pppppppp/8/8/4P3/8/PPPP1PPP/RNBQKBNR b KQkq - 0 1").legal_moves
    )


def test_several_variations_come_in_order_and_are_playable() -> None:
    engine, wire = session("mcts?sims=200")
    engine.answer("setoption name multipv value 4")
    engine.answer("position startpos moves e2e4")
    move = best(engine.answer("go nodes 200"))
    last = [line for line in wire.said if " multipv " in line][-4:]
    assert [int(re.search(r"multipv (\d+)", line)[1]) for line in last] == [1, 2, 3, 4]  # type: ignore[index]
    assert last[0].split(" pv ")[1].split()[0] == move
    for line in last:
        board = chess.Board("rnbqkbnr/pppppppp/8/8/4P3/8/PPPP1PPP/RNBQKBNR b KQkq - 0 1")
        for word in line.split(" pv ")[1].split():
            board.push_uci(word)  # raises where it is illegal


def test_games_that_are_over_have_no_move_and_draws_are_none() -> None:
    engine, _ = session()
    engine.answer(f"position fen {MATED}")
    assert engine.answer("go nodes 5") == "info depth 0 score mate 0\nbestmove (none)\n"
    engine.answer("position fen 7k/5Q2/6K1/8/8/8/8/8 b - - 0 1")
    assert engine.answer("go") == "info depth 0 score cp 0\nbestmove (none)\n"
    shuffle = "g1f3 g8f6 f3g1 f6g8 " * 4
    engine.answer(f"position startpos moves {shuffle}")
    assert best(engine.answer("go nodes 5")) != "(none)"
    engine.answer("position fen 8/8/4k3/8/8/3K4/8/R7 w - - 130 99")
    assert best(engine.answer("go nodes 5")) != "(none)"


def test_chess960_castles_by_taking_the_rook() -> None:
    fen = "nrk3rn/pppppppp/8/8/8/8/PPPPPPPP/NRK3RN w KQkq - 0 1"
    engine, _ = session("random")
    assert "error" in engine.answer(f"position fen {fen}")
    engine.answer("setoption name UCI_Chess960 value true")
    assert engine.answer(f"position fen {fen}") == ""
    assert engine.answer("go searchmoves c1g1") == "bestmove c1g1\n"
    assert engine.answer(f"position fen {fen} moves c1g1 c8g8") == ""


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("xyzzy", "unknown command 'xyzzy'"),
        ("position", "expected 'position startpos'"),
        ("position startpos moves e2e5", "illegal move 'e2e5'"),
        ("position fen 8/8/8/8 w - - 0 1", "4 ranks instead of 8"),
        ("position fen 9/8/8/8/8/8/8/8 w - - 0 1", "rank 8"),
        ("setoption MultiPV", "setoption needs a name"),
        ("setoption name MultPV value 3", "did you mean MultiPV"),
        ("setoption name MultiPV value 0", "a whole number from 1 to 218"),
        ("setoption name Ponder value maybe", "must be true or false"),
        ("\udcff\x00 " + "a" * 5000, "unknown command"),
    ],
)
def test_garbage_is_told_and_changes_nothing(line: str, reason: str) -> None:
    engine, _ = session("random")
    engine.answer("position startpos moves e2e4")
    said = engine.answer(line)
    assert said.startswith("info string ") and reason in said and said.count("\n") == 1
    assert best(engine.answer("go searchmoves e7e5")) == "e7e5"


def wish_of(text: str) -> GoWish:
    return parse_go(text.split())


def test_words_before_a_command_are_skipped_as_the_protocol_says() -> None:
    engine, _ = session()
    assert engine.answer("joho isready") == "readyok\n"
    wish = wish_of("wtime 5 btime x nodes 3 foo ponder")
    assert (
        wish.numbers == {"wtime": 5, "nodes": 3} and wish.ponder and wish.ignored == ("btime x", "x", "foo")
    )


def test_time_is_shared_out_and_never_more_than_there_is() -> None:
    wish = wish_of("wtime 60000 btime 1000 winc 1000 binc 0")
    assert wish.seconds(0, 0.0) == pytest.approx(2.8) and wish.seconds(1, 0.0) == pytest.approx(1 / 30)
    assert wish_of("wtime 60000 movestogo 10").seconds(0, 0.0) == pytest.approx(6)
    assert wish_of("wtime 1000 movestogo 1").seconds(0, 0.05) == pytest.approx(0.95)
    assert wish_of("wtime 100 winc 60000").seconds(0, 0.02) == pytest.approx(0.03)
    assert wish_of("movetime 500").seconds(1, 0.1) == pytest.approx(0.4)
    assert wish_of("depth 3").seconds(0, 0.0) is None


@pytest.fixture(scope="module")
def program() -> Iterator[chess.engine.SimpleEngine]:
    """`tengen uci` under python-chess, which takes nothing but the protocol."""
    command = [sys.executable, "-m", "tengen", "uci", "--agent", "mcts?sims=80", "--seed", "3"]
    engine = chess.engine.SimpleEngine.popen_uci(command, timeout=120)
    yield engine
    engine.quit()


def test_python_chess_plays_it(program: chess.engine.SimpleEngine) -> None:
    assert program.id["name"].startswith("Tengen")
    board = chess.Board()
    for ply in range(6):
        limit = chess.engine.Limit(nodes=30) if ply % 2 else chess.engine.Limit(time=0.05)
        played = program.play(board, limit, info=chess.engine.INFO_ALL, ponder=ply == 2)
        assert played.move is not None
        board.push(played.move)
        assert played.info["nodes"] > 0 and played.info["pv"][0] == played.move
    rows = program.analyse(board, chess.engine.Limit(nodes=60), multipv=3)
    assert [row["multipv"] for row in rows] == [1, 2, 3]
    with program.analysis(board) as analysis:
        assert next(iter(analysis))
    board = chess.Board.from_chess960_pos(0)
    assert program.play(board, chess.engine.Limit(nodes=10)).move in board.legal_moves


def test_alpha_beta_tells_of_mates_and_takes_limits() -> None:
    engine, wire = session("minimax?depth=3&eval=hand", "stop")
    engine.answer("position fen kbK5/pp6/1P6/8/8/8/8/R7 w - - 0 1")  # Morphy's problem
    assert best(engine.answer("go mate 2")) == "a1a6"
    assert " score mate 2 " in wire.said[-1] and wire.said[-1].endswith("pv a1a6 b7a6 b6b7")
    engine.answer("setoption name Hash value 1")
    engine.answer("position startpos")
    wire.said.clear()
    assert best(engine.answer("go depth 4")) and wire.said[-1].startswith("info depth 4 ")
    assert best(engine.answer("go infinite"))
    assert best(engine.answer("go wtime 500 btime 500 searchmoves a2a3")) == "a2a3"
