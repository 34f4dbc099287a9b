"""PGN: reading what people wrote, reporting what cannot be read, writing what others read."""

import io
import json
from pathlib import Path

import chess.pgn
import numpy as np
import pytest

from tengen.cli import main
from tengen.envs.checkers.pdn import PdnFault, PdnGame
from tengen.envs.chess import Chess
from tengen.envs.chess.pgn import game_text, iter_pgn, play_through, replay
from tengen.envs.position import Position
from tengen.envs.registry import make_game
from tengen.errors import TengenError
from tengen.league.notation import game_suffix, load_game
from tengen.league.notation import game_text as file_text

game = Chess()

ANNOTATED = """\ufeff[Event "A \\"friendly\\" game"]
[White "Anderssen"]
[Result "1-0"]

% an escaped line: 1. e4 1-0
1. e4! {a {strange comment 1-0} e5 $2 2. f4 ; the rest of the line exf4
exf4 (2... d5 3. exd5 (3. Nf3 dxe4) e4) 3. Bc4 Qh4+?! 4. Kf1 b5 5.Bxb5 Nf6 1-0
"""


def read(text: str) -> list[PdnGame]:
    return list(iter_pgn(io.StringIO(text)))


def test_what_is_not_a_move_is_skipped() -> None:
    (record,) = read(ANNOTATED)
    assert record.fault is None and record.result == "1-0" and record.tags["White"] == "Anderssen"
    assert record.turns == ["e4", "e5", "f4", "exf4", "Bc4", "Qh4+", "Kf1", "b5", "Bxb5", "Nf6"]
    assert game.to_text(replay(record)).startswith("rnb1kb1r/p1pp1ppp/5n2/1B6/4Pp1q/8/")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("1. e4 e5 2. Nf9 *", "line 1: 'Nf9' is neither a move nor a result"),
        ("1. e4 -- 2. d4 *", "'--' is neither a move nor a result"),
        ("1. e4 Z0 *", "'Z0' is neither a move nor a result"),
        ("1. e4 0000 *", "'0000' is neither a move nor a result"),
        ("1. e4 {never closed", "the comment opened on line 1 is never closed"),
        ("1. e4 e5", "the file ends before the game has a result"),
        ("1. 11-15 *", "'11-15' is neither a move nor a result"),
        ("1. e4 e5 2. Nd4 *", "turn 3 (move 2): Nd4 is illegal: no knight of White's can go to d4"),
        ("1. e4 d6 2. Nf3 Nf6 3. Nd4 Nbd7 4. Nc6 Nb6 5. Nc3 Nd7 *", "Nd7 is ambiguous: it may be"),
        ("1. e4 f6 2. d4 g5 3. Qh5# Kf7 *", "turn 6 (move 3): Kf7 is illegal: the game is over"),
        ('[FEN "8/8/8/8/8/8/8/K7 w - - 0 1"]\n1. Kb1 *', "tag FEN: position"),
        ('[Variant "Atomic"]\n1. e4 *', "Variant 'atomic' is neither chess nor Chess960"),
    ],
)
def test_what_cannot_be_read_or_played_is_a_fault(text: str, fault: str) -> None:
    (record,) = read(text)
    with pytest.raises(PdnFault) as error:
        replay(record)
    assert fault in str(error.value)


def test_players_may_go_on_after_a_draw_by_our_rules() -> None:
    tour = " ".join(["Nf3 Nf6 Ng1 Ng8"] * 5)
    state, actions, past_end = play_through(read(f"{tour} e4 e5 *")[0])
    assert len(actions) == 22 and past_end and not state["terminal"][0]
    state, actions, past_end = play_through(read(f"{' '.join(['Nf3 Nf6 Ng1 Ng8'] * 4)} *")[0])
    assert len(actions) == 16 and not past_end and state["terminal"][0]


@pytest.mark.parametrize("name", ["chess", "chess:chess960=77"])
def test_random_games_are_written_as_python_chess_reads_them(name: str, tmp_path: Path) -> None:
    rules = make_game(name)
    assert isinstance(rules, Chess)
    for seed in range(3):
        position, rng = Position(rules), np.random.default_rng(seed)
        while not position.is_terminal:
            position.apply(int(rng.choice(position.legal_actions())))
        text = file_text(rules, position, ("A", "B"))
        theirs = chess.pgn.read_game(io.StringIO(text))
        assert theirs is not None and not theirs.errors
        assert theirs.end().board().fen() == rules.to_text(position.state)
        assert theirs.headers["White"] == "A" and theirs.headers["Result"] in ("1-0", "0-1", "1/2-1/2")
        (record,) = read(text)
        assert play_through(record)[1] == position.actions
        file = tmp_path / f"game{game_suffix(rules)}"
        file.write_text(text)
        assert file.suffix == ".pgn" and load_game(file, rules).actions == position.actions


def test_a_game_from_a_position_of_its_own() -> None:
    fen = "4k3/8/8/8/8/8/4P3/4K3 b - - 3 40"
    start = game.from_text(fen)
    position = Position(game, start)
    position.play("Kd7")
    text = game_text(game, position.actions, {"White": 'the "one"'}, "*", start)
    assert f'[FEN "{fen}"]' in text and "40... Kd7 *" in text
    assert (replay(read(text)[0])["board"] == position.state["board"]).all()


def test_records_check_reads_pgn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "games.pgn"
    file.write_text('1. e4 e5 1-0\n\n1. e4 Ke2 *\n\n1. e4 Nf9 *\n\n[Event "x"]\n\n1. d4 1/2-1/2\n')
    assert main(["records", "check", str(file), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (answer["games"], answer["parsed"], answer["legal"]) == (4, 3, 2)
    assert [fault["move"] for fault in answer["faults"]] == [2, 0]
    unnamed = tmp_path / "games"
    unnamed.write_bytes(file.read_bytes())
    assert main(["records", "check", str(unnamed), "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["legal"] == 2


def test_a_damaged_file_is_one_sentence(tmp_path: Path) -> None:
    file = tmp_path / "bad.pgn"
    for text, reason in (("", "no game"), ("1. e4 Nf9 *", "'Nf9' is neither"), ("1. e5 *", "e5 is illegal")):
        file.write_text(text)
        with pytest.raises(TengenError, match=reason):
            load_game(file, game)
