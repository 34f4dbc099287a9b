"""Alpha-beta at chess: what it values, that it is minimax, and that it mates."""

import itertools

import chess
import numpy as np
import pytest

from tengen.agents.minimax.chess import ChessLimits, ChessSearcher
from tengen.agents.minimax.chess_kernel import MATE
from tengen.agents.registry import make_agent
from tengen.cli import main
from tengen.envs.chess.bitboards import pack
from tengen.envs.chess.captures import list_captures
from tengen.envs.chess.evaluation import FULL_PHASE, TABLES, evaluate
from tengen.envs.chess.moves import MOST_MOVES
from tengen.envs.chess.notation import uci_text
from tengen.envs.registry import make_game
from tengen.errors import TengenError
from tengen.league.match import play_match

GAME = make_game("chess")
KIWIPETE = "r3k2r/p1ppqpb1/bn2pnp1/3PN3/1p2P3/2N2Q1p/PPPBBPPP/R3K2R w KQkq - 0 1"


def random_board(rng: np.random.Generator, plies: int) -> chess.Board:
    board = chess.Board()
    while len(board.move_stack) < plies:
        moves = list(board.legal_moves)
        if not moves:
            board = chess.Board()
            continue
        board.push(moves[rng.integers(len(moves))])
    return board if any(board.legal_moves) else random_board(rng, plies)


def random_pieces(rng: np.random.Generator, count: int) -> chess.Board:
    """Both kings and so many other men on squares drawn at random, the side to move drawn too."""
    while True:
        board = chess.Board(None)
        squares = [int(square) for square in rng.permutation(64)[: count + 2]]
        men = ["K", "k", *(str(man) for man in rng.choice(list("PpPpNnBbRrQq"), count))]
        for square, man in zip(squares, men, strict=True):
            board.set_piece_at(square, chess.Piece.from_symbol(man))
        board.turn = bool(rng.integers(2))
        if board.is_valid() and any(board.legal_moves) and not board.is_insufficient_material():
            return board


def worth(board: chess.Board, tables: np.ndarray) -> int:
    """The evaluation once more, piece by piece."""
    sums, phase = [0, 0], 0
    for square, piece in board.piece_map().items():
        own = piece.color == board.turn
        seen = square if piece.color else chess.square_mirror(square)
        for k in (0, 1):
            sums[k] += (1 if own else -1) * int(tables[k, piece.piece_type - 1, seen])
        phase += (0, 0, 1, 1, 2, 4, 0)[piece.piece_type]
    phase = min(phase, FULL_PHASE)
    total = sums[0] * phase + sums[1] * (FULL_PHASE - phase)
    return int(total / FULL_PHASE)  # towards 0


def minimax(board: chess.Board, depth: int, ply: int, tables: np.ndarray) -> int:
    """The same search without any pruning, over python-chess."""
    if ply > 0 and board.is_insufficient_material():
        return 0
    moves = list(board.legal_moves)
    best = -10 * MATE
    if depth <= 0:
        best = ply - MATE
        if not board.is_check():
            best = worth(board, tables)
            moves = [
                move
                for move in moves
                if (board.is_capture(move) and move.promotion is None) or move.promotion == chess.QUEEN
            ]
    elif not moves:
        return ply - MATE if board.is_check() else 0
    for move in moves:
        board.push(move)
        best = max(best, -minimax(board, depth - 1, ply + 1, tables))
        board.pop()
    return best


@pytest.mark.parametrize("evaluation", ["material", "hand"])
def test_it_is_minimax_to_the_same_depth(evaluation: str) -> None:
    rng = np.random.default_rng(7)
    searcher = ChessSearcher(evaluation, table_bits=10)
    for pieces in (2, 3, 3, 4, 4, 5, 5):
        board = random_pieces(rng, pieces)
        state = GAME.from_text(board.fen())
        for depth in (1, 2):
            found = searcher.find(state, ChessLimits(depth=depth, repetitions=False))[0]
            assert found.value == minimax(board, depth, 0, TABLES[evaluation]), board.fen()


