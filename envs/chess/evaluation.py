"""What a position of chess is worth: pieces, and where they stand. A pawn is about 100.

Tables are seen by the side to move, its first rank first, and blended by how many pieces are left, from the
middle of a game to its end (as in Fruit and since). Their values are our own, made of a few terms each:
towards the middle, up the board, home. `HAND` has them all; `MATERIAL` knows only what pieces are.
"""

import numpy as np
from numpy.typing import NDArray

from tengen.envs.checkers.bitboards import NONE, ONE, popcount
from tengen.envs.chess.bitboards import Position, kings_of, square_of
from tengen.envs.jit import kernel, leaf_kernel

PAWN, KNIGHT, BISHOP, ROOK, QUEEN, KING = range(6)
PIECE_VALUES = (100, 320, 330, 500, 900, 0)
FULL_PHASE = 24  # both sides' pieces at the start: knights and bishops 1, rooks 2, queens 4


def _hand() -> NDArray[np.int32]:
    """The tables [2, 6, 64]: middle and end of a game, kind of piece, square."""
    rank, file = np.divmod(np.arange(64), 8)
    to_middle_file, to_middle_rank = np.minimum(file, 7 - file), np.minimum(rank, 7 - rank)  # 0 to 3
    to_middle = to_middle_file + to_middle_rank
    home, seventh = rank == 0, rank == 6
    centre = (to_middle_file == 3) & (rank >= 2)
    return np.stack(
        [
            np.stack(
                [
                    90 + 3 * rank + 12 * centre + 14 * (centre & (rank == 3)) - 14 * (centre & (rank == 2)),
                    300 + 8 * to_middle - 12 * home,
                    318 + 4 * to_middle - 14 * home,
                    485 + 5 * to_middle_file + 15 * seventh,
                    945 + 2 * to_middle - 2 * rank,
                    np.where(home, 20 - 14 * to_middle_file + 12 * (file == 6), -15 - 20 * rank),
                ]
            ),
            np.stack(
                [
                    95 + 5 * np.maximum(0, rank - 1) ** 2,
                    280 + 7 * to_middle,
                    315 + 4 * to_middle,
                    525 + 8 * seventh,
                    960 + 7 * to_middle,
                    12 * to_middle - 36,
                ]
            ),
        ]
    ).astype(np.int32)


HAND = _hand()
MATERIAL = np.broadcast_to(np.array(PIECE_VALUES, np.int32)[:, None], (2, 6, 64)).copy()
TABLES = {"material": MATERIAL, "hand": HAND}


@kernel
def _add(squares: np.uint64, turn: int, tables: NDArray[np.int32], kind: int) -> tuple[int, int]:
    """What the pieces of one kind are worth (middle, end); turn 56 looks from the other side."""
    middle = end = np.int64(0)
    while squares != NONE:
        rest = squares & (squares - ONE)
        square = square_of(squares ^ rest) ^ turn
        middle += tables[0, kind, square]
        end += tables[1, kind, square]
        squares = rest
    return middle, end  # type: ignore[return-value]


@leaf_kernel
def evaluate(position: Position, tables: NDArray[np.int32]) -> int:
    """The worth of a position for the side to move, the negative of the other's, by tables [2, 6, 64]."""
    own, opp, pawns, knights, diagonal, straight, _, _ = position
    bishops, rooks, queens = diagonal & ~straight, straight & ~diagonal, diagonal & straight
    middle = end = np.int64(0)
    kinds = (pawns, knights, bishops, rooks, queens, kings_of(position))
    for kind, pieces in enumerate(kinds):
        a, b = _add(own & pieces, 0, tables, kind)
        c, d = _add(opp & pieces, 56, tables, kind)
        middle += a - c
        end += b - d
    phase = min(
        FULL_PHASE, popcount(knights) + popcount(bishops) + 2 * popcount(rooks) + 4 * popcount(queens)
    )
    total = middle * phase + end * (FULL_PHASE - phase)
    part = abs(total) // FULL_PHASE
    return part if total >= 0 else -part  # type: ignore[return-value]


@kernel
def kind_at(position: Position, square: np.uint64) -> int:
    """The kind of the piece on an occupied square (a bit)."""
    _, _, pawns, knights, diagonal, straight, _, _ = position
    if (pawns & square) != NONE:
        return PAWN
    if (knights & square) != NONE:
        return KNIGHT
    if (straight & square) != NONE:
        return QUEEN if (diagonal & square) != NONE else ROOK
    return BISHOP if (diagonal & square) != NONE else KING
