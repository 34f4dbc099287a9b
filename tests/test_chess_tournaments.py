"""Chess in tournaments: where games begin, and who ends them early."""

import struct
from pathlib import Path

import chess
import chess.polyglot
import numpy as np
import pytest

from tengen.agents.engines.uci_wire import centipawns_of_value, parse_score, value_of_centipawns
from tengen.cli import main
from tengen.envs.position import Position
from tengen.envs.registry import make_game
from tengen.errors import TengenError
from tengen.league.chess_openings import deck_openings
from tengen.league.ending import Limits, Watch
from tengen.league.notation import read_openings
from tengen.league.openings import make_openings
from tengen.league.syzygy import SyzygyTables
from tengen.league.tournament_config import AdjudicationConfig, OpeningsConfig, TournamentConfig

GAME = make_game("chess")


def words(actions: list[int]) -> str:
    position, found = Position(GAME), []
    for action in actions:
        found.append(GAME.format_action(position.state, action))
        position.apply(action)
    return " ".join(found)


def test_the_deck_has_sound_openings_that_differ() -> None:
    openings = deck_openings(GAME)  # type: ignore[arg-type]
    assert len(openings) >= 140
    fens = set()
    for actions in openings:
        position = Position(GAME)
        for action in actions:
            position.apply(action)
        assert not position.is_terminal
        fens.add(GAME.to_text(position.state))
    assert len(fens) == len(openings)
    drawn = make_openings(OpeningsConfig(), GAME, 20, seed=1)
    assert {tuple(opening) for opening in drawn} == {tuple(opening) for opening in openings}
    with pytest.raises(TengenError, match="is for the usual start"):
        make_openings(OpeningsConfig(kind="ballots"), make_game("chess:chess960=0"), 1, seed=1)


def test_openings_of_a_pgn_are_cut_and_counted_once(tmp_path: Path) -> None:
    file = tmp_path / "book.pgn"
    file.write_text(
        '[Event "a"]\n\n1. e4 e5 2. Nf3 {a comment} Nc6 (2... d6) 3. Bb5 $1 *\n\n'
        '[Event "b"]\n\n1. e4 e5 2. Nf3 Nc6 3. Bc4 1-0\n\n1. d4 *\n'
    )
    assert [words(o) for o in read_openings(file, GAME, plies=4)] == ["e4 e5 Nf3 Nc6", "d4"]
    assert len(read_openings(file, GAME)) == 3
    file.write_text("1. e4 e5 2. Ke3 *\n")
    with pytest.raises(TengenError, match=r"book\.pgn: game 1: turn 3 .*Ke3 is illegal"):
        read_openings(file, GAME)
    file.write_text("1. f3 e5 2. g4 Qh4# 0-1\n")
    with pytest.raises(TengenError, match="no opening in this file that leaves moves to play"):
        read_openings(file, GAME)


def test_lines_of_a_polyglot_book_are_drawn_by_weight(tmp_path: Path) -> None:
    board, entries = chess.Board(), []
    for move, weight in (("e2e4", 3), ("d2d4", 1), ("a2a3", 0)):
        entries.append((board, move, weight))
    after = chess.Board()
    after.push_uci("e2e4")
    entries.append((after, "c7c5", 1))
    rows = []
    for position, move, weight in entries:
        parsed = chess.Move.from_uci(move)
        packed = parsed.to_square | parsed.from_square << 6
        rows.append(struct.pack(">QHHI", chess.polyglot.zobrist_hash(position), packed, weight, 0))
    file = tmp_path / "book.bin"
    file.write_bytes(b"".join(sorted(rows)))
    assert sorted(words(o) for o in read_openings(file, GAME, plies=4, count=10)) == ["d4", "e4 c5"]
    file.write_bytes(b"nonsense")
    with pytest.raises(TengenError, match="not a Polyglot book"):
        read_openings(file, GAME)


