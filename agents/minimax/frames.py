"""The memory of one alpha-beta search: a stack of plies, the tables, and the registers between two calls."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tengen.envs.jit import leaf_kernel

PLIES = 160  # deepest line; a search that is still going on there is valued where it stands
MOVES = 160  # most moves of a position; no position of play comes near
WORDS = 6
RESULTS = 3
CODES = 512

#: Columns of `words`: the first three are the position, seen as a whole by two equal rows at equal parity.
OWN, OPPONENT, EXTRA, SIDE, QUIET, JUMPER = range(WORDS)

#: What `status` answers about a position, for the side to move.
LOST, DRAWN, CALM, SINGLE, LOUD = -2, -1, 0, 1, 2

WIN = 1 << 29  # an evaluation is far below; a win in n plies is WIN - n
FAR = WIN - 4 * PLIES  # scores beyond are wins
INFINITE = 1 << 30

#: Columns of `frame`: of the node at a ply.
ALPHA, BETA, BEST, BEST_MOVE, DEPTH, COUNT, TRIED, CHILD_DEPTH, CHILD_SPARE, PHASE, ALPHA_BEFORE, SPARE = (
    range(12)
)

#: Entries of `registers`.
PLY, R_DEPTH, R_SPARE, R_ALPHA, R_BETA, NODES, EVALUATIONS, REPETITIONS, DEEPER, SEEN, STARTED = range(11)

EXACT, LOWER, UPPER = 1, 2, 3


class Stack(NamedTuple):
    """P plies, M moves a position, T entries of the table, C of the cache of evaluations."""

    words: NDArray[np.uint64]  # [P, WORDS] positions from the root on
    codes: NDArray[np.int64]  # [P, M] names of the moves, for killers and history
    results: NDArray[np.uint64]  # [P, M, RESULTS] what `make` needs of moves that are costly to make twice
    order: NDArray[np.int64]  # [P, M] score * 256 + 255 - move
    frame: NDArray[np.int64]  # [P, 12]
    keys: NDArray[np.uint64]  # [P] of the node in the table; 0 where it stays out
    killers: NDArray[np.int64]  # [P, 2] codes of quiet moves that refuted a sibling
    history: NDArray[np.int64]  # [CODES]
    root: NDArray[np.int64]  # [M] first order of the root's moves
    seen: NDArray[np.uint64]  # keys of the game's earlier positions that could come back
    table: NDArray[np.uint64]  # [T, 2] key; score, depth, bound and move
    cache: NDArray[np.uint64]  # [C, 2] key; evaluation
    salts: NDArray[np.uint64]  # [2] mixed into the keys of the table and of the cache
    registers: NDArray[np.int64]  # [11]
    scratch: NDArray[np.float32]  # for evaluations; one that probes an endgame database finds its bytes here


@leaf_kernel
def whole(word: np.uint64) -> int:
    """A word as a signed number, for sums and indices; an unsigned one would make floats of them."""
    return np.int64(word)  # type: ignore[return-value]


def new_stack(
    table_bits: int,
    cache_bits: int = 14,
    history: int = 128,
    scratch: NDArray[np.float32] | None = None,
) -> Stack:
    """A stack with a table of 2**table_bits entries and room for so many earlier positions."""
    return Stack(
        words=np.zeros((PLIES, WORDS), np.uint64),
        codes=np.zeros((PLIES, MOVES), np.int64),
        results=np.zeros((PLIES, MOVES, RESULTS), np.uint64),
        order=np.zeros((PLIES, MOVES), np.int64),
        frame=np.zeros((PLIES, 12), np.int64),
        keys=np.zeros(PLIES, np.uint64),
        killers=np.full((PLIES, 2), -1, np.int64),
        history=np.zeros(CODES, np.int64),
        root=np.zeros(MOVES, np.int64),
        seen=np.zeros(history, np.uint64),
        table=np.zeros((1 << table_bits, 2), np.uint64),
        cache=np.zeros((1 << cache_bits, 2), np.uint64),
        salts=np.zeros(2, np.uint64),
        registers=np.zeros(11, np.int64),
        scratch=np.zeros(512, np.float32) if scratch is None else scratch,
    )
