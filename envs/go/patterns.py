"""3x3 patterns around a point, and games finished by a policy that is linear in them.

What AlphaGo's rollout policy (Silver et al. 2016, extended data table 4) sees of a move, less what was
written by hand for it: the 3x3 pattern around the move, of colours and, beside it, liberties (1, 2, 3 and
more); and whether it is next to the last move, with patterns weighted anew there. Left out are saving from
atari, nakade, and the pattern of 12 points around the last move.

A pattern is a number of 20 bits: 3 for each of the four points beside the move (empty, border, mine or the
other's with 1, 2, 3+ liberties), 2 for each of the four diagonal ones (empty, border, mine, the other's).
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from tengen.envs.go.board import is_over, mover, play_pass, play_stone
from tengen.envs.go.layout import (
    ACTION,
    BORDER,
    CELL,
    CHAIN,
    COLOR,
    EMPTIES,
    EMPTY,
    LEGAL,
    LIBS,
    LISTED,
    NO_MOVE,
    PLY,
    POINTS,
    RECENT,
    SIZE,
    cells,
)
from tengen.envs.go.legality import verdict
from tengen.envs.go.playout import is_own_eye
from tengen.envs.go.words import Raw, Words, at
from tengen.envs.jit import leaf_kernel
from tengen.envs.rng import random_u64

CODES = 1 << 20
AWAY, BESIDE, DIAGONAL = 0, 1, 2  # from the last move
SCRATCH = cells(19)
UNIT = 2.0**-53

Bytes = NDArray[np.uint8]
Table = NDArray[np.float32]  # [3, CODES]: by where the last move was, then by pattern


@cache
def pattern_classes() -> NDArray[np.int32]:
    """[CODES] numbers from 0: equal for patterns that a symmetry takes into one another."""
    codes = np.arange(CODES, dtype=np.int64)
    sides = [(codes >> 3 * i) & 7 for i in range(4)]  # left, right, up, down
    corners = [(codes >> (12 + 2 * i)) & 3 for i in range(4)]  # up left, up right, down left, down right
    least = codes.copy()
    for left, right, up, down, order in (
        (0, 1, 3, 2, (2, 3, 0, 1)),
        (1, 0, 2, 3, (1, 0, 3, 2)),
        (1, 0, 3, 2, (3, 2, 1, 0)),
        (2, 3, 0, 1, (0, 2, 1, 3)),
        (3, 2, 0, 1, (2, 0, 3, 1)),
        (2, 3, 1, 0, (1, 3, 0, 2)),
        (3, 2, 1, 0, (3, 1, 2, 0)),
    ):
        turned = np.zeros_like(codes)
        for place, source in enumerate((left, right, up, down)):
            turned |= sides[source] << 3 * place
        for place, source in enumerate(order):
            turned |= corners[source] << (12 + 2 * place)
        least = np.minimum(least, turned)
    return np.unique(least, return_inverse=True)[1].astype(np.int32)


@leaf_kernel
def look(words: Words, liberties: Bytes, status: Bytes) -> None:
    """What stands on each cell as patterns have it, for the side to move: side bits + 16 * corner bits.

    liberties, status: [SCRATCH], overwritten.
    """
    size = at(words, SIZE)
    step = CELL * (size + 1)
    count = (size + 2) * (size + 1) + 1
    for cell in range(count):
        liberties[cell] = 0
    for k in range(at(words, EMPTIES)):
        p = at(words, POINTS + CELL * k + LISTED)
        a = at(words, p - CELL + CHAIN)
        b = at(words, p + CELL + CHAIN)
        c = at(words, p - step + CHAIN)
        d = at(words, p + step + CHAIN)
        liberties[(a - POINTS) >> 3] += 1
        if b != a:
            liberties[(b - POINTS) >> 3] += 1
        if c != a and c != b:
            liberties[(c - POINTS) >> 3] += 1
        if d != a and d != b and d != c:
            liberties[(d - POINTS) >> 3] += 1
    me = mover(words)
    for cell in range(count):
        p = POINTS + CELL * cell
        color = at(words, p + COLOR)
        if color == EMPTY:
            status[cell] = 0
        elif color == BORDER:
            status[cell] = 17
        else:
            number = min(3, int(liberties[(at(words, p + CHAIN) - POINTS) >> 3]))
            status[cell] = 33 + number if color == me else 52 + number


@leaf_kernel
def pattern(status: Bytes, cell: int, row: int) -> int:
    """The pattern around an empty cell; row is the distance of two rows in cells."""
    return (
        (int(status[cell - 1]) & 7)
        | (int(status[cell + 1]) & 7) << 3
        | (int(status[cell - row]) & 7) << 6
        | (int(status[cell + row]) & 7) << 9
        | (int(status[cell - row - 1]) >> 4) << 12
        | (int(status[cell - row + 1]) >> 4) << 14
        | (int(status[cell + row - 1]) >> 4) << 16
        | (int(status[cell + row + 1]) >> 4) << 18
    )


@leaf_kernel
def last_cell(words: Words) -> int:
    """The cell of the last move, far outside where it was a pass or is unknown."""
    size = at(words, SIZE)
    action = at(words, RECENT + ((at(words, PLY) - 1) & 7))
    if at(words, PLY) == 0 or action == NO_MOVE or action >= size * size:
        return -1000
    row = action // size
    return (row + 1) * (size + 1) + action - row * size + 1


@leaf_kernel
def place_of(cell: int, last: int, row: int) -> int:
    """AWAY, BESIDE or DIAGONAL: where a cell is, seen from the last move's."""
    gap = abs(cell - last)
    if gap == 1 or gap == row:
        return BESIDE
    return DIAGONAL if gap == row - 1 or gap == row + 1 else AWAY


