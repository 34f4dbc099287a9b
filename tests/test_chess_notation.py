"""Chess in words: SAN, UCI, FEN, the ASCII board, and what is said of a wrong one."""

import chess
import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from tengen.envs.chess import Chess
from tengen.envs.chess.actions import ACTION_OF
from tengen.envs.chess.notation import uci_text
from tengen.envs.chess.text import START
from tengen.envs.position import Position
from tengen.envs.registry import make_game
from tengen.errors import IllegalMove, TengenError

game = Chess()
fischer = make_game("chess:chess960=0")


@pytest.mark.parametrize(
    ("fen", "texts", "san"),
    [
        (START, ["Nf3", "g1f3", " Nf3 ", "Ng1f3", "Ng1-f3", "Nf3!?", "G1F3"], "Nf3"),
        ("r3k2r/8/8/8/8/8/8/R3K2R w KQkq - 0 1", ["O-O", "0-0", "e1g1", "e1h1"], "O-O"),
        ("r3k2r/8/8/8/8/8/8/R3K2R b KQkq - 0 1", ["O-O-O", "0-0-0", "e8c8", "e8a8"], "O-O-O"),
        ("3r4/4P3/8/8/8/k7/8/4K3 w - - 0 1", ["e8=Q", "e8Q", "e7e8q", "E7E8Q"], "e8=Q"),
        ("3r4/4P3/8/8/8/k7/8/4K3 w - - 0 1", ["exd8=N", "exd8N", "e7d8n", "ed8=N"], "exd8=N"),
        ("4k3/3p4/8/4P3/8/8/8/4K3 b - - 0 1", ["d5", "d7d5"], "d5"),
    ],
)
def test_a_move_can_be_written_in_several_ways(fen: str, texts: list[str], san: str) -> None:
    state = game.from_text(fen)
    for text in texts:
        assert game.format_action(state, game.parse_action(state, text)) == san


TWO_KNIGHTS = "4k3/8/8/8/8/5N2/8/1N2K3 w - - 0 1"


@pytest.mark.parametrize(
    ("fen", "text", "reason"),
    [
        (START, "e5", "no pawn of White's can go to e5"),
        (START, "Nf6", "no knight of White's can go to f6"),
        (START, "e2e5", "the pawn on e2 cannot go to e5; legal are e3, e4"),
        (START, "a1a2", "the rook on a1 cannot go to a2; it cannot move at all"),
        (START, "e7e5", "the pawn on e7 is Black's and White is to move"),
        (START, "e4e5", "there is no piece on e4"),
        (START, "O-O", "White cannot castle there now"),
        (START, "--", "'--' is not a move; e4, Nf3, O-O, e8=Q and e2e4 are"),
        (START, "0000", "is not a move"),
        (START, "Nf9", "is not a move"),
        (START, "1.e4", "is not a move"),
        (START, "ｅ4", "is not a move"),
        (TWO_KNIGHTS, "Nd2", "Nd2 is ambiguous: it may be Nbd2, Nfd2"),
        ("4k3/4r3/8/8/8/8/4N3/4K3 w - - 0 1", "Nc3", "it leaves White's king in check"),
        ("4k3/4r3/8/8/8/8/4N3/4K3 w - - 0 1", "e2c3", "it leaves White's king in check"),
        ("4k3/4r3/8/8/8/8/3N4/4K3 w - - 0 1", "Nb3", "White is in check, and would be still"),
        ("3r4/4P3/8/8/8/k7/8/4K3 w - - 0 1", "e7e8", "it is written e8=B, e8=N, e8=Q, e8=R"),
        ("3r4/4P3/8/8/8/k7/8/4K3 w - - 0 1", "e8", "e8 is illegal"),
        ("7k/8/6QK/8/8/8/8/8 b - - 0 1", "Kg8", "the game is over"),
    ],
)
def test_what_is_wrong_with_a_move(fen: str, text: str, reason: str) -> None:
    with pytest.raises(IllegalMove) as error:
        game.parse_action(game.from_text(fen), text)
    assert reason in str(error.value)


