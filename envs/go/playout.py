"""Games finished by uniformly random moves."""

import numpy as np
from numpy.typing import NDArray

from tengen.envs.go.board import is_over, mover, neighbour, play_pass, play_stone
from tengen.envs.go.layout import (
    BLACK,
    BORDER,
    CELL,
    COLOR,
    EMPTIES,
    LEGAL,
    LIBS,
    LISTED,
    POINTS,
    SIZE,
    SLOT,
    WHITE,
)
from tengen.envs.go.legality import verdict
from tengen.envs.go.words import Raw, Words, at, put
from tengen.envs.jit import leaf_kernel
from tengen.envs.rng import random_below


@leaf_kernel
def is_own_eye(words: Words, p: int, me: int) -> bool:
    """Whether the empty point p is an eye of colour me.

    All neighbours are mine, and of the diagonal points the opponent holds at most one, at the edge none.
    """
    step = CELL * (at(words, SIZE) + 1)
    other = BLACK + WHITE - me
    theirs = 0
    for i in range(4):
        color = at(words, neighbour(p, step, i) + COLOR)
        if color == BORDER:
            theirs = 1
        elif color != me:
            return False
    for i in range(4):
        theirs += at(words, neighbour(p + (CELL if i & 1 else -CELL), step, 2 + (i >> 1)) + COLOR) == other
    return theirs < 2


@leaf_kernel
def random_move(words: Words, rng: NDArray[np.uint64]) -> int:
    """The address of a uniformly random legal move that fills no own eye; 0 where there is none."""
    me = mover(words)
    left = at(words, EMPTIES)
    while left > 0:
        slot = random_below(rng, left)
        p = at(words, POINTS + CELL * slot + LISTED)
        if (at(words, p + LIBS) > 0 or not is_own_eye(words, p, me)) and verdict(words, p) == LEGAL:
            return p
        # Out of the draw: behind the points that are still in it.
        left -= 1
        last = at(words, POINTS + CELL * left + LISTED)
        put(words, POINTS + CELL * slot + LISTED, last)
        put(words, last + SLOT, slot)
        put(words, POINTS + CELL * left + LISTED, p)
        put(words, p + SLOT, left)
    return 0


@leaf_kernel
def finish_game(words: Words, rng: NDArray[np.uint64]) -> None:
    """Play random moves that fill no own eye until the game is over; advances rng [1]."""
    while not is_over(words):
        p = random_move(words, rng)
        if p > 0:
            play_stone(words, p)
        else:
            play_pass(words)


@leaf_kernel
def playout_batch(raw: Raw, rng: NDArray[np.uint64]) -> None:
    """Finish every game; advances rng [1]."""
    for b in range(raw.shape[0]):
        finish_game(raw[b].view(np.uint16), rng)
