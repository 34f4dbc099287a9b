"""Stones on one record: chains with pseudo-liberties, captures, turns.

A pseudo-liberty is an adjacency of a stone to an empty point: a chain is without liberties exactly when it
has no pseudo-liberties, and counting them needs no list. A stone that comes takes one from each neighbouring
chain and a stone that goes gives one back, whatever the neighbour is: an empty point counts its empty
neighbours that way.
"""

import numpy as np

from tengen.envs.go.layout import (
    ACTION,
    BLACK,
    BORDER,
    BORDER_LIBERTIES,
    CAP,
    CELL,
    CHAIN,
    COLOR,
    EMPTIES,
    EMPTY,
    EVER,
    HASH,
    HISTORY_LENGTH,
    HISTORY_START,
    KO,
    LIBS,
    LISTED,
    NEXT,
    NO_MOVE,
    PASSES,
    PLY,
    POINTS,
    RECENT,
    RULES,
    SITUATIONAL,
    SIZE,
    SLOT,
    STONES,
    TERMINAL,
    TURN,
    WHITE,
    WHITE_TO_MOVE,
    ZOBRIST,
)
from tengen.envs.go.words import Words, add, at, put
from tengen.envs.jit import leaf_kernel


@leaf_kernel
def address(size: int, action: int) -> int:
    """The address of point row * size + column, row 0 at the top."""
    row = action // size
    return POINTS + CELL * ((row + 1) * (size + 1) + action - row * size + 1)


@leaf_kernel
def neighbour(p: int, step: int, i: int) -> int:
    """The neighbour of address p in direction i of 4, where step is the distance of two rows."""
    return p + (step if i > 1 else CELL) * (1 if i & 1 else -1)


@leaf_kernel
def mover(words: Words) -> int:
    """The colour to move."""
    return BLACK + (at(words, TURN) & 1)


@leaf_kernel
def is_over(words: Words) -> bool:
    """Whether the game has ended."""
    return at(words, TURN) & TERMINAL != 0