def test_an_illegal_action_can_be_named() -> None:
    state = game.new_states(1)
    for text in ("e2e5", "e1e8", "a1h8", "e4d6"):
        start, end = chess.parse_square(text[:2]), chess.parse_square(text[2:])
        assert game.format_action(state, int(ACTION_OF[start | end << 6])) == text


def test_castling_in_chess960_is_the_king_taking_his_rook() -> None:
    position = Position(fischer, fischer.from_text("4k3/8/8/8/8/8/8/1K5R w H - 0 1"))
    action = fischer.parse_action(position.state, "O-O")
    assert uci_text(position.state, action, True) == "b1h1"
    assert fischer.format_action(position.state, action) == "O-O"
    position.play("b1h1")
    assert fischer.to_text(position.state) == "4k3/8/8/8/8/8/8/5RK1 b - - 1 1"


@pytest.mark.parametrize(
    ("fen", "reason"),
    [
        ("", "has 0 fields instead of 4 or 6"),
        ("KKKKKKKK/K7/8/8/8/8/8/4k3 w - - 0 1", "White has 9 kings; each side has one"),
        ("8/8/8/8/8/8/8/4K3 w - - 0 1", "Black has no king; each side has one"),
        (START.replace("w", "x"), "the side to move is 'x' instead of w or b"),
        (START.replace("PPPPPPPP", "PPPPPPP"), "rank 2 'PPPPPPP' has 7 squares instead of 8"),
        (START.replace("PPPPPPPP", "PPPPPPPX"), "rank 2 holds 'X', which is no piece"),
        (START.replace("/8/8/", "/8/"), "has 7 ranks instead of 8"),
        (START.replace("/8/8/", "/8/P7/"), "White has 9 pawns, more than 8"),
        (START.replace("/8/8/", "/8/Q7/"), "White has 1 piece too many for 8 pawns; each costs a pawn"),
        ("P3k3/8/8/8/8/8/8/4K3 w - - 0 1", "there is a pawn on a8; none can stand on ranks 1 and 8"),
        ("4k3/8/8/8/8/8/8/4K2R w KQ - 0 1", "castling Q needs a rook of White's on a1"),
        ("4k3/8/8/8/8/8/8/3K3R w K - 0 1", "castling K needs White's king on e1, and it is on d1"),
        ("4k3/8/8/8/8/8/8/4K2R w k - 0 1", "castling k needs a rook of Black's on h8"),
        ("4k3/8/8/8/8/8/8/4K2R w KK - 0 1", "has K where there is a right already"),
        ("4k3/8/8/8/8/8/8/4K2R w H - 0 1", "castling 'H' is neither - nor made of KQkq"),
        ("4k3/8/8/3pP3/8/8/8/4K3 w - d5 0 1", "en passant 'd5' is neither - nor on rank 6"),
        ("4k3/8/8/3pP3/8/8/8/4K3 w - e6 0 1", "en passant e6: no pawn can have gone from e7 to e5 just now"),
        ("4k3/3n4/8/3pP3/8/8/8/4K3 w - d6 0 1", "no pawn can have gone from d7 to d5 just now"),
        ("4k3/8/8/8/8/8/8/4K2r b - - 0 1", "White is in check and Black is to move"),
        ("4k3/8/8/8/8/8/8/4KR2 w - - 101 90", "the halfmove clock is 101, and the game is drawn at 100"),
        ("4k3/8/8/8/8/8/8/4KR2 w - - -1 90", "the halfmove clock is '-1' instead of a number"),
        ("4k3/8/8/8/8/8/8/4KR2 w - - 0 ten", "the move number is 'ten' instead of a number"),
        ("4k3/8/8/8/8/8/8/4KR2 w - - 0", "has 5 fields"),
    ],
)
def test_what_is_wrong_with_a_fen(fen: str, reason: str) -> None:
    with pytest.raises(TengenError) as error:
        game.from_text(fen)
    assert reason in str(error.value) and "\n" not in str(error.value)


