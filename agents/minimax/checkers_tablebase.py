"""Evaluations of checkers that ask the endgame database first, whose depths lie in `scratch` as bytes.

A known win is worth TABLE_WIN less the turns that it takes, so that the search goes towards its end.
"""

import numpy as np
from numpy.typing import NDArray

from tengen.agents.minimax import checkers_eval
from tengen.agents.minimax.frames import EXTRA, OPPONENT, OWN, SIDE, whole
from tengen.envs.checkers.bitboards import popcount
from tengen.envs.checkers.tablebase.build import DRAW, HOLE
from tengen.envs.checkers.tablebase.indexing import MOST, number_of
from tengen.envs.jit import leaf_kernel

TABLE_WIN = 1 << 28  # beyond every evaluation, and not taken for a win that the search has seen to its end
UNKNOWN = 1 << 30


@leaf_kernel
def known_value(words: NDArray[np.uint64], ply: int, scratch: NDArray[np.float32]) -> int:
    """What the database says, for the side to move; UNKNOWN where it does not reach."""
    own, opp = words[ply, OWN], words[ply, OPPONENT]
    if popcount(own | opp) > MOST:
        return UNKNOWN
    depths = scratch.view(np.uint8)
    number = number_of(own, opp, words[ply, EXTRA], whole(words[ply, SIDE]))
    if number >= len(depths):
        return UNKNOWN
    depth = whole(depths[number])
    if depth == HOLE:
        return UNKNOWN
    if depth == DRAW:
        return 0
    return TABLE_WIN - depth if depth % 2 == 1 else depth - TABLE_WIN


@leaf_kernel
def by_material(
    words: NDArray[np.uint64], ply: int, params: NDArray[np.float32], scratch: NDArray[np.float32]
) -> int:
    """The database, else pieces."""
    value = known_value(words, ply, scratch)
    return value if value != UNKNOWN else checkers_eval.by_material(words, ply, params, scratch)


@leaf_kernel
def by_hand(
    words: NDArray[np.uint64], ply: int, params: NDArray[np.float32], scratch: NDArray[np.float32]
) -> int:
    """The database, else the hand-written count."""
    value = known_value(words, ply, scratch)
    return value if value != UNKNOWN else checkers_eval.by_hand(words, ply, params, scratch)
