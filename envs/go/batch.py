"""The rules on batches: `raw` [B, itemsize] uint8 is the memory of B records."""

import numpy as np
from numpy.typing import NDArray

from tengen.envs.go.board import (
    Longs,
    Words,
    address,
    clear,
    hash_after,
    place,
    play_pass,
    play_stone,
    verdict,
)
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
    HASH,
    HISTORY_LENGTH,
    HISTORY_START,
    KO,
    LEGAL,
    LIBS,
    LISTED,
    POINTS,
    RULES,
    SIMPLE,
    SITUATIONAL,
    SIZE,
    SLOT,
    TERMINAL,
    TURN,
    WHITE,
    WHITE_TO_MOVE,
)
from tengen.envs.jit import leaf_kernel
from tengen.envs.rng import random_below

Raw = NDArray[np.uint8]


@leaf_kernel
def set_up(raw: Raw, colors: NDArray[np.int8], to_play: int) -> None:
    """Begin one game, raw [1, itemsize], with stones on the points [size * size] where colors are not 0.

    Every chain of the given position must have a liberty.
    """
    words = raw[0].view(np.uint16)
    longs = raw[0].view(np.uint64)
    clear(words, longs)
    for action in range(len(colors)):
        if colors[action] != 0:
            place(words, longs, address(np.int64(words[SIZE]), action), np.int64(colors[action]))
    words[TURN] = to_play
    words[KO] = 0
    if words[RULES] == SITUATIONAL and to_play == 1:
        longs[HASH] ^= WHITE_TO_MOVE
    longs[np.int64(words[HISTORY_START])] = longs[HASH]


@leaf_kernel
def forbid(raw: Raw, action: int) -> None:
    """Make the move `action` in raw [1, itemsize] one that repeats a position."""
    words = raw[0].view(np.uint16)
    longs = raw[0].view(np.uint64)
    p = address(np.int64(words[SIZE]), action)
    me = 1 + (np.int64(words[TURN]) & 1)
    if words[RULES] == SIMPLE:
        words[KO] = p
        return
    words[p + EVER] |= me
    length = np.int64(words[HISTORY_LENGTH])
    longs[np.int64(words[HISTORY_START]) + length] = hash_after(words, longs, p, me)
    words[HISTORY_LENGTH] = length + 1


@leaf_kernel
def judge(raw: Raw, action: int) -> int:
    """What the rules say of a stone at `action` in raw [1, itemsize]; see `verdict`."""
    words = raw[0].view(np.uint16)
    return verdict(words, raw[0].view(np.uint64), address(np.int64(words[SIZE]), action))


@leaf_kernel
def legal_batch(raw: Raw, out: NDArray[np.bool_]) -> None:
    """Write the legal actions to out [B, A]; all False where the game is over."""
    for b in range(raw.shape[0]):
        words = raw[b].view(np.uint16)
        longs = raw[b].view(np.uint64)
        live = words[TURN] & TERMINAL == 0
        out[b, :] = False
        if not live:
            continue
        for k in range(words[EMPTIES]):
            p = np.int64(words[POINTS + CELL * k + LISTED])
            if verdict(words, longs, p) == LEGAL:
                out[b, np.int64(words[p + ACTION])] = True
        out[b, out.shape[1] - 1] = True


@leaf_kernel
def step_batch(raw: Raw, actions: NDArray[np.int32]) -> None:
    """Apply actions [B], all legal."""
    for b in range(raw.shape[0]):
        words = raw[b].view(np.uint16)
        longs = raw[b].view(np.uint64)
        size = np.int64(words[SIZE])
        if actions[b] == size * size:
            play_pass(words, longs)
        else:
            play_stone(words, longs, address(size, np.int64(actions[b])))


@leaf_kernel
def is_own_eye(words: Words, p: int, me: int) -> bool:
    """Whether the empty point p is an eye of colour me: all neighbours are mine, and of the diagonal points the
    opponent holds at most one, or none at the edge."""
    step = CELL * (np.int64(words[SIZE]) + 1)
    at_edge = 0
    for i in range(4):
        color = np.int64(words[p + (step if i > 1 else CELL) * (1 if i & 1 else -1) + COLOR])
        if color == BORDER:
            at_edge = 1
        elif color != me:
            return False
    other = BLACK + WHITE - me
    theirs = (
        np.int64(words[p - step - CELL + COLOR] == other)
        + (words[p - step + CELL + COLOR] == other)
        + (words[p + step - CELL + COLOR] == other)
        + (words[p + step + CELL + COLOR] == other)
    )
    return theirs + at_edge < 2


@leaf_kernel
def random_move(words: Words, longs: Longs, rng: NDArray[np.uint64]) -> int:
    """The address of a uniformly random legal move that fills no own eye; 0 where there is none."""
    me = 1 + (np.int64(words[TURN]) & 1)
    left = np.int64(words[EMPTIES])
    while left > 0:
        slot = random_below(rng, left)
        p = np.int64(words[POINTS + CELL * slot + LISTED])
        if words[p + LIBS] > 0 or not is_own_eye(words, p, me):
            if verdict(words, longs, p) == LEGAL:
                return p
        left -= 1
        last = np.int64(words[POINTS + CELL * left + LISTED])
        words[POINTS + CELL * slot + LISTED] = last
        words[last + SLOT] = slot
        words[POINTS + CELL * left + LISTED] = p
        words[p + SLOT] = left
    return 0


@leaf_kernel
def finish_game(words: Words, longs: Longs, rng: NDArray[np.uint64]) -> None:
    """Play random moves that fill no own eye until the game is over."""
    while words[TURN] & TERMINAL == 0:
        p = random_move(words, longs, rng)
        if p > 0:
            play_stone(words, longs, p)
        else:
            play_pass(words, longs)


@leaf_kernel
def playout_batch(raw: Raw, rng: NDArray[np.uint64]) -> None:
    """Finish every game with random moves; advances rng [1]."""
    for b in range(raw.shape[0]):
        finish_game(raw[b].view(np.uint16), raw[b].view(np.uint64), rng)


@leaf_kernel
def smothered(raw: Raw) -> int:
    """The first action whose stone in raw [1, itemsize] belongs to a chain without liberties, or -1."""
    words = raw[0].view(np.uint16)
    size = np.int64(words[SIZE])
    for action in range(size * size):
        p = address(size, action)
        if words[p + COLOR] != EMPTY and words[words[p + CHAIN] + LIBS] == 0:
            return action
    return -1
