"""Legal moves: generated directly, by masks of pins and checks, listed or only counted.

A move is from | to << 6 | promotion << 12, squares as the side to move sees them. `promotion` is one of
NO_PROMOTION .. QUEEN. Castling is written as the king taking its own rook, as in Chess960: one rule for
all starts, and one word that means nothing else.
"""

import numpy as np
from numpy.typing import NDArray

from tengen.envs.checkers.bitboards import NONE, ONE, popcount
from tengen.envs.chess.bitboards import (
    BIT,
    C1,
    D1,
    DELTAS,
    F1,
    G1,
    NOT_A,
    NOT_H,
    RANK_1,
    RANK_3,
    RANK_8,
    Position,
    flip,
    king_attacks,
    kings_of,
    knight_attacks,
    ray,
    shift,
    square_of,
)
from tengen.envs.chess.masks import castling_rooks, en_passant_captors, masks
from tengen.envs.jit import kernel, leaf_kernel

NO_PROMOTION, KNIGHT, BISHOP, ROOK, QUEEN = range(5)
MOST_MOVES = 256  # a legal position has at most 218

_1, _7, _8, _9, _16 = (np.uint64(n) for n in (1, 7, 8, 9, 16))


@kernel
def _reached(
    sliders: np.uint64,
    pinned: np.uint64,
    line: np.uint64,
    empty: np.uint64,
    targets: np.uint64,
    direction: int,
) -> int:
    """Moves of sliders along a line on which only its own pins leave them free, one way."""
    return popcount(ray(sliders & (~pinned | line), empty, direction) & targets)


@leaf_kernel
def count_moves(position: Position) -> int:
    """How many legal moves there are, without listing them."""
    own, opp, pawns, knights, diagonal, straight, _, _ = position
    targets, pin0, pin1, pin2, pin3, danger = masks(position)
    king = own & kings_of(position)
    count = popcount(king_attacks(king) & ~own & ~danger)
    if targets == NONE:
        return count
    pinned = pin0 | pin1 | pin2 | pin3
    empty = ~(own | opp)
    rooks, bishops = own & straight, own & diagonal
    count += _reached(rooks, pinned, pin0, empty, targets, 0)
    count += _reached(bishops, pinned, pin1, empty, targets, 1)
    count += _reached(rooks, pinned, pin2, empty, targets, 2)
    count += _reached(bishops, pinned, pin3, empty, targets, 3)
    count += _reached(rooks, pinned, pin0, empty, targets, 4)
    count += _reached(bishops, pinned, pin1, empty, targets, 5)
    count += _reached(rooks, pinned, pin2, empty, targets, 6)
    count += _reached(bishops, pinned, pin3, empty, targets, 7)
    leapers = own & knights & ~pinned
    while leapers != NONE:
        rest = leapers & (leapers - ONE)
        count += popcount(knight_attacks(leapers ^ rest) & targets)
        leapers = rest
    soldiers = own & pawns
    pushed = ((soldiers & (~pinned | pin0)) << _8) & empty
    count += popcount(((pushed & RANK_3) << _8) & empty & targets)
    pushed = pushed & targets
    left = ((soldiers & (~pinned | pin3)) << _7) & NOT_H & opp & targets
    right = ((soldiers & (~pinned | pin1)) << _9) & NOT_A & opp & targets
    count += popcount(pushed) + popcount(left) + popcount(right)
    count += 3 * (popcount(pushed & RANK_8) + popcount(left & RANK_8) + popcount(right & RANK_8))
    if position[7] != NONE:
        count += popcount(en_passant_captors(position))
    if (own & position[6]) != NONE and (king & danger) == NONE:
        count += popcount(castling_rooks(position, pin2, danger))
    return count


@kernel
def write_moves(landing: np.uint64, delta: int, moves: NDArray[np.int32], row: int, count: int) -> int:
    """List moves by where they land, `delta` squares on; returns the new count."""
    while landing != NONE:
        rest = landing & (landing - ONE)
        to = square_of(landing ^ rest)
        moves[row, count] = (to - delta) | to << 6
        count += 1
        landing = rest
    return count


@kernel
def _write_pawns(landing: np.uint64, delta: int, moves: NDArray[np.int32], row: int, count: int) -> int:
    """As `write_moves`, with four promotions for each move to the last rank."""
    last = count
    count = write_moves(landing, delta, moves, row, count)
    for i in range(last, count):
        move = moves[row, i]
        if (move >> 6) >= 56:
            moves[row, i] = move | QUEEN << 12
            for promotion in range(KNIGHT, QUEEN):
                moves[row, count] = move | promotion << 12
                count += 1
    return count


