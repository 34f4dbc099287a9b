"""What a network sees of a Go position, from the side to move."""

import numpy as np
from numpy.typing import NDArray

from tengen.envs.go.board import address, mover, neighbour, verdict
from tengen.envs.go.layout import (
    ACTION,
    BLACK,
    CELL,
    CHAIN,
    COLOR,
    EMPTIES,
    EMPTY,
    LEGAL,
    LIBS,
    LISTED,
    NEXT,
    PLY,
    POINTS,
    RECENT,
    REPEATS,
    SIZE,
)
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
OWN, OPPONENT, ONE_LIBERTY, FORBIDDEN, CAPTURES, LAST = 0, 1, 2, 5, 6, 7
PASSED, BLACK_TO_MOVE, KOMI_PLANE, ONES = 12, 13, 14, 15
MOVES = 5
KOMI_SCALE = 15.0


@leaf_kernel
def few_liberties(words: Words, root: int, found: NDArray[np.int64]) -> int:
    """How many liberties a chain has, 4 standing for more; the first are written to found [4]."""
    # Each liberty is counted at most four times.
    if at(words, root + LIBS) > 12:
        return 4
    step = CELL * (at(words, SIZE) + 1)
    count = 0
    p = root
    while True:
        for i in range(4):
            n = neighbour(p, step, i)
            if at(words, n + COLOR) == EMPTY:
                new = True
                for k in range(count):
                    new &= found[k] != n
                if new:
                    found[count] = n
                    count += 1
                    if count == 4:
                        return 4
        p = at(words, p + NEXT)
        if p == root:
            return count


@leaf_kernel
def write_chain(words: Words, root: int, planes: NDArray[np.float32], found: NDArray[np.int64]) -> None:
    """Write a chain's stones, liberties and whether it can be captured to planes [P, C]."""
    is_mine = at(words, root + COLOR) == mover(words)
    liberties = few_liberties(words, root, found)
    if liberties == 1 and not is_mine and verdict(words, found[0]) == LEGAL:
        planes[at(words, found[0] + ACTION), CAPTURES] = 1
    p = root
    while True:
        point = at(words, p + ACTION)
        planes[point, OWN if is_mine else OPPONENT] = 1
        if liberties < 4:
            planes[point, ONE_LIBERTY - 1 + liberties] = 1
        p = at(words, p + NEXT)
        if p == root:
            break


@kernel
def observe_batch(raw: Raw, out: NDArray[np.float32]) -> None:
    """Write the planes of B positions to out [B, P, C]."""
    found = np.empty(4, np.int64)
    for b in range(raw.shape[0]):
        words = raw[b].view(np.uint16)
        planes = out[b]
        size = at(words, SIZE)
        points = size * size
        ply = at(words, PLY)
        is_black = mover(words) == BLACK
        passed = np.float32(at(words, RECENT + ((ply - 1) & 7)) == points)
        komi = np.float32((-komi_of(words) if is_black else komi_of(words)) / KOMI_SCALE)
        black = np.float32(is_black)
        for point in range(points):
            for c in range(PASSED):
                planes[point, c] = 0
            planes[point, PASSED] = passed
            planes[point, BLACK_TO_MOVE] = black
            planes[point, KOMI_PLANE] = komi
            planes[point, ONES] = 1
        for action in range(points):
            p = address(size, action)
            if at(words, p + COLOR) != EMPTY and at(words, p + CHAIN) == p:
                write_chain(words, p, planes, found)
        for k in range(at(words, EMPTIES)):
            p = at(words, POINTS + CELL * k + LISTED)
            if verdict(words, p) == REPEATS:
                planes[at(words, p + ACTION), FORBIDDEN] = 1
        for i in range(MOVES):
            move = at(words, RECENT + ((ply - 1 - i) & 7))
            if move < points:
                planes[move, LAST + i] = 1