@leaf_kernel
def is_sensible(words: Words, p: int, me: int) -> bool:
    """Whether a stone on the empty point p is legal and fills no own eye."""
    return (at(words, p + LIBS) > 0 or not is_own_eye(words, p, me)) and verdict(words, p) == LEGAL


@leaf_kernel
def sensible_batch(raw: Raw, out: NDArray[np.bool_]) -> None:
    """Write to out [B, A] the moves that are legal and fill no own eye; the pass where there is no other."""
    for b in range(raw.shape[0]):
        words = raw[b].view(np.uint16)
        found = False
        for action in range(out.shape[1]):
            out[b, action] = False
        if is_over(words):
            continue
        me = mover(words)
        for k in range(at(words, EMPTIES)):
            p = at(words, POINTS + CELL * k + LISTED)
            if is_sensible(words, p, me):
                out[b, at(words, p + ACTION)] = True
                found = True
        out[b, out.shape[1] - 1] = not found


@leaf_kernel
def finish_by_patterns(
    words: Words,
    table: Table,
    rng: NDArray[np.uint64],
    liberties: Bytes,
    status: Bytes,
    weights: NDArray[np.float32],
) -> int:
    """Play to the end, moves drawn by the table's weights; returns how many. Own eyes are never filled."""
    row = at(words, SIZE) + 1
    played = 0
    while not is_over(words):
        look(words, liberties, status)
        last = last_cell(words)
        count = at(words, EMPTIES)
        total = 0.0
        for k in range(count):
            cell = (at(words, POINTS + CELL * k + LISTED) - POINTS) >> 3
            weight = table[place_of(cell, last, row), pattern(status, cell, row)]
            weights[k] = weight
            total += weight
        me = mover(words)
        chosen = 0
        left = count
        while left > 0:
            goal = total * float(random_u64(rng) >> np.uint64(11)) * UNIT
            k = 0
            for i in range(count):
                if weights[i] > 0:
                    k = i
                    goal -= weights[i]
                    if goal < 0:
                        break
            p = at(words, POINTS + CELL * k + LISTED)
            if is_sensible(words, p, me):
                chosen = p
                break
            total -= weights[k]
            weights[k] = 0
            left -= 1
        played += 1
        if chosen > 0:
            play_stone(words, chosen)
        else:
            play_pass(words)
    return played


@leaf_kernel
def playout_by_patterns(
    raw: Raw,
    table: Table,
    rng: NDArray[np.uint64],
    liberties: Bytes,
    status: Bytes,
    weights: NDArray[np.float32],
) -> int:
    """Finish every game; advances rng [1]; returns the moves played. The rest is scratch of [SCRATCH]."""
    played = 0
    for b in range(raw.shape[0]):
        played += finish_by_patterns(raw[b].view(np.uint16), table, rng, liberties, status, weights)
    return played
