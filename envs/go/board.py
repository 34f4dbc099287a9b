"""The rules of Go on one record: chains with pseudo-liberties, captures, ko and superko.

A pseudo-liberty is an adjacency of a stone to an empty point: a chain is without liberties exactly when it has no
pseudo-liberties, and the count needs no list. Every stone that comes takes one from each neighbouring chain, every
stone that goes gives one back, whatever the neighbour is: an empty point counts its empty neighbours that way.
"""

import numpy as np
from numpy.typing import NDArray

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
    LEGAL,
    LIBS,
    LISTED,
    NEXT,
    NO_MOVE,
    OCCUPIED,
    PASSES,
    PLY,
    POINTS,
    RECENT,
    REPEATS,
    RULES,
    SIMPLE,
    SITUATIONAL,
    SIZE,
    SLOT,
    STONES,
    SUICIDAL,
    SUICIDE,
    TERMINAL,
    TURN,
    WHITE,
    WHITE_TO_MOVE,
    ZOBRIST,
)
from tengen.envs.jit import leaf_kernel

Words = NDArray[np.uint16]
Longs = NDArray[np.uint64]


@leaf_kernel
def address(size: int, action: int) -> int:
    """The address of point row * size + column, row 0 at the top."""
    row = action // size
    return POINTS + CELL * ((row + 1) * (size + 1) + action - row * size + 1)


@leaf_kernel
def clear(words: Words, longs: Longs) -> None:
    """An empty board, Black to move, with the header's size, rules, komi and cap."""
    size = np.int64(words[SIZE])
    count = (size + 2) * (size + 1) + 1
    for cell in range(count):
        p = POINTS + CELL * cell
        words[p + COLOR] = BORDER
        words[p + CHAIN] = p
        words[p + NEXT] = p
        words[p + LIBS] = BORDER_LIBERTIES
        words[p + SLOT] = 0
        words[p + EVER] = 0
        words[p + ACTION] = NO_MOVE
    for action in range(size * size):
        p = address(size, action)
        row = action // size
        column = action - row * size
        words[p + COLOR] = EMPTY
        words[p + LIBS] = np.int64(row > 0) + (row < size - 1) + (column > 0) + (column < size - 1)
        words[p + SLOT] = action
        words[p + ACTION] = action
        words[POINTS + CELL * action + LISTED] = p
    words[TURN] = 0
    words[PLY] = 0
    words[PASSES] = 0
    words[KO] = 0
    words[EMPTIES] = size * size
    for i in range(8):
        words[RECENT + i] = NO_MOVE
    words[HISTORY_START] = POINTS // 4 + 2 * count
    words[HISTORY_LENGTH] = 1
    longs[HASH] = np.uint64(0)
    longs[np.int64(words[HISTORY_START])] = np.uint64(0)


@leaf_kernel
def remove_chain(words: Words, root: int, step: int) -> np.uint64:
    """Take a chain without liberties off the board; returns the keys of its stones, combined."""
    color = np.int64(words[root + COLOR])
    count = np.int64(words[EMPTIES])
    keys = np.uint64(0)
    p = root
    while True:
        words[p + COLOR] = EMPTY
        words[p + CHAIN] = p
        words[p + LIBS] = 0
        words[p + SLOT] = count
        words[POINTS + CELL * count + LISTED] = p
        count += 1
        keys ^= ZOBRIST[(p >> 2) + color]
        p = np.int64(words[p + NEXT])
        if p == root:
            break
    words[EMPTIES] = count
    while True:
        words[words[p - step + CHAIN] + LIBS] += 1
        words[words[p - CELL + CHAIN] + LIBS] += 1
        words[words[p + CELL + CHAIN] + LIBS] += 1
        words[words[p + step + CHAIN] + LIBS] += 1
        p = np.int64(words[p + NEXT])
        if p == root:
            break
    return keys


@leaf_kernel
def join(words: Words, a: int, b: int) -> None:
    """Make one chain of the two chains with roots a and b, relabelling the smaller."""
    if words[a + STONES] < words[b + STONES]:
        a, b = b, a
    words[a + STONES] += words[b + STONES]
    words[a + LIBS] += words[b + LIBS]
    p = b
    while True:
        words[p + CHAIN] = a
        p = np.int64(words[p + NEXT])
        if p == b:
            break
    after = words[a + NEXT]
    words[a + NEXT] = words[b + NEXT]
    words[b + NEXT] = after


@leaf_kernel
def place(words: Words, longs: Longs, p: int, me: int) -> None:
    """Put a stone of colour me on the empty point p, with all that it captures (itself at the last)."""
    step = CELL * (np.int64(words[SIZE]) + 1)
    last = np.int64(words[EMPTIES]) - 1
    slot = np.int64(words[p + SLOT])
    moved = np.int64(words[POINTS + CELL * last + LISTED])
    words[EMPTIES] = last
    words[POINTS + CELL * slot + LISTED] = moved
    words[moved + SLOT] = slot

    words[p + COLOR] = me
    words[p + EVER] |= me
    words[p + NEXT] = p
    words[p + STONES] = 1
    words[words[p - step + CHAIN] + LIBS] -= 1
    words[words[p - CELL + CHAIN] + LIBS] -= 1
    words[words[p + CELL + CHAIN] + LIBS] -= 1
    words[words[p + step + CHAIN] + LIBS] -= 1

    keys = ZOBRIST[(p >> 2) + me]
    taken = 0
    taken_at = 0
    for i in range(4):
        n = p + (step if i > 1 else CELL) * (1 if i & 1 else -1)
        color = np.int64(words[n + COLOR])
        root = np.int64(words[n + CHAIN])
        if color == me:
            own = np.int64(words[p + CHAIN])
            if root != own:
                join(words, own, root)
        elif color == BLACK + WHITE - me and words[root + LIBS] == 0:
            taken += np.int64(words[root + STONES])
            taken_at = root
            keys ^= remove_chain(words, root, step)
    own = np.int64(words[p + CHAIN])
    words[KO] = 0
    if taken == 1 and words[own + STONES] == 1 and words[own + LIBS] == 1:
        words[KO] = taken_at
    elif words[own + LIBS] == 0:
        keys ^= remove_chain(words, own, step)
    longs[HASH] ^= keys


