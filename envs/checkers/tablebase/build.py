"""Solving every position of few pieces, backwards from those where the side to move cannot move.

Captures are mandatory and take pieces off, so a position with a capture is worth what positions of fewer
pieces, solved before, say. All other positions have quiet moves only, to positions of as many pieces: for
these, a position lost in n turns makes each of its quiet predecessors won in n + 1, and one won in n takes an
escape away; whoever has none left is lost in n + 1. What is left over in the end is drawn.

Repetition and the 80-turn rule are left aside: a position's worth does not depend on what came before.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tengen.envs.checkers.bitboards import (
    ALL,
    KING_ROWS,
    NONE,
    ONE,
    advance,
    jumps,
    jumps_on,
    popcount,
    shift,
    slides,
)
from tengen.envs.checkers.tablebase.indexing import MOST, first_of, number_of, position_at
from tengen.envs.jit import kernel, leaf_kernel
from tengen.errors import TengenError

#: A position's depth is the number of turns to the end under best play: odd where the side to move wins, even
#: where it loses.
DRAW = 255
HOLE = 254

_CAPTURES = 255  # in place of the count of escapes: the position has captures
_FAR = 1000


@leaf_kernel
def worth(depth: int) -> int:
    """Of a position for its side to move, greater is better: sooner won, later lost."""
    if depth == DRAW:
        return 0
    return _FAR - depth if depth % 2 == 1 else depth - _FAR


@leaf_kernel
def depth_after(depth: int) -> int:
    """The depth by the move that leads to a position of this depth."""
    return depth if depth == DRAW else depth + 1


@kernel
def best_end(
    own: np.uint64, opp: np.uint64, kings: np.uint64, piece: np.uint64, depths: NDArray[np.uint8]
) -> int:
    """The depth by the best way to finish the turn of a piece that has just jumped and not been crowned."""
    if not jumps_on(own, opp, kings, 0, piece):
        return depth_after(int(depths[number_of(opp, own, kings, 1)]))
    best = -1
    for direction, pieces in enumerate(jumps(own, opp, kings, 0)):
        if (pieces & piece) != NONE:
            own2, opp2, kings2, end, _, crowned = advance(own, opp, kings, 0, piece, direction)
            if crowned:
                depth = depth_after(int(depths[number_of(opp2, own2, kings2, 1)]))
            else:
                depth = best_end(own2, opp2, kings2, end, depths)
            if best < 0 or worth(depth) > worth(best):
                best = depth
    return best


@kernel
def best_capture(own: np.uint64, opp: np.uint64, kings: np.uint64, depths: NDArray[np.uint8]) -> int:
    """The depth by the best capture; -1 where there is none."""
    best = -1
    for direction, pieces in enumerate(jumps(own, opp, kings, 0)):
        while pieces != NONE:
            rest = pieces & (pieces - ONE)
            own2, opp2, kings2, end, _, crowned = advance(own, opp, kings, 0, pieces ^ rest, direction)
            if crowned:
                depth = depth_after(int(depths[number_of(opp2, own2, kings2, 1)]))
            else:
                depth = best_end(own2, opp2, kings2, end, depths)
            if best < 0 or worth(depth) > worth(best):
                best = depth
            pieces = rest
    return best


@kernel
def begin(
    first: int, last: int, depths: NDArray[np.uint8], escapes: NDArray[np.uint8], at: NDArray[np.int64]
) -> None:
    """Solve positions with captures or without a move, count the moves of the others.

    at [256]: how many positions are solved at each depth.
    """
    for number in range(first, last):
        own, opp, kings, is_position = position_at(number)
        if not is_position:
            depths[number] = HOLE
            continue
        depth = best_capture(own, opp, kings, depths)
        if depth >= 0:
            escapes[number - first] = _CAPTURES
        else:
            a, b, c, d = slides(own, opp, kings, 0)
            moves = popcount(a) + popcount(b) + popcount(c) + popcount(d)
            escapes[number - first] = moves
            depth = 0 if moves == 0 else DRAW
        depths[number] = depth
        at[depth] += 1


@leaf_kernel
def reach_back(
    number: int,
    first: int,
    depth: int,
    depths: NDArray[np.uint8],
    escapes: NDArray[np.uint8],
    at: NDArray[np.int64],
) -> None:
    """Tell a quiet predecessor of a position of this depth what that means to it."""
    if depths[number] != DRAW or escapes[number - first] == _CAPTURES:
        return
    if depth % 2 == 1:
        escapes[number - first] -= np.uint8(1)
        if escapes[number - first] > 0:
            return
    depths[number] = depth + 1
    at[depth + 1] += 1


@kernel
def go_back(
    first: int,
    last: int,
    depth: int,
    depths: NDArray[np.uint8],
    escapes: NDArray[np.uint8],
    at: NDArray[np.int64],
) -> None:
    """Take back every quiet move that led to a position of this depth; the side that moved goes up."""
    for number in range(first, last):
        if depths[number] != depth:
            continue
        own, opp, kings, _ = position_at(number)
        empty = ALL & ~(own | opp)
        pieces = opp
        while pieces != NONE:
            rest = pieces & (pieces - ONE)
            piece = pieces ^ rest
            for direction in range(4):
                origin = shift(piece, direction) & empty
                if origin == NONE:
                    continue
                before = opp ^ (piece | origin)
                if (kings & piece) != NONE:
                    was = number_of(before, own, kings ^ (piece | origin), 1)
                    reach_back(was, first, depth, depths, escapes, at)
                # A man came from below, also the one that was crowned by this move.
                if direction < 2 and ((kings & piece) == NONE or (piece & KING_ROWS[1]) != NONE):
                    was = number_of(before, own, kings & ~piece, 1)
                    reach_back(was, first, depth, depths, escapes, at)
            pieces = rest


def build(pieces: int, tell: Callable[[int, int], None] | None = None) -> NDArray[np.uint8]:
    """The depths of all positions of up to so many pieces, by number.

    tell: is called with (pieces, depth) as each is finished.
    """
    if not 2 <= pieces <= MOST:
        raise TengenError(f"pieces {pieces}: must be from 2 to {MOST}")
    depths = np.full(first_of(pieces + 1), DRAW, np.uint8)
    for count in range(1, pieces + 1):
        first, last = first_of(count), first_of(count + 1)
        escapes = np.zeros(last - first, np.uint8)
        at = np.zeros(256, np.int64)
        begin(first, last, depths, escapes, at)
        depth = 0
        while at[depth:HOLE].any():
            assert depth < HOLE - 2, "a depth that a byte does not hold"
            go_back(first, last, depth, depths, escapes, at)
            if tell is not None:
                tell(count, depth)
            depth += 1
    return depths
