"""Ladders: whether a chain that is put into atari again and again gets away.

Both sides are read to the end: the chain runs to its last liberty or takes a neighbour that has but one, the
other side plays either of its two liberties. A chain that reaches three liberties is away, and so is one
that is still running when the search has no room left.
"""

import numpy as np
from numpy.typing import NDArray

from tengen.envs.go.board import neighbour, play_stone
from tengen.envs.go.layout import (
    BLACK,
    CELL,
    COLOR,
    EMPTY,
    HISTORY_LENGTH,
    HISTORY_START,
    LEGAL,
    NEXT,
    POINTS,
    RULES,
    SIMPLE,
    SIZE,
    WHITE,
    cells,
)
from tengen.envs.go.legality import verdict
from tengen.envs.go.words import Words, at, put
from tengen.envs.jit import leaf_kernel

DEPTH = 140  # plies, which is more than across the largest board and back
ANSWERS = 10  # moves of the chain that are looked at in one position
NODES = 400  # positions of one ladder

Stack = NDArray[np.uint16]  # [DEPTH, words]: boards, each a ply after the one before it
Places = NDArray[np.int64]  # [DEPTH, WORDS]: addresses of moves, then the search's place
COUNT, ANSWER, REPLY = ANSWERS, ANSWERS + 1, ANSWERS + 2  # moves there are, the next one, the next reply
WORDS = ANSWERS + 3
NO_REPLY = -1


def stack_words(size: int) -> int:
    """Words of a board of the stack: a record whose history has room for the stack's moves alone."""
    return POINTS + CELL * cells(size) + 4 * (DEPTH + 2)


@leaf_kernel
def board_words(words: Words) -> int:
    """How many words of a record come before its history."""
    size = at(words, SIZE)
    return POINTS + CELL * ((size + 2) * (size + 1) + 1)


@leaf_kernel
def begin_stack(words: Words, stack: Stack) -> None:
    """Put a position at the bottom of the stack; there only the immediate retaking of a ko is forbidden."""
    length = board_words(words)
    first = stack[0]
    for i in range(length):
        first[i] = words[i]
    put(first, RULES, SIMPLE)
    put(first, HISTORY_START, length // 4)
    put(first, HISTORY_LENGTH, 0)


@leaf_kernel
def few_liberties(words: Words, stone: int, places: NDArray[np.int64]) -> int:
    """How many liberties the stone's chain has, 3 for more; the first two stand in places."""
    step = CELL * (at(words, SIZE) + 1)
    count = 0
    p = stone
    while True:
        for i in range(4):
            n = neighbour(p, step, i)
            if at(words, n + COLOR) != EMPTY:
                continue
            if (count > 0 and places[0] == n) or (count > 1 and places[1] == n):
                continue
            if count == 2:
                return 3
            places[count] = n
            count += 1
        p = at(words, p + NEXT)
        if p == stone:
            return count


@leaf_kernel
def play_on_copy(stack: Stack, depth: int, p: int) -> bool:
    """Play at p on the board at depth, and put what comes of it above; False where the move is illegal."""
    words = stack[depth]
    if verdict(words, p) != LEGAL:
        return False
    above = stack[depth + 1]
    for i in range(board_words(words)):
        above[i] = words[i]
    play_stone(above, p)
    return True


@leaf_kernel
def answers(words: Words, stone: int, places: NDArray[np.int64]) -> int:
    """Moves that may save a chain in atari: its liberty, and where it takes neighbours; returns how many."""
    step = CELL * (at(words, SIZE) + 1)
    other = BLACK + WHITE - at(words, stone + COLOR)
    count = few_liberties(words, stone, places)
    p = stone
    while True:
        for i in range(4):
            n = neighbour(p, step, i)
            if at(words, n + COLOR) != other or count + 2 > ANSWERS:
                continue
            if few_liberties(words, n, places[count:]) == 1:
                known = False
                for j in range(count):
                    known |= places[j] == places[count]
                count += 0 if known else 1
        p = at(words, p + NEXT)
        if p == stone:
            return count


@leaf_kernel
def escapes(stack: Stack, places: Places, bottom: int, stone: int, left: NDArray[np.int64]) -> bool:
    """Whether the stone's chain, in atari and to move at depth bottom, gets away.

    left [1] is how many positions may still be looked at. The search keeps its own place in the words of
    `places` behind the moves, since compiled code that calls itself cannot be cached.
    """
    d = bottom
    is_new = True
    while d >= bottom:
        if is_new:
            is_new = False
            if d + 3 > len(stack) or left[0] <= 0:  # away, as far as can be seen
                d -= 2
                continue
            left[0] -= 1
            places[d, COUNT] = answers(stack[d], stone, places[d])
            places[d, ANSWER] = 0
            places[d, REPLY] = NO_REPLY
        if places[d, REPLY] == NO_REPLY:
            answer = places[d, ANSWER]
            if answer == places[d, COUNT]:  # caught
                if d == bottom:
                    return False
                d -= 2
                places[d, REPLY] = NO_REPLY  # the answer that led here is of no use
                continue
            places[d, ANSWER] = answer + 1
            if not play_on_copy(stack, d, places[d, answer]):
                continue
            liberties = few_liberties(stack[d + 1], stone, places[d + 1])
            if liberties == 3:
                d -= 2
                continue
            if liberties < 2:
                continue
            places[d, REPLY] = 0
        reply = places[d, REPLY]
        if reply == 2:  # neither reply catches
            d -= 2
            continue
        places[d, REPLY] = reply + 1
        if (
            play_on_copy(stack, d + 1, places[d + 1, reply])
            and few_liberties(stack[d + 2], stone, places[d + 2]) < 2
        ):
            d += 2
            is_new = True
    return True


@leaf_kernel
def catches(stack: Stack, places: Places, p: int, stone: int, left: NDArray[np.int64]) -> bool:
    """Whether the side to move at the bottom catches the stone's chain, of two liberties, by playing at p."""
    left[0] = NODES
    if not play_on_copy(stack, 0, p) or few_liberties(stack[1], stone, places[1]) != 1:
        return False
    return not escapes(stack, places, 1, stone, left)


@leaf_kernel
def saves(stack: Stack, places: Places, p: int, stone: int, left: NDArray[np.int64]) -> bool:
    """Whether the stone's chain, in atari and to move at the bottom, gets away by playing at p."""
    left[0] = NODES
    if not play_on_copy(stack, 0, p):
        return False
    liberties = few_liberties(stack[1], stone, places[1])
    if liberties != 2:
        return liberties == 3
    for i in range(2):
        if (
            play_on_copy(stack, 1, places[1, i])
            and few_liberties(stack[2], stone, places[2]) < 2
            and not escapes(stack, places, 2, stone, left)
        ):
            return False
    return True