@leaf_kernel
def end_turn(words: Words, longs: Longs, action: int) -> None:
    """Note the action and the new position, and give the turn to the other side."""
    ply = np.int64(words[PLY])
    words[RECENT + (ply & 7)] = action
    words[PLY] = ply + 1
    words[TURN] ^= 1
    if words[RULES] == SITUATIONAL:
        longs[HASH] ^= WHITE_TO_MOVE
    length = np.int64(words[HISTORY_LENGTH])
    longs[np.int64(words[HISTORY_START]) + length] = longs[HASH]
    words[HISTORY_LENGTH] = length + 1
    if words[PASSES] >= 2 or ply + 1 >= words[CAP]:
        words[TURN] |= TERMINAL


@leaf_kernel
def play_stone(words: Words, longs: Longs, p: int) -> None:
    """The side to move plays at p."""
    place(words, longs, p, 1 + (np.int64(words[TURN]) & 1))
    words[PASSES] = 0
    end_turn(words, longs, np.int64(words[p + ACTION]))


@leaf_kernel
def play_pass(words: Words, longs: Longs) -> None:
    """The side to move passes."""
    size = np.int64(words[SIZE])
    words[KO] = 0
    words[PASSES] += 1
    end_turn(words, longs, size * size)


@leaf_kernel
def breathes(words: Words, p: int, me: int) -> bool:
    """Whether a stone of colour me on p, which has no empty neighbour, captures or has a liberty."""
    step = CELL * (np.int64(words[SIZE]) + 1)
    for i in range(4):
        n = p + (step if i > 1 else CELL) * (1 if i & 1 else -1)
        color = np.int64(words[n + COLOR])
        if color == BORDER:
            continue
        root = np.int64(words[n + CHAIN])
        touching = (
            np.int64(words[p - step + CHAIN] == root)
            + (words[p - CELL + CHAIN] == root)
            + (words[p + CELL + CHAIN] == root)
            + (words[p + step + CHAIN] == root)
        )
        if (color == me) == (words[root + LIBS] > touching):
            return True
    return False


@leaf_kernel
def chain_keys(words: Words, root: int) -> np.uint64:
    """The keys of a chain's stones, combined."""
    color = np.int64(words[root + COLOR])
    keys = np.uint64(0)
    p = root
    while True:
        keys ^= ZOBRIST[(p >> 2) + color]
        p = np.int64(words[p + NEXT])
        if p == root:
            return keys


@leaf_kernel
def hash_after(words: Words, longs: Longs, p: int, me: int) -> np.uint64:
    """The hash, as the repetition rule sees it, once colour me has played at p."""
    step = CELL * (np.int64(words[SIZE]) + 1)
    keys = longs[HASH] ^ ZOBRIST[(p >> 2) + me]
    if words[RULES] == SITUATIONAL:
        keys ^= WHITE_TO_MOVE
    own_keys = ZOBRIST[(p >> 2) + me]
    free = words[p + LIBS] > 0
    for i in range(4):
        n = p + (step if i > 1 else CELL) * (1 if i & 1 else -1)
        color = np.int64(words[n + COLOR])
        if color == BORDER or color == EMPTY:
            continue
        root = np.int64(words[n + CHAIN])
        touching = 0
        seen = False
        for j in range(4):
            m = p + (step if j > 1 else CELL) * (1 if j & 1 else -1)
            if words[m + CHAIN] == root:
                touching += 1
                seen |= j < i
        if seen:
            continue
        if color == me:
            free |= words[root + LIBS] > touching
            own_keys ^= chain_keys(words, root)
        elif words[root + LIBS] == touching:
            free = True
            keys ^= chain_keys(words, root)
    if not free:
        keys ^= own_keys
    return keys


@leaf_kernel
def in_history(words: Words, longs: Longs, keys: np.uint64) -> bool:
    """Whether a position with this hash has stood on the board."""
    start = np.int64(words[HISTORY_START])
    found = False
    for i in range(start, start + np.int64(words[HISTORY_LENGTH])):
        found |= longs[i] == keys
    return found


@leaf_kernel
def verdict(words: Words, longs: Longs, p: int) -> int:
    """LEGAL, OCCUPIED, SUICIDAL or REPEATS: what the rules say of the side to move playing at p."""
    if words[p + COLOR] != EMPTY:
        return OCCUPIED
    me = 1 + (np.int64(words[TURN]) & 1)
    # A position with a stone of mine on p can come again only if one has stood there before.
    may_repeat = words[p + EVER] & me != 0
    if words[p + LIBS] == 0 and not breathes(words, p, me):
        if words[SUICIDE] == 0:
            return SUICIDAL
        may_repeat = True
    if words[RULES] == SIMPLE:
        return REPEATS if p == words[KO] else LEGAL
    if may_repeat and in_history(words, longs, hash_after(words, longs, p, me)):
        return REPEATS
    return LEGAL