@leaf_kernel
def list_moves(position: Position, moves: NDArray[np.int32], row: int) -> int:
    """Write every legal move to moves[row] [MOST_MOVES]; returns how many there are."""
    own, opp, pawns, knights, diagonal, straight, _, _ = position
    targets, pin0, pin1, pin2, pin3, danger = masks(position)
    pinned = pin0 | pin1 | pin2 | pin3
    empty = ~(own | opp)
    king = own & kings_of(position)
    origin = square_of(king)
    count = 0
    steps = king_attacks(king) & ~own & ~danger
    while steps != NONE:
        rest = steps & (steps - ONE)
        moves[row, count] = origin | square_of(steps ^ rest) << 6
        count += 1
        steps = rest
    if targets == NONE:
        return count
    for direction in range(8):
        line = direction % 4
        along = pin0 if line == 0 else pin1 if line == 1 else pin2 if line == 2 else pin3
        front = own & (straight if direction % 2 == 0 else diagonal) & (~pinned | along)
        delta = 0
        while front != NONE:
            front = shift(front, direction) & ~own
            delta += DELTAS[direction]
            count = write_moves(front & targets, delta, moves, row, count)
            front = front & empty
    leapers = own & knights & ~pinned
    while leapers != NONE:
        rest = leapers & (leapers - ONE)
        leaper = square_of(leapers ^ rest)
        landing = knight_attacks(leapers ^ rest) & targets
        while landing != NONE:
            left_over = landing & (landing - ONE)
            moves[row, count] = leaper | square_of(landing ^ left_over) << 6
            count += 1
            landing = left_over
        leapers = rest
    soldiers = own & pawns
    pushed = ((soldiers & (~pinned | pin0)) << _8) & empty
    count = write_moves(((pushed & RANK_3) << _8) & empty & targets, 16, moves, row, count)
    count = _write_pawns(pushed & targets, 8, moves, row, count)
    captures = ((soldiers & (~pinned | pin3)) << _7) & NOT_H & opp & targets
    count = _write_pawns(captures, 7, moves, row, count)
    captures = ((soldiers & (~pinned | pin1)) << _9) & NOT_A & opp & targets
    count = _write_pawns(captures, 9, moves, row, count)
    captors = en_passant_captors(position)
    while captors != NONE:
        rest = captors & (captors - ONE)
        moves[row, count] = square_of(captors ^ rest) | square_of(position[7]) << 6
        count += 1
        captors = rest
    if (king & danger) == NONE:
        rooks = castling_rooks(position, pin2, danger)
        while rooks != NONE:
            rest = rooks & (rooks - ONE)
            moves[row, count] = origin | square_of(rooks ^ rest) << 6
            count += 1
            rooks = rest
    return count


@leaf_kernel
def advance(position: Position, move: int) -> Position:
    """The position after a legal move, seen by the side that is then to move.

    `en_passant` is set wherever an enemy pawn stands beside the one that made two steps, be it pinned or not.
    """
    own, opp, pawns, knights, diagonal, straight, castling, en_passant = position
    start, end = BIT[move & 63], BIT[(move >> 6) & 63]
    passed = NONE
    if (own & end) != NONE:  # castling
        own &= ~(start | end)
        straight &= ~end
        if end > start:
            own |= G1 | F1
            straight |= F1
        else:
            own |= C1 | D1
            straight |= D1
        castling &= ~RANK_1
    else:
        stays = ~end
        opp, pawns, knights, diagonal, straight = (
            opp & stays,
            pawns & stays,
            knights & stays,
            diagonal & stays,
            straight & stays,
        )
        castling &= ~(start | end)
        moved = start | end
        own ^= moved
        if (pawns & start) != NONE:
            pawns ^= start
            promotion = move >> 12
            if promotion == NO_PROMOTION:
                pawns |= end
            if promotion == KNIGHT:
                knights |= end
            if promotion in (BISHOP, QUEEN):
                diagonal |= end
            if promotion in (ROOK, QUEEN):
                straight |= end
            if end == en_passant:
                opp ^= end >> _8
                pawns ^= end >> _8
            if end == start << _16:
                beside = ((end << _1) & NOT_A) | ((end >> _1) & NOT_H)
                if (beside & opp & pawns) != NONE:
                    passed = start << _8
        elif (knights & start) != NONE:
            knights ^= moved
        elif ((diagonal | straight) & start) != NONE:
            if (diagonal & start) != NONE:
                diagonal ^= moved
            if (straight & start) != NONE:
                straight ^= moved
        else:
            castling &= ~RANK_1
    return (
        flip(opp),
        flip(own),
        flip(pawns),
        flip(knights),
        flip(diagonal),
        flip(straight),
        flip(castling),
        flip(passed),
    )


@leaf_kernel
def perft(position: Position, level: int, counts: NDArray[np.int64], moves: NDArray[np.int32]) -> int:
    """Add the moves at each depth below a position to counts [D]; returns how many it has itself.

    The last level is counted, not played out. moves [D, MOST_MOVES] is room to work in.
    """
    if level == len(counts) - 1:
        count = count_moves(position)
        counts[level] += count
        return count
    count = list_moves(position, moves, level)
    counts[level] += count
    for i in range(count):
        perft(advance(position, np.int64(moves[level, i])), level + 1, counts, moves)  # type: ignore[arg-type]
    return count