def test_fen_is_read_as_it_stands_in_the_wild() -> None:
    same = "rnbqkbnr/pppppppp/8/8/4P3/8/PPPP1PPP/RNBQKBNR b KQkq"
    for rest in (" - 0 1", " e3 0 1", " e3", " - 0 0"):
        assert game.to_text(game.from_text(same + rest)) == f"{same} - 0 1"
    assert game.to_text(game.from_text(START.replace("KQkq", "qkQK"))) == START


@pytest.mark.parametrize(
    ("given_text", "written"),
    [
        ("4k3/8/8/8/8/8/8/R1R1KR1R w HA - 0 1", "HA"),
        ("4k3/8/8/8/8/8/8/R1R1KR1R w FC - 0 1", "FC"),
        ("4k3/8/8/8/8/8/8/R1R1KR1R w KQ - 0 1", "HA"),
        ("1r2k1r1/8/8/8/8/8/8/4K3 b gb - 0 1", "gb"),
    ],
)
def test_rights_of_chess960_by_file(given_text: str, written: str) -> None:
    """The rook of each right is the one meant; python-chess says the same in its own letters."""
    state = fischer.from_text(given_text)
    theirs = chess.Board(given_text, chess960=True)
    assert fischer.to_text(state) == theirs.fen()
    assert theirs.castling_shredder_fen() == written


def test_the_board_is_drawn_and_read() -> None:
    position = Position(game)
    for turn in ("e4", "Nf6", "e5", "d5"):
        position.play(turn)
    drawing = game.board(position.state)
    assert drawing == (
        "8  r n b q k b . r\n"
        "7  p p p . p p p p\n"
        "6  . . . . . n . .\n"
        "5  . . . p P . . .\n"
        "4  . . . . . . . .\n"
        "3  . . . . . . . .\n"
        "2  P P P P . P P P\n"
        "1  R N B Q K B N R\n"
        "   a b c d e f g h\n"
        "castling KQkq, en passant d6"
    )
    again = game.from_board(drawing, 0)
    assert again["hash"] == position.state["hash"]
    bare = game.from_board("\n".join(drawing.splitlines()[:8]), 0)
    assert game.to_text(bare).split()[2:4] == ["-", "-"]


@pytest.mark.parametrize(
    ("drawing", "reason"),
    [
        ("........", "has 1 rows instead of 8"),
        ("........\n" * 7 + "....k...K", "rank 1 '....k...K' has 9 squares instead of 8"),
        ("........\n" * 7 + "...xk..K", "rank 1 holds 'x'"),
        ("........\n" * 8, "White has no king"),
    ],
)
def test_what_is_wrong_with_a_board(drawing: str, reason: str) -> None:
    with pytest.raises(TengenError) as error:
        game.from_board(drawing)
    assert reason in str(error.value)


pieces = st.lists(st.tuples(st.integers(0, 63), st.sampled_from("PNBRQpnbrq")), max_size=20)


@settings(max_examples=200)
@given(st.permutations(range(64)), pieces, st.booleans(), st.integers(0, 99), st.integers(1, 500))
def test_any_position_is_taken_or_refused_as_python_chess_does(
    squares: list[int], placed: list[tuple[int, str]], white: bool, quiet: int, move: int
) -> None:
    board = chess.Board(None)
    for square, letter in placed:
        board.set_piece_at(square, chess.Piece.from_symbol(letter))
    board.set_piece_at(squares[0], chess.Piece.from_symbol("K"))
    board.set_piece_at(squares[1], chess.Piece.from_symbol("k"))
    board.turn, board.halfmove_clock, board.fullmove_number = white, quiet, move
    faults = board.status() & ~(chess.STATUS_TOO_MANY_CHECKERS | chess.STATUS_IMPOSSIBLE_CHECK)
    try:
        state = game.from_text(board.fen())
    except TengenError as error:
        assert faults or "too many for" in str(error)
    else:
        assert not faults and game.to_text(state) == board.fen()
