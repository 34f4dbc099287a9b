"""What a network sees of a Go position, from the side to move."""

import numpy as np
from numpy.typing import NDArray

from tengen.envs.go.board import address, mover, neighbour
from tengen.envs.go.layout import (
    ACTION,
    BLACK,
    BORDER,
    CELL,
    CHAIN,
    COLOR,
    EMPTIES,
    EMPTY,
    EVER,
    LISTED,
    PLY,
    POINTS,
    RECENT,
    REPEATS,
    RULES,
    SIMPLE,
    SIZE,
    SUICIDE,
    WHITE,
)
from tengen.envs.go.legality import verdict
from tengen.envs.go.scoring import komi_of
from tengen.envs.go.words import Raw, Words, at
from tengen.envs.jit import kernel, leaf_kernel

PLANES = (
    "own stones",
    "opponent's stones",
    "chain has 1 liberty",
    "chain has 2 liberties",
    "chain has 3 liberties",
    "forbidden by repetition",
    "captures",
    "last move",
    "2nd last move",
    "3rd last move",
    "4th last move",
    "5th last move",
    "last move was a pass",
    "Black to move",
    "komi for the mover / 15",
    "board",
)
OWN, OPPONENT, ONE_LIBERTY, TWO_LIBERTIES, THREE_LIBERTIES = 0, 1, 2, 3, 4
FORBIDDEN, CAPTURES, LAST = 5, 6, 7
PASSED, BLACK_TO_MOVE, KOMI_PLANE, ONES = 12, 13, 14, 15
MOVES = 5
KOMI_SCALE = 15.0


@leaf_kernel
def count_liberties(words: Words, counts: NDArray[np.int64]) -> None:
    """Write the liberties of the chain with root p to counts[p // CELL]; other entries mean nothing."""
    step = CELL * (at(words, SIZE) + 1)
    counts[:] = 0
    for k in range(at(words, EMPTIES)):
        p = at(words, POINTS + CELL * k + LISTED)
        above = at(words, p - step + CHAIN)
        left = at(words, p - CELL + CHAIN)
        right = at(words, p + CELL + CHAIN)
        below = at(words, p + step + CHAIN)
        counts[np.uint64(above // CELL)] += 1
        counts[np.uint64(left // CELL)] += left != above
        counts[np.uint64(right // CELL)] += right not in (above, left)
        counts[np.uint64(below // CELL)] += below not in (above, left, right)


@leaf_kernel
def captures(words: Words, p: int, counts: NDArray[np.int64]) -> bool:
    """Whether the side to move would take stones by playing at the empty point p."""
    step = CELL * (at(words, SIZE) + 1)
    other = BLACK + WHITE - mover(words)
    found = False
    for i in range(4):
        n = neighbour(p, step, i)
        found |= at(words, n + COLOR) == other and counts[np.uint64(at(words, n + CHAIN) // CELL)] == 1
    return found


@kernel
def observe_batch(raw: Raw, out: NDArray[np.float32]) -> None:
    """Write the planes of B positions to out [B, P, C]."""
    counts = np.empty(raw.shape[1] // (2 * CELL), np.int64)
    common = np.zeros(len(PLANES), np.float32)  # what every point of a board is told alike
    common[ONES] = 1
    for b in range(raw.shape[0]):
        words = raw[b].view(np.uint16)
        planes = out[b]
        size = at(words, SIZE)
        points = size * size
        ply = at(words, PLY)
        me = mover(words)
        common[PASSED] = at(words, RECENT + ((ply - 1) & 7)) == points
        common[BLACK_TO_MOVE] = me == BLACK
        common[KOMI_PLANE] = (-komi_of(words) if me == BLACK else komi_of(words)) / KOMI_SCALE
        for point in range(points):
            for c in range(ONES + 1):
                planes[point, c] = common[c]
        count_liberties(words, counts)
        always = at(words, SUICIDE) != 0 or at(words, RULES) == SIMPLE
        atari = False  # whether anything can be captured at all
        p = address(size, 0)
        for point in range(points):
            while at(words, p + COLOR) == BORDER:
                p += CELL
            color = at(words, p + COLOR)
            if color != EMPTY:
                planes[point, OWN if color == me else OPPONENT] = 1
                liberties = counts[np.uint64(at(words, p + CHAIN) // CELL)]
                if liberties <= 3:
                    planes[point, ONE_LIBERTY + liberties - 1] = 1
                atari |= liberties == 1 and color != me
            p += CELL
        for k in range(at(words, EMPTIES)):
            p = at(words, POINTS + CELL * k + LISTED)
            point = at(words, p + ACTION)
            # Where no own stone ever stood, nothing repeats; and who captures, commits no suicide.
            if (always or at(words, p + EVER) & me != 0) and verdict(words, p) == REPEATS:
                planes[point, FORBIDDEN] = 1
            elif atari and captures(words, p, counts):
                planes[point, CAPTURES] = 1
        for i in range(MOVES):
            move = at(words, RECENT + ((ply - 1 - i) & 7))
            if move < points:
                planes[move, LAST + i] = 1
