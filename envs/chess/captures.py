"""The moves that change what is on the board: captures, and promotions to a queen."""

import numpy as np
from numpy.typing import NDArray

from tengen.envs.checkers.bitboards import NONE, ONE
from tengen.envs.chess.bitboards import (
    DELTAS,
    NOT_A,
    NOT_H,
    RANK_8,
    Position,
    king_attacks,
    kings_of,
    knight_attacks,
    shift,
    square_of,
)
from tengen.envs.chess.masks import en_passant_captors, masks
from tengen.envs.chess.moves import QUEEN, write_moves
from tengen.envs.jit import kernel, leaf_kernel

_7, _8, _9 = (np.uint64(n) for n in (7, 8, 9))


@kernel
def _write_queens(landing: np.uint64, delta: int, moves: NDArray[np.int32], row: int, count: int) -> int:
    """As `write_moves`, with a queen for each pawn on the last rank."""
    last = count
    count = write_moves(landing, delta, moves, row, count)
    for i in range(last, count):
        if (moves[row, i] >> 6) >= 56:
            moves[row, i] = moves[row, i] | QUEEN << 12
    return count


@leaf_kernel
def list_captures(position: Position, moves: NDArray[np.int32], row: int) -> int:
    """Write the legal captures and promotions to queens to moves[row]; returns how many there are."""
    own, opp, pawns, knights, diagonal, straight, _, _ = position
    targets, pin0, pin1, pin2, pin3, danger = masks(position)
    pinned = pin0 | pin1 | pin2 | pin3
    empty = ~(own | opp)
    king = own & kings_of(position)
    count = 0
    steps = king_attacks(king) & opp & ~danger
    origin = square_of(king)
    while steps != NONE:
        rest = steps & (steps - ONE)
        moves[row, count] = origin | square_of(steps ^ rest) << 6
        count += 1
        steps = rest
    if targets == NONE:
        return count
    prey = targets & opp
    for direction in range(8):
        line = direction % 4
        along = pin0 if line == 0 else pin1 if line == 1 else pin2 if line == 2 else pin3
        front = own & (straight if direction % 2 == 0 else diagonal) & (~pinned | along)
        delta = 0
        while front != NONE:
            front = shift(front, direction) & ~own
            delta += DELTAS[direction]
            count = write_moves(front & prey, delta, moves, row, count)
            front = front & empty
    leapers = own & knights & ~pinned
    while leapers != NONE:
        rest = leapers & (leapers - ONE)
        leaper = square_of(leapers ^ rest)
        landing = knight_attacks(leapers ^ rest) & prey
        while landing != NONE:
            left_over = landing & (landing - ONE)
            moves[row, count] = leaper | square_of(landing ^ left_over) << 6
            count += 1
            landing = left_over
        leapers = rest
    soldiers = own & pawns
    pushed = ((soldiers & (~pinned | pin0)) << _8) & empty & targets & RANK_8
    count = _write_queens(pushed, 8, moves, row, count)
    captures = ((soldiers & (~pinned | pin3)) << _7) & NOT_H & prey
    count = _write_queens(captures, 7, moves, row, count)
    captures = ((soldiers & (~pinned | pin1)) << _9) & NOT_A & prey
    count = _write_queens(captures, 9, moves, row, count)
    captors = en_passant_captors(position)
    while captors != NONE:
        rest = captors & (captors - ONE)
        moves[row, count] = square_of(captors ^ rest) | square_of(position[7]) << 6
        count += 1
        captors = rest
    return count
