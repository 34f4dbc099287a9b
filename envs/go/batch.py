"""The rules on batches: `raw` [B, itemsize] uint8 is the memory of B records."""

import numpy as np
from numpy.typing import NDArray

from tengen.envs.go.board import address, clear, is_over, mover, place, play_pass, play_stone
from tengen.envs.go.layout import (
    ACTION,
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
    PASSES,
    POINTS,
    RULES,
    SIMPLE,
    SITUATIONAL,
    SIZE,
    TURN,
    WHITE_TO_MOVE,
)
from tengen.envs.go.legality import hash_after, verdict
from tengen.envs.go.words import Raw, add, at, put
from tengen.envs.jit import leaf_kernel


@leaf_kernel
def legal_batch(raw: Raw, out: NDArray[np.bool_]) -> None:
    """Write the legal actions to out [B, A]; all False where the game is over."""
    for b in range(raw.shape[0]):
        words = raw[b].view(np.uint16)
        live = not is_over(words)
        for action in range(out.shape[1] - 1):
            out[b, action] = False
        out[b, out.shape[1] - 1] = live
        if live:
            for k in range(at(words, EMPTIES)):
                p = at(words, POINTS + CELL * k + LISTED)
                if verdict(words, p) == LEGAL:
                    out[b, at(words, p + ACTION)] = True


@leaf_kernel
def step_batch(raw: Raw, actions: NDArray[np.int32]) -> None:
    """Apply actions [B], all legal."""
    for b in range(raw.shape[0]):
        words = raw[b].view(np.uint16)
        size = at(words, SIZE)
        action = int(actions[b])
        if action == size * size:
            play_pass(words)
        else:
            play_stone(words, address(size, action))


@leaf_kernel
def set_up(raw: Raw, colors: NDArray[np.int8], to_play: int) -> None:
    """Begin one game, raw [1, itemsize], with stones on the points [size * size] where colors are not 0.

    Every chain of the given position must have a liberty.
    """
    words = raw[0].view(np.uint16)
    longs = raw[0].view(np.uint64)
    clear(words)
    for action in range(len(colors)):
        if colors[action] != EMPTY:
            place(words, address(at(words, SIZE), action), int(colors[action]))
    put(words, TURN, to_play)
    put(words, KO, 0)
    if at(words, RULES) == SITUATIONAL and to_play == 1:
        longs[HASH] ^= WHITE_TO_MOVE
    longs[at(words, HISTORY_START)] = longs[HASH]


@leaf_kernel
def forbid(raw: Raw, action: int) -> None:
    """Make a stone at `action` in raw [1, itemsize] one that repeats a position."""
    words = raw[0].view(np.uint16)
    p = address(at(words, SIZE), action)
    if at(words, RULES) == SIMPLE:
        put(words, KO, p)
        return
    me = mover(words)
    put(words, p + EVER, at(words, p + EVER) | me)
    raw[0].view(np.uint64)[at(words, HISTORY_START) + at(words, HISTORY_LENGTH)] = hash_after(words, p, me)
    add(words, HISTORY_LENGTH, 1)


@leaf_kernel
def judge(raw: Raw, action: int) -> int:
    """What the rules say of a stone at `action` in raw [1, itemsize]; see `verdict`."""
    words = raw[0].view(np.uint16)
    return verdict(words, address(at(words, SIZE), action))


@leaf_kernel
def smothered(raw: Raw, colors: NDArray[np.int8]) -> int:
    """The first point of colors [size * size] where raw [1, itemsize], set up from it, holds something else.

    Or a chain without liberties; -1 where all is well.
    """
    words = raw[0].view(np.uint16)
    for action in range(len(colors)):
        p = address(at(words, SIZE), action)
        color = at(words, p + COLOR)
        if color != colors[action] or (color != EMPTY and at(words, at(words, p + CHAIN) + LIBS) == 0):
            return action
    return -1


@leaf_kernel
def replay(raw: Raw, actions: NDArray[np.int32]) -> int:
    """Play actions in raw [1, itemsize] up to the first that is illegal; returns how many were legal.

    Passes do not end the game.
    """
    words = raw[0].view(np.uint16)
    size = at(words, SIZE)
    for i in range(len(actions)):
        action = int(actions[i])
        if action == size * size:
            put(words, PASSES, 0)
            play_pass(words)
            continue
        p = address(size, action)
        if verdict(words, p) != LEGAL:
            return i
        play_stone(words, p)
    return len(actions)
