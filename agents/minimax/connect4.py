"""Connect Four for alpha-beta: seven columns of seven bits, the topmost always empty (Tromp's layout).

Words of a position: the stones of the side to move, the opponent's, nothing, the side. Bit
7 * column + height.
"""

import numpy as np
from numpy.typing import NDArray

from tengen.agents.minimax.frames import CALM, DRAWN, EXTRA, LOST, OPPONENT, OWN, SIDE
from tengen.envs.checkers.bitboards import NONE, ONE, U, popcount
from tengen.envs.connect4 import COLUMNS, ROWS
from tengen.envs.game import States
from tengen.envs.jit import leaf_kernel

QUIET_LIMIT = 0
_COLUMN = np.array([((1 << ROWS) - 1) << (7 * c) for c in range(COLUMNS)], np.uint64)
_BOTTOM = np.array([1 << (7 * c) for c in range(COLUMNS)], np.uint64)
_FULL = U(_COLUMN.sum())
_STEPS = np.array([1, 7, 6, 8], np.uint64)
_TWO = U(2)
#: How many lines of four go through each height and column; what `by_hand` counts for a stone there.
_THROUGH = ((3, 4, 5, 7, 5, 4, 3), (4, 6, 8, 10, 8, 6, 4), (5, 8, 11, 13, 11, 8, 5))
_LINES = np.array(
    [
        sum(1 << (7 * c + r) for r in range(ROWS) for c in range(COLUMNS) if _THROUGH[min(r, 5 - r)][c] == k)
        for k in range(14)
    ],
    np.uint64,
)
HAND_WEIGHTS = (10.0, 150.0)  # of `by_hand`: a line through a stone, a square that would make four


def load(state: States, words: NDArray[np.uint64]) -> None:
    """Set words [WORDS] to state [1]."""
    side = int(state["to_play"][0])
    board = state["board"][0][::-1]
    stones = [sum(1 << (7 * int(c) + int(r)) for r, c in np.argwhere(board == 1 + p)) for p in (0, 1)]
    words[:] = stones[side], stones[1 - side], 0, side, 0, 0


def turn_actions(state: States, move: int, code: int) -> list[int]:
    """The actions of a move that a search from state [1] found, by its number and its code."""
    return [code & 7]


@leaf_kernel
def has_four(stones: np.uint64) -> bool:
    """Whether four of the stones stand in a line."""
    for step in _STEPS:
        pairs = stones & (stones >> step)
        if (pairs & (pairs >> (_TWO * step))) != NONE:
            return True
    return False


@leaf_kernel
def status(words: NDArray[np.uint64], ply: int) -> int:
    """See `alphabeta.status`; no move is a capture, and one that is forced is not told apart."""
    if has_four(words[ply, OPPONENT]):
        return LOST
    return DRAWN if (words[ply, OWN] | words[ply, OPPONENT]) == _FULL else CALM


@leaf_kernel
def generate(
    words: NDArray[np.uint64], ply: int, codes: NDArray[np.int64], results: NDArray[np.uint64]
) -> int:
    """See `alphabeta.generate`."""
    taken = words[ply, OWN] | words[ply, OPPONENT]
    count = 0
    for column in range(COLUMNS):
        spot = (taken + _BOTTOM[column]) & _COLUMN[column]
        if spot != NONE:
            codes[ply, count] = 8 * popcount(taken & _COLUMN[column]) + column
            results[ply, count, 0] = spot
            count += 1
    return count


@leaf_kernel
def make(
    words: NDArray[np.uint64], ply: int, move: int, codes: NDArray[np.int64], results: NDArray[np.uint64]
) -> None:
    """See `alphabeta.make`."""
    words[ply + 1, OWN] = words[ply, OPPONENT]
    words[ply + 1, OPPONENT] = words[ply, OWN] | results[ply, move, 0]
    words[ply + 1, EXTRA] = NONE
    words[ply + 1, SIDE] = ONE - words[ply, SIDE]


@leaf_kernel
def record_key(words: NDArray[np.uint64], ply: int) -> np.uint64:
    """No position comes back."""
    return NONE


@leaf_kernel
def by_material(
    words: NDArray[np.uint64], ply: int, params: NDArray[np.float32], scratch: NDArray[np.float32]
) -> int:
    """Nothing but a win counts."""
    return 0


@leaf_kernel
def fours_open(stones: np.uint64, empty: np.uint64) -> np.uint64:
    """Empty squares that would complete four."""
    spots = NONE
    for step in _STEPS:
        pair = stones & (stones >> step)
        three = pair & (pair >> step)
        spots |= (three << (step + _TWO * step)) | (three >> step)
        split = pair & (stones >> (step + _TWO * step))
        spots |= split << (_TWO * step)
        split = stones & (pair >> (_TWO * step))
        spots |= split << step
    return spots & empty


@leaf_kernel
def by_hand(
    words: NDArray[np.uint64], ply: int, params: NDArray[np.float32], scratch: NDArray[np.float32]
) -> int:
    """Lines through the stones, and squares that would make four; params as HAND_WEIGHTS."""
    own, opp = words[ply, OWN], words[ply, OPPONENT]
    empty = _FULL & ~(own | opp)
    lines = 0
    for k in range(3, 14):
        lines += k * (popcount(own & _LINES[k]) - popcount(opp & _LINES[k]))
    threats = popcount(fours_open(own, empty)) - popcount(fours_open(opp, empty))
    return np.int64(np.rint(params[0] * lines + params[1] * threats))  # type: ignore[return-value]