def test_an_epd_position_near_the_start_is_reached(tmp_path: Path) -> None:
    file = tmp_path / "book.epd"
    board = chess.Board()
    for san in ("d4", "Nf6", "c4"):
        board.push_san(san)
    file.write_text(f"{board.epd()} ; a comment\n# nothing\n{chess.Board().epd()}\n")
    openings = read_openings(file, GAME)
    state = GAME.new_states(1)
    for action in openings[0]:
        GAME.step(state, np.array([action], np.int32))
    assert GAME.to_text(state).split()[:4] == board.epd().split() and openings[1] == []
    file.write_text("8/8/4k3/8/8/3K4/8/R7 w - - \n")
    with pytest.raises(TengenError, match=r"line 1: no game of 4 plies leads to this position"):
        read_openings(file, GAME)
    file.write_text("8/8/4k3/8/8/3K4/8/R7/8 w - -\n")
    with pytest.raises(TengenError, match=r"book\.epd line 1: .*9 ranks"):
        read_openings(file, GAME)


def test_a_programs_scores_become_values() -> None:
    assert parse_score("info depth 5 score cp 0 nodes 1 pv e2e4") == 0
    assert parse_score("info depth 5 score mate -3 nodes 1") == -1
    assert parse_score("info depth 5 score mate 1") == 1
    assert parse_score("info depth 5 multipv 2 score cp 50 nodes 1") is None
    assert parse_score("info depth 5 score cp 50 lowerbound nodes 1") is None
    assert parse_score("info string score cp x") is None
    for centipawns in (-900, -30, 0, 1, 250):
        assert centipawns_of_value(value_of_centipawns(centipawns)) == centipawns


class Calm:
    name, needs_history, last_values = "calm", False, None


def test_a_game_is_drawn_once_both_have_said_so_for_long_enough() -> None:
    config = AdjudicationConfig(draw=0.05, draw_plies=3, draw_from=10)
    watch = Watch(Limits(adjudication=config), (Calm(), Calm()), 1)  # type: ignore[arg-type]
    state, slots = GAME.new_states(1), np.array([0])
    ended: dict[int, object] = {}
    for ply, (white, black) in enumerate([(0, 0), (0, 0), (0.2, 0), (0.01, -0.02), (0, 0), (0.05, 0)], 10):
        state["ply"] = ply
        watch.value[0] = white, black
        assert not ended
        watch.endings(GAME, state, slots, ended)  # type: ignore[arg-type]
    assert ended[0].reason == "agreed" and ended[0].outcome == 0  # type: ignore[attr-defined]


def test_tables_end_a_game_by_what_they_know(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(TengenError, match="no Syzygy tables here; expected files such as KQvK"):
        SyzygyTables(tmp_path)
    (tmp_path / "KQvK.rtbw").write_bytes(b"not opened before it is asked")

    class Known:
        def probe_wdl(self, board: chess.Board) -> int:
            if board.pieces(chess.QUEEN, True):
                return 2 if board.turn else -2
            raise KeyError

    monkeypatch.setattr("chess.syzygy.open_tablebase", lambda *args, **options: Known())
    tables = SyzygyTables(tmp_path)
    assert tables.pieces == 3
    fens = [
        "8/8/4k3/8/8/3K4/8/Q7 b - - 0 1",  # won for White, who is not to move
        "8/8/4k3/8/8/3K4/8/Q7 w - - 3 1",  # in the middle of a count of the 50-move rule
        "8/8/4k3/8/8/3K4/8/R7 w - - 0 1",  # no such table
        "8/8/4k3/8/8/3K4/P7/Q7 w - - 0 1",  # too many pieces
    ]
    states = np.concatenate([GAME.from_text(fen) for fen in fens])
    assert tables.outcomes(GAME, states, np.array([7, 8, 9, 10])) == {7: (1, "White wins")}


def test_events_of_old_keep_their_names() -> None:
    old = TournamentConfig(game="chess", players=["random", "random"])
    same = old.model_copy(update={"adjudication": AdjudicationConfig(draw=0.0)})
    other = old.model_copy(update={"adjudication": AdjudicationConfig(draw=0.1)})
    assert old.event() == same.event() != other.event()


def test_engines_agree_on_a_draw_or_a_win(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "book.pgn"
    file.write_text("1. e4 e5 2. Nf3 *\n")
    players = "minimax?depth=2,minimax?depth=1&eval=hand"
    arguments = ["tournament", "--game", "chess", "--agents", players, "--games", "4"]
    store = f"store={tmp_path / 'games.sqlite'}"
    early = ["adjudication.resign=0.9", "adjudication.resign_plies=4", "adjudication.max_plies=160"]
    book = ["openings.kind=file", f"openings.file={file}"]
    assert main([*arguments, store, *early, *book]) == 0
    assert "minimax?depth=2" in capsys.readouterr().out