def test_the_evaluation_and_the_captures_are_those_of_a_slow_referee() -> None:
    rng = np.random.default_rng(3)
    moves = np.empty((1, MOST_MOVES), np.int32)
    for _ in range(60):
        board = random_board(rng, int(rng.integers(120)))
        state = GAME.from_text(board.fen().rsplit(" ", 2)[0] + " 0 1")
        position = pack(state["board"][0])
        for tables in TABLES.values():
            assert evaluate(position, tables) == worth(board, tables)
        count = list_captures(position, moves, 0)
        expected = {
            m
            for m in board.legal_moves
            if (board.is_capture(m) and not m.promotion) or m.promotion == chess.QUEEN
        }
        assert count == len(expected)


def test_the_table_and_the_order_of_moves_change_no_value() -> None:
    small, large = ChessSearcher("hand", table_bits=1), ChessSearcher("hand", table_bits=18)
    for fen in (KIWIPETE, "8/2p5/3p4/KP5r/1R3p1k/8/4P1P1/8 w - - 0 1"):
        state = GAME.from_text(fen)
        values = {
            searcher.find(state, ChessLimits(depth=4, repetitions=False), tie_seed=seed)[0].value
            for searcher in (small, large)
            for seed in (1, 2)
        }
        assert len(values) == 1


@pytest.mark.parametrize(
    ("fen", "mate", "line"),
    [
        ("6k1/5ppp/8/8/8/8/5PPP/3R2K1 w - - 0 1", 1, ["d1d8"]),
        ("kbK5/pp6/1P6/8/8/8/8/R7 w - - 0 1", 2, ["a1a6", "b7a6", "b6b7"]),  # Morphy's problem
        ("7k/8/5K2/6Q1/8/8/8/8 b - - 0 1", -1, None),
    ],
)
def test_mates_are_counted_in_moves(fen: str, mate: int, line: list[str] | None) -> None:
    state = GAME.from_text(fen)
    found = ChessSearcher("hand").find(state, ChessLimits(depth=4))[0]
    assert found.mate == mate
    words = []
    for action in found.actions:
        words.append(uci_text(state, action, False))
        GAME.step(state, np.array([action], np.int32))
    assert state["terminal"][0]
    if line is not None and mate == 1:
        assert words == line
    if line is not None:
        assert words[0] == line[0]


def test_repetitions_are_draws_that_the_losing_side_looks_for() -> None:
    # White is a queen and a rook down and checks for ever on g5 and f6.
    state = GAME.from_text("5rk1/5p1p/5Q2/8/8/qq6/8/7K w - - 0 1")
    searcher = ChessSearcher("material")
    assert searcher.find(state, ChessLimits(depth=6))[0].value == 0
    assert searcher.find(state, ChessLimits(depth=6, repetitions=False))[0].value < -500


def test_several_variations_come_best_first_and_limits_hold() -> None:
    state = GAME.from_text(KIWIPETE)
    searcher = ChessSearcher("hand", table_bits=16)
    found = searcher.find(state, ChessLimits(depth=3), lines=4)
    assert len({line.actions[0] for line in found}) == 4
    assert [line.value for line in found] == sorted((line.value for line in found), reverse=True)
    assert searcher.find(state, ChessLimits(depth=0, nodes=20_000))[0].nodes < 40_000
    looks = itertools.count()
    stopped = searcher.find(state, ChessLimits(depth=0), stop=lambda: next(looks) >= 5)
    assert next(looks) > 5 and stopped[0].depth < 60
    only = found[2].actions[0]
    assert searcher.find(state, ChessLimits(depth=2), allowed=[only])[0].actions[0] == only


def test_it_beats_random_moves_always() -> None:
    agent = make_agent("minimax?depth=3&eval=hand", GAME, seed=1)
    result = play_match(GAME, agent, make_agent("random", GAME, seed=2), 8, seed=5)
    assert result.wins == 8


def test_what_an_agent_string_may_not_say(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(TengenError, match="unknown eval 'hnd' of chess; did you mean hand"):
        make_agent("minimax?eval=hnd", GAME)
    with pytest.raises(TengenError, match="king is for eval=material at checkers"):
        make_agent("minimax?king=2", GAME)
    assert main(["match", "minimax?depth=1", "random", "--game", "chess", "--games", "2"]) == 0