@leaf_kernel
def clear(words: Words) -> None:
    """An empty board, Black to move, with the header's size, rules, komi and cap."""
    longs = words.view(np.uint64)
    size = at(words, SIZE)
    count = (size + 2) * (size + 1) + 1
    for cell in range(count):
        p = POINTS + CELL * cell
        put(words, p + COLOR, BORDER)
        put(words, p + CHAIN, p)
        put(words, p + NEXT, p)
        put(words, p + LIBS, BORDER_LIBERTIES)
        put(words, p + SLOT, 0)
        put(words, p + EVER, 0)
        put(words, p + ACTION, NO_MOVE)
    for action in range(size * size):
        p = address(size, action)
        row = action // size
        column = action - row * size
        put(words, p + COLOR, EMPTY)
        put(words, p + LIBS, 4 - (row == 0) - (row == size - 1) - (column == 0) - (column == size - 1))
        put(words, p + SLOT, action)
        put(words, p + ACTION, action)
        put(words, POINTS + CELL * action + LISTED, p)
    put(words, TURN, 0)
    put(words, PLY, 0)
    put(words, PASSES, 0)
    put(words, KO, 0)
    put(words, EMPTIES, size * size)
    for i in range(8):
        put(words, RECENT + i, NO_MOVE)
    put(words, HISTORY_START, POINTS // 4 + 2 * count)
    put(words, HISTORY_LENGTH, 1)
    longs[HASH] = np.uint64(0)
    longs[np.uint64(at(words, HISTORY_START))] = np.uint64(0)


@leaf_kernel
def add_liberties(words: Words, p: int, step: int, change: int) -> None:
    """Change the pseudo-liberties of the four neighbours of p."""
    add(words, at(words, p - step + CHAIN) + LIBS, change)
    add(words, at(words, p - CELL + CHAIN) + LIBS, change)
    add(words, at(words, p + CELL + CHAIN) + LIBS, change)
    add(words, at(words, p + step + CHAIN) + LIBS, change)


@leaf_kernel
def remove_chain(words: Words, root: int, step: int) -> np.uint64:
    """Take a chain without liberties off the board; returns the keys of its stones, combined."""
    color = at(words, root + COLOR)
    count = at(words, EMPTIES)
    keys = np.uint64(0)
    p = root
    while True:
        put(words, p + COLOR, EMPTY)
        put(words, p + CHAIN, p)
        put(words, p + LIBS, 0)
        put(words, p + SLOT, count)
        put(words, POINTS + CELL * count + LISTED, p)
        count += 1
        keys ^= ZOBRIST[np.uint64((p >> 2) + color)]
        p = at(words, p + NEXT)
        if p == root:
            break
    put(words, EMPTIES, count)
    while True:
        add_liberties(words, p, step, 1)
        p = at(words, p + NEXT)
        if p == root:
            break
    return keys


@leaf_kernel
def join(words: Words, a: int, b: int) -> None:
    """Make one chain of the two chains with roots a and b, relabelling the smaller."""
    if at(words, a + STONES) < at(words, b + STONES):
        a, b = b, a
    add(words, a + STONES, at(words, b + STONES))
    add(words, a + LIBS, at(words, b + LIBS))
    p = b
    while True:
        put(words, p + CHAIN, a)
        p = at(words, p + NEXT)
        if p == b:
            break
    after = at(words, a + NEXT)
    put(words, a + NEXT, at(words, b + NEXT))
    put(words, b + NEXT, after)


@leaf_kernel
def place(words: Words, p: int, me: int) -> None:
    """Put a stone of colour me on the empty point p, with all that it captures (itself at the last)."""
    step = CELL * (at(words, SIZE) + 1)
    last = at(words, EMPTIES) - 1
    slot = at(words, p + SLOT)
    moved = at(words, POINTS + CELL * last + LISTED)
    put(words, EMPTIES, last)
    put(words, POINTS + CELL * slot + LISTED, moved)
    put(words, moved + SLOT, slot)

    put(words, p + COLOR, me)
    put(words, p + EVER, at(words, p + EVER) | me)
    put(words, p + NEXT, p)
    put(words, p + STONES, 1)
    add_liberties(words, p, step, -1)

    keys = ZOBRIST[np.uint64((p >> 2) + me)]
    taken = 0
    taken_at = 0
    for i in range(4):
        n = neighbour(p, step, i)
        color = at(words, n + COLOR)
        root = at(words, n + CHAIN)
        if color == me:
            own = at(words, p + CHAIN)
            if root != own:
                join(words, own, root)
        elif color == BLACK + WHITE - me and at(words, root + LIBS) == 0:
            taken += at(words, root + STONES)
            taken_at = root
            keys ^= remove_chain(words, root, step)
    own = at(words, p + CHAIN)
    put(words, KO, 0)
    if taken == 1 and at(words, own + STONES) == 1 and at(words, own + LIBS) == 1:
        put(words, KO, taken_at)
    elif at(words, own + LIBS) == 0:
        keys ^= remove_chain(words, own, step)
    words.view(np.uint64)[HASH] ^= keys


@leaf_kernel
def end_turn(words: Words, action: int) -> None:
    """Note the action and the new position, and give the turn to the other side."""
    longs = words.view(np.uint64)
    ply = at(words, PLY)
    put(words, RECENT + (ply & 7), action)
    put(words, PLY, ply + 1)
    over = at(words, PASSES) >= 2 or ply + 1 >= at(words, CAP)
    put(words, TURN, (at(words, TURN) ^ 1) + (TERMINAL if over else 0))
    if at(words, RULES) == SITUATIONAL:
        longs[HASH] ^= WHITE_TO_MOVE
    length = at(words, HISTORY_LENGTH)
    longs[np.uint64(at(words, HISTORY_START) + length)] = longs[HASH]
    put(words, HISTORY_LENGTH, length + 1)


@leaf_kernel
def play_stone(words: Words, p: int) -> None:
    """The side to move plays at p."""
    place(words, p, mover(words))
    put(words, PASSES, 0)
    end_turn(words, at(words, p + ACTION))


@leaf_kernel
def play_pass(words: Words) -> None:
    """The side to move passes."""
    put(words, KO, 0)
    add(words, PASSES, 1)
    end_turn(words, at(words, SIZE) * at(words, SIZE))
