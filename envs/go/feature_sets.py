"""The input planes of the papers on Go networks, by name; `features.py` holds our own.

Where a paper leaves open how a number becomes planes, the last plane of a group stands for all larger ones.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tengen.envs.go import features
from tengen.envs.go.analysis import (
    AFTER,
    CATCHES,
    CHAIN_AFTER,
    LEGAL_MOVE,
    LIBERTIES,
    OLDEST,
    REPETITION,
    ROWS,
    SAVES,
    SENSIBLE,
    SINCE,
    STONE,
    TAKES,
    look_at_ladders,
    look_at_moves,
    look_at_stones,
)
from tengen.envs.go.board import mover
from tengen.envs.go.ladders import DEPTH, WORDS
from tengen.envs.go.layout import BLACK, BLACK_RANK, CELL, POINTS, SIZE, WHITE_RANK
from tengen.envs.go.words import Raw, Words, at
from tengen.envs.jit import kernel, leaf_kernel

RANKS = 9
RANK_BASE = 100  # added to a rank where a record keeps it; 0 there is an unknown rank


class FeatureSet(NamedTuple):
    """Named planes, and the kernel that writes them for positions raw [B, bytes] to out [B, P, C]."""

    planes: tuple[str, ...]
    observe: Callable[[Raw, NDArray[np.float32]], Any]


def _counted(what: str, first: int, last: int) -> tuple[str, ...]:
    """Plane names of a number: one each, the last for all larger ones."""
    return (*(f"{what} {i}" for i in range(first, last)), f"{what} {last}+")


STONES = ("own stones", "opponent's stones", "empty")

#: Clark & Storkey 2014 (arXiv:1412.3409), section 3.2: 7 planes of the position and one of the edge, which
#: marks the outermost lines here and a border around them there.
CLARK_STORKEY = (
    *_counted("own chain, liberties", 1, 3),
    *_counted("opponent's chain, liberties", 1, 3),
    "ko",
    "edge",
)

#: Maddison et al. 2014 (arXiv:1412.6564), table 1.
MADDISON36 = (
    *STONES,
    *_counted("liberties", 1, 4),
    *_counted("liberties after", 1, 6),
    "legal",
    *_counted("turns since", 1, 5),
    *_counted("takes", 1, 7),
    "catches in a ladder",
    *(f"{i} dan" for i in range(1, RANKS + 1)),
)

#: Silver et al. 2016, extended data table 2.
ALPHAGO48 = (
    *STONES,
    "ones",
    *_counted("turns since", 1, 8),
    *_counted("liberties", 1, 8),
    *_counted("takes", 0, 7),
    *_counted("self-atari of", 1, 8),
    *_counted("liberties after", 1, 8),
    "catches in a ladder",
    "saves from a ladder",
    "sensible",
    "zeros",
)
ALPHAGO49 = (*ALPHAGO48, "Black to move")  # of the value network


@leaf_kernel
def one_of(planes: NDArray[np.float32], first: int, least: int, count: int, number: int) -> None:
    """Set that plane of a group of `count` from `first` on which stands for a number of `least` or more."""
    if number >= least:
        planes[first + min(number - least, count - 1)] = 1


@leaf_kernel
def stone_planes(planes: NDArray[np.float32], stone: int) -> None:
    """Own, opponent's, empty."""
    planes[(stone + 2) % 3] = 1


@leaf_kernel
def dan_of(words: Words) -> int:
    """The mover's rank as one of nine planes, from 0: below 1 dan as 1 dan, professionals and the unknown as
    9 dan, as which a network is to play."""
    rank = at(words, BLACK_RANK if mover(words) == BLACK else WHITE_RANK)
    return RANKS - 1 if rank == 0 else min(max(rank - RANK_BASE, 1), RANKS) - 1


@kernel
def observe_clark_storkey(raw: Raw, out: NDArray[np.float32]) -> None:
    """Write the planes CLARK_STORKEY."""
    counts, found, marks, _, _, _ = _room(raw, out.shape[1], 1)
    out[:] = 0
    for b in range(raw.shape[0]):
        words = raw[b].view(np.uint16)
        size = at(words, SIZE)
        look_at_stones(words, found, counts)
        look_at_moves(words, found, counts, marks)
        for point in range(size * size):
            planes = out[b, point]
            stone = found[STONE, point]
            if stone != 0:
                one_of(planes, 3 * (stone - 1), 1, 3, found[LIBERTIES, point])
            planes[6] = found[REPETITION, point]
            row = point // size
            column = point - row * size
            planes[7] = row == 0 or row == size - 1 or column == 0 or column == size - 1


