"""What may be played: suicide, ko and superko.

Superko is exact: the hash of the position that a move would make is looked up among those of all positions so
far. Most moves are spared the look-up, for a position with a stone on a point cannot have been there before
if no stone of that colour ever stood on it.
"""

import numpy as np

from tengen.envs.go.board import mover, neighbour
from tengen.envs.go.layout import (
    BORDER,
    CELL,
    CHAIN,
    COLOR,
    EMPTY,
    EVER,
    HASH,
    HISTORY_LENGTH,
    HISTORY_START,
    KO,
    LEGAL,
    LIBS,
    NEXT,
    OCCUPIED,
    REPEATS,
    RULES,
    SIMPLE,
    SITUATIONAL,
    SIZE,
    SUICIDAL,
    SUICIDE,
    WHITE_TO_MOVE,
    ZOBRIST,
)
from tengen.envs.go.words import Words, at
from tengen.envs.jit import leaf_kernel


@leaf_kernel
def touching(words: Words, p: int, step: int, root: int) -> int:
    """How many neighbours of p belong to the chain with this root."""
    count = 0
    for i in range(4):
        if at(words, neighbour(p, step, i) + CHAIN) == root:
            count += 1
    return count


@leaf_kernel
def breathes(words: Words, p: int, me: int) -> bool:
    """Whether a stone of colour me on p, which has no empty neighbour, captures or has a liberty."""
    step = CELL * (at(words, SIZE) + 1)
    for i in range(4):
        n = neighbour(p, step, i)
        color = at(words, n + COLOR)
        if color == BORDER:
            continue
        root = at(words, n + CHAIN)
        keeps_liberties = at(words, root + LIBS) > touching(words, p, step, root)
        if (color == me) == keeps_liberties:
            return True
    return False


@leaf_kernel
def chain_keys(words: Words, root: int) -> np.uint64:
    """The keys of a chain's stones, combined."""
    color = at(words, root + COLOR)
    keys = np.uint64(0)
    p = root
    while True:
        keys ^= ZOBRIST[np.uint64((p >> 2) + color)]
        p = at(words, p + NEXT)
        if p == root:
            return keys


@leaf_kernel
def hash_after(words: Words, p: int, me: int) -> np.uint64:
    """The hash, as the repetition rule sees it, once colour me has played at p."""
    step = CELL * (at(words, SIZE) + 1)
    own_keys = ZOBRIST[np.uint64((p >> 2) + me)]
    keys = words.view(np.uint64)[HASH] ^ own_keys
    if at(words, RULES) == SITUATIONAL:
        keys ^= WHITE_TO_MOVE
    stays = at(words, p + LIBS) > 0
    for i in range(4):
        n = neighbour(p, step, i)
        color = at(words, n + COLOR)
        if color == BORDER or color == EMPTY:  # noqa: SIM109 - `in` is slow here
            continue
        root = at(words, n + CHAIN)
        counted = False
        for j in range(i):
            counted |= at(words, neighbour(p, step, j) + CHAIN) == root
        if counted:
            continue
        keeps_liberties = at(words, root + LIBS) > touching(words, p, step, root)
        if color == me:
            stays |= keeps_liberties
            own_keys ^= chain_keys(words, root)
        elif not keeps_liberties:
            stays = True
            keys ^= chain_keys(words, root)
    if not stays:
        keys ^= own_keys
    return keys


@leaf_kernel
def in_history(words: Words, keys: np.uint64) -> bool:
    """Whether a position with this hash has stood on the board."""
    longs = words.view(np.uint64)
    start = at(words, HISTORY_START)
    found = False
    # All of it, for a loop without an exit runs eight comparisons at once.
    for i in range(start, start + at(words, HISTORY_LENGTH)):
        found |= longs[np.uint64(i)] == keys
    return found


@leaf_kernel
def verdict(words: Words, p: int) -> int:
    """LEGAL, OCCUPIED, SUICIDAL or REPEATS: what the rules say of the side to move playing at p."""
    if at(words, p + COLOR) != EMPTY:
        return OCCUPIED
    me = mover(words)
    may_repeat = at(words, p + EVER) & me != 0
    if at(words, p + LIBS) == 0 and not breathes(words, p, me):
        if at(words, SUICIDE) == 0:
            return SUICIDAL
        may_repeat = True
    if at(words, RULES) == SIMPLE:
        return REPEATS if p == at(words, KO) else LEGAL
    if may_repeat and in_history(words, hash_after(words, p, me)):
        return REPEATS
    return LEGAL
