"""What each point of a Go position has to say: liberties, captures, the time since a stone came, ladders."""

import numpy as np
from numpy.typing import NDArray

from tengen.envs.go.board import address, mover, neighbour
from tengen.envs.go.features import count_liberties
from tengen.envs.go.ladders import Places, Stack, answers, begin_stack, catches, few_liberties, saves
from tengen.envs.go.layout import (
    ACTION,
    BLACK,
    CELL,
    CHAIN,
    COLOR,
    EMPTIES,
    EMPTY,
    LEGAL,
    LISTED,
    NEXT,
    PLY,
    POINTS,
    RECENT,
    REPEATS,
    SIZE,
    STONES,
    WHITE,
)
from tengen.envs.go.legality import verdict
from tengen.envs.go.playout import is_own_eye
from tengen.envs.go.words import Words, at
from tengen.envs.jit import leaf_kernel

# Rows of what is found, each with a number for every point.
STONE = 0  # 0 empty, 1 the mover's, 2 the opponent's
LIBERTIES = 1  # of the stone's chain
SINCE = 2  # turns since the stone came: 1 for the last move, at most 8, which is also what nobody knows
LEGAL_MOVE = 3
TAKES = 4  # stones that a legal move here would take
AFTER = 5  # liberties of its chain after a legal move here
CHAIN_AFTER = 6  # stones of its chain after a legal move here
CATCHES = 7  # whether a move here begins a ladder that works
SAVES = 8  # whether a move here takes a chain out of atari for good
SENSIBLE = 9  # legal, and no own eye is filled
REPETITION = 10  # forbidden as it would repeat a position
ROWS = 11

OLDEST = 8
Found = NDArray[np.int16]  # [ROWS, P]
Marks = NDArray[np.int64]  # [3, cells]: liberties, own chains and taken chains that are counted already


@leaf_kernel
def look_at_stones(words: Words, found: Found, counts: NDArray[np.int64]) -> None:
    """Fill the rows STONE, LIBERTIES and SINCE, and make all others zero."""
    me = mover(words)
    size = at(words, SIZE)
    ply = at(words, PLY)
    found[:] = 0
    count_liberties(words, counts)
    for point in range(size * size):
        p = address(size, point)
        color = at(words, p + COLOR)
        if color != EMPTY:
            found[STONE, point] = 1 if color == me else 2
            found[LIBERTIES, point] = counts[np.uint64(at(words, p + CHAIN) // CELL)]
            found[SINCE, point] = OLDEST
    for i in range(OLDEST - 1, 0, -1):  # the younger of two stones on one point last
        move = at(words, RECENT + ((ply - i) & 7))
        if move < size * size and found[STONE, move] == (2 if i & 1 else 1):
            found[SINCE, move] = i


@leaf_kernel
def look_at_moves(words: Words, found: Found, counts: NDArray[np.int64], marks: Marks) -> None:
    """Fill the rows of moves but for ladders. `counts` are those that `look_at_stones` made."""
    me = mover(words)
    marks[:] = -1
    for k in range(at(words, EMPTIES)):
        p = at(words, POINTS + CELL * k + LISTED)
        point = at(words, p + ACTION)
        judged = verdict(words, p)
        found[REPETITION, point] = judged == REPEATS
        if judged == LEGAL:
            found[LEGAL_MOVE, point] = 1
            found[SENSIBLE, point] = not is_own_eye(words, p, me)
            _look_after(words, p, point, found, counts, marks)


@leaf_kernel
def _look_after(
    words: Words, p: int, point: int, found: Found, counts: NDArray[np.int64], marks: Marks
) -> None:
    """What a legal move at p takes, and the chain that it makes. Every mark is the point's own number."""
    me = mover(words)
    other = BLACK + WHITE - me
    step = CELL * (at(words, SIZE) + 1)
    taken, liberties, stones = 0, 0, 1
    for i in range(4):
        n = neighbour(p, step, i)
        root = np.uint64(at(words, n + CHAIN) // CELL)
        # A neighbour of one liberty has it here.
        if at(words, n + COLOR) == other and counts[root] == 1 and marks[2, root] != point:
            marks[2, root] = point
            taken += at(words, at(words, n + CHAIN) + STONES)
    for i in range(4):
        n = neighbour(p, step, i)
        liberties += _frees(words, n, other, point, marks)
        root = np.uint64(at(words, n + CHAIN) // CELL)
        if at(words, n + COLOR) != me or marks[1, root] == point:
            continue
        marks[1, root] = point
        q = n
        while True:
            stones += 1
            for j in range(4):
                m = neighbour(q, step, j)
                if m != p:
                    liberties += _frees(words, m, other, point, marks)
            q = at(words, q + NEXT)
            if q == n:
                break
    found[TAKES, point] = taken
    found[AFTER, point] = liberties
    found[CHAIN_AFTER, point] = stones


@leaf_kernel
def _frees(words: Words, n: int, other: int, point: int, marks: Marks) -> int:
    """1 for a point that is empty after the move and was not counted yet."""
    color = at(words, n + COLOR)
    is_free = color == EMPTY or (
        color == other and marks[2, np.uint64(at(words, n + CHAIN) // CELL)] == point
    )
    if not is_free or marks[0, np.uint64(n // CELL)] == point:
        return 0
    marks[0, np.uint64(n // CELL)] = point
    return 1


@leaf_kernel
def look_at_ladders(
    words: Words, found: Found, stack: Stack, places: Places, left: NDArray[np.int64]
) -> None:
    """Fill the rows CATCHES and SAVES."""
    me = mover(words)
    size = at(words, SIZE)
    is_begun = False
    for point in range(size * size):
        liberties = found[LIBERTIES, point]
        if liberties == 0 or liberties > 2:
            continue
        stone = address(size, point)
        if at(words, stone + CHAIN) != stone:
            continue  # a chain is looked at once, at its root
        is_own = at(words, stone + COLOR) == me
        if is_own != (liberties == 1):
            continue
        if not is_begun:
            begin_stack(words, stack)
            is_begun = True
        if is_own:
            count = answers(stack[0], stone, places[0])
            for i in range(count):
                p = places[0, i]
                if saves(stack, places, p, stone, left):
                    found[SAVES, at(words, p + ACTION)] = found[LEGAL_MOVE, at(words, p + ACTION)]
        else:
            few_liberties(stack[0], stone, places[0])
            for i in range(2):
                p = places[0, i]
                if catches(stack, places, p, stone, left):
                    found[CATCHES, at(words, p + ACTION)] = found[LEGAL_MOVE, at(words, p + ACTION)]