@kernel
def observe_maddison36(raw: Raw, out: NDArray[np.float32]) -> None:
    """Write the planes MADDISON36."""
    counts, found, marks, stack, places, left = _room(raw, out.shape[1], DEPTH)
    out[:] = 0
    for b in range(raw.shape[0]):
        words = raw[b].view(np.uint16)
        look_at_stones(words, found, counts)
        look_at_moves(words, found, counts, marks)
        look_at_ladders(words, found, stack, places, left)
        dan = dan_of(words)
        for point in range(out.shape[1]):
            planes = out[b, point]
            stone_planes(planes, found[STONE, point])
            one_of(planes, 3, 1, 4, found[LIBERTIES, point])
            one_of(planes, 7, 1, 6, found[AFTER, point])
            planes[13] = found[LEGAL_MOVE, point]
            one_of(planes, 14, 1, 5, found[SINCE, point])
            one_of(planes, 19, 1, 7, found[TAKES, point])
            planes[26] = found[CATCHES, point]
            planes[27 + dan] = 1


@kernel
def observe_alphago48(raw: Raw, out: NDArray[np.float32]) -> None:
    """Write the planes ALPHAGO48."""
    counts, found, marks, stack, places, left = _room(raw, out.shape[1], DEPTH)
    out[:] = 0
    for b in range(raw.shape[0]):
        _write_alphago(raw[b].view(np.uint16), out[b], found, counts, marks, stack, places, left)


@kernel
def observe_alphago49(raw: Raw, out: NDArray[np.float32]) -> None:
    """Write the planes ALPHAGO49."""
    counts, found, marks, stack, places, left = _room(raw, out.shape[1], DEPTH)
    out[:] = 0
    for b in range(raw.shape[0]):
        words = raw[b].view(np.uint16)
        _write_alphago(words, out[b], found, counts, marks, stack, places, left)
        if mover(words) == BLACK:
            out[b, :, 48] = 1


@leaf_kernel
def _write_alphago(
    words: Words,
    out: NDArray[np.float32],
    found: NDArray[np.int16],
    counts: NDArray[np.int64],
    marks: NDArray[np.int64],
    stack: NDArray[np.uint16],
    places: NDArray[np.int64],
    left: NDArray[np.int64],
) -> None:
    look_at_stones(words, found, counts)
    look_at_moves(words, found, counts, marks)
    look_at_ladders(words, found, stack, places, left)
    for point in range(out.shape[0]):
        planes = out[point]
        stone_planes(planes, found[STONE, point])
        planes[3] = 1
        one_of(planes, 4, 1, OLDEST, found[SINCE, point])
        one_of(planes, 12, 1, 8, found[LIBERTIES, point])
        if found[LEGAL_MOVE, point] != 0:
            one_of(planes, 20, 0, 8, found[TAKES, point])
            if found[AFTER, point] == 1:
                one_of(planes, 28, 1, 8, found[CHAIN_AFTER, point])
            one_of(planes, 36, 1, 8, found[AFTER, point])
        planes[44] = found[CATCHES, point]
        planes[45] = found[SAVES, point]
        planes[46] = found[SENSIBLE, point]


@kernel
def _room(raw: Raw, points: int, depth: int) -> Any:
    """Arrays to work in: counts, found, marks, stack, places, left."""
    size = 0
    while size * size < points:
        size += 1
    cells = (size + 2) * (size + 1) + 1
    return (
        np.empty(raw.shape[1] // (2 * CELL), np.int64),
        np.empty((ROWS, points), np.int16),
        np.empty((3, cells + POINTS), np.int64),
        np.empty((depth, POINTS + CELL * cells + 4 * (DEPTH + 2)), np.uint16),
        np.empty((depth, WORDS), np.int64),
        np.empty(1, np.int64),
    )


FEATURE_SETS = {
    "tengen": FeatureSet(features.PLANES, features.observe_batch),
    "clark-storkey": FeatureSet(CLARK_STORKEY, observe_clark_storkey),
    "maddison36": FeatureSet(MADDISON36, observe_maddison36),
    "alphago48": FeatureSet(ALPHAGO48, observe_alphago48),
    "alphago49": FeatureSet(ALPHAGO49, observe_alphago49),
}
