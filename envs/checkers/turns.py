"""Whole turns, for notation and for counting: a multi-jump is one turn, different paths are two."""

import numpy as np
from numpy.typing import NDArray

from tengen.envs.checkers.bitboards import NONE, ONE, advance, jumps, jumps_on, popcount, slides, square_of
from tengen.envs.jit import kernel, leaf_kernel

MAX_STEPS = 16  # more than a turn over twelve enemies can take


@kernel
def count_paths(own: np.uint64, opp: np.uint64, kings: np.uint64, side: int, piece: np.uint64) -> int:
    """Ways in which the piece, which has just landed, can finish its turn: 1 if it cannot jump on."""
    if not jumps_on(own, opp, kings, side, piece):
        return 1
    total = 0
    for direction, pieces in enumerate(jumps(own, opp, kings, side)):
        if (pieces & piece) != NONE:
            own2, opp2, kings2, end, _, crowned = advance(own, opp, kings, side, piece, direction)
            total += 1 if crowned else count_paths(own2, opp2, kings2, side, end)
    return total


@kernel
def count_turns(own: np.uint64, opp: np.uint64, kings: np.uint64, side: int, allowed: np.uint64) -> int:
    """The turns that the pieces in `allowed` have; four population counts where nothing captures."""
    captures = jumps(own, opp, kings, side)
    d0, d1, d2, d3 = captures
    if (d0 | d1 | d2 | d3) == NONE:
        d0, d1, d2, d3 = slides(own, opp, kings, side)
        return popcount(d0) + popcount(d1) + popcount(d2) + popcount(d3)
    total = 0
    for direction, pieces in enumerate(captures):
        pieces = pieces & allowed
        while pieces != NONE:
            rest = pieces & (pieces - ONE)
            own2, opp2, kings2, end, _, crowned = advance(own, opp, kings, side, pieces ^ rest, direction)
            total += 1 if crowned else count_paths(own2, opp2, kings2, side, end)
            pieces = rest
    return total


@leaf_kernel
def perft(
    own: np.uint64,
    opp: np.uint64,
    kings: np.uint64,
    side: int,
    allowed: np.uint64,
    level: int,
    counts: NDArray[np.int64],
) -> int:
    """Add the turns at each depth below a position to counts [depth]; returns the turns at this level.

    The last level is counted, not played out. `allowed` are the pieces that may move: all of `own`, or the
    one that must go on jumping.
    """
    if level == len(counts) - 1:
        total = count_turns(own, opp, kings, side, allowed)
        counts[level] += total
        return total
    total = 0
    moving = jumps(own, opp, kings, side)
    d0, d1, d2, d3 = moving
    capturing = (d0 | d1 | d2 | d3) != NONE
    if not capturing:
        moving = slides(own, opp, kings, side)
    for direction, pieces in enumerate(moving):
        pieces = pieces & allowed
        while pieces != NONE:
            rest = pieces & (pieces - ONE)
            own2, opp2, kings2, end, _, crowned = advance(own, opp, kings, side, pieces ^ rest, direction)
            if capturing and not crowned and jumps_on(own2, opp2, kings2, side, end):
                total += perft(own2, opp2, kings2, side, end, level, counts)
            else:
                counts[level] += 1
                total += 1
                perft(opp2, own2, kings2, 1 - side, opp2, level + 1, counts)
            pieces = rest
    return total


@kernel
def list_turns(
    own: np.uint64,
    opp: np.uint64,
    kings: np.uint64,
    side: int,
    allowed: np.uint64,
    length: int,
    path: NDArray[np.int64],
    out: NDArray[np.int64],
    count: int,
) -> int:
    """Write every turn to out [N, MAX_STEPS] as 4 * square index + direction, -1 after its end.

    path [MAX_STEPS] holds the `length` steps made so far; returns the new count of rows written.
    """
    moving = jumps(own, opp, kings, side)
    d0, d1, d2, d3 = moving
    capturing = (d0 | d1 | d2 | d3) != NONE
    if not capturing:
        moving = slides(own, opp, kings, side)
    for direction, pieces in enumerate(moving):
        pieces = pieces & allowed
        while pieces != NONE:
            rest = pieces & (pieces - ONE)
            piece = pieces ^ rest
            own2, opp2, kings2, end, _, crowned = advance(own, opp, kings, side, piece, direction)
            path[length] = 4 * square_of(piece) + direction
            if capturing and not crowned and jumps_on(own2, opp2, kings2, side, end):
                count = list_turns(own2, opp2, kings2, side, end, length + 1, path, out, count)
            else:
                out[count, : length + 1] = path[: length + 1]
                out[count, length + 1 :] = -1
                count += 1
            pieces = rest
    return count
