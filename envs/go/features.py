"""What a network sees of a Go position, from the side to move."""

import numpy as np
from numpy.typing import NDArray

from tengen.envs.go.batch import Raw
from tengen.envs.go.board import Words, verdict
from tengen.envs.go.layout import (
    ACTION,
    CELL,
    CHAIN,
    COLOR,
    EMPTIES,
    EMPTY,
    LIBS,
    LISTED,
    NEXT,
    PLY,
    POINTS,
    RECENT,
    REPEATS,
    SIZE,
    TURN,
)
from tengen.envs.go.scoring import komi_of
from tengen.envs.jit import kernel

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


@kernel
def few_liberties(words: Words, root: int, found: NDArray[np.int64]) -> int:
    """How many liberties a chain has, 4 standing for more; the first are written to found [4]."""
    # Each liberty is counted at most four times.
    if words[root + LIBS] > 12:
        return 4
    step = CELL * (np.int64(words[SIZE]) + 1)
    count = 0
    p = root
    while True:
        for i in range(4):
            n = p + (step if i > 1 else CELL) * (1 if i & 1 else -1)
            if words[n + COLOR] == EMPTY:
                new = True
                for k in range(count):
                    new &= found[k] != n
                if new:
                    found[count] = n
                    count += 1
                    if count == 4:
                        return 4
        p = np.int64(words[p + NEXT])
        if p == root:
            return count


@kernel
def observe_batch(raw: Raw, out: NDArray[np.float32]) -> None:
    """Write the planes of B positions to out [B, P, C]."""
    found = np.empty(4, np.int64)
    for b in range(raw.shape[0]):
        words = raw[b].view(np.uint16)
        longs = raw[b].view(np.uint64)
        planes = out[b]
        size = np.int64(words[SIZE])
        points = size * size
        black_to_move = words[TURN] & 1 == 0
        me = 1 if black_to_move else 2
        ply = np.int64(words[PLY])
        last = np.int64(words[RECENT + ((ply - 1) & 7)])
        komi = komi_of(words)
        passed = np.float32(last == points)
        black = np.float32(black_to_move)
        scaled_komi = np.float32((-komi if black_to_move else komi) / KOMI_SCALE)
        for at in range(points):
            for c in range(PASSED):
                planes[at, c] = np.float32(0)
            planes[at, PASSED] = passed
            planes[at, BLACK_TO_MOVE] = black
            planes[at, KOMI_PLANE] = scaled_komi
            planes[at, ONES] = np.float32(1)
        for row in range(1, size + 1):
            for column in range(1, size + 1):
                root = POINTS + CELL * (row * (size + 1) + column)
                color = np.int64(words[root + COLOR])
                if color == EMPTY or words[root + CHAIN] != root:
                    continue
                liberties = few_liberties(words, root, found)
                if liberties == 1 and color != me and verdict(words, longs, found[0]) != REPEATS:
                    planes[np.int64(words[found[0] + ACTION]), CAPTURES] = np.float32(1)
                stones = OWN if color == me else OPPONENT
                p = root
                while True:
                    at = np.int64(words[p + ACTION])
                    planes[at, stones] = np.float32(1)
                    if liberties < 4:
                        planes[at, ONE_LIBERTY - 1 + liberties] = np.float32(1)
                    p = np.int64(words[p + NEXT])
                    if p == root:
                        break
        for k in range(words[EMPTIES]):
            p = np.int64(words[POINTS + CELL * k + LISTED])
            if verdict(words, longs, p) == REPEATS:
                planes[np.int64(words[p + ACTION]), FORBIDDEN] = np.float32(1)
        for i in range(MOVES):
            move = np.int64(words[RECENT + ((ply - 1 - i) & 7)])
            if move < points:
                planes[move, LAST + i] = np.float32(1)
