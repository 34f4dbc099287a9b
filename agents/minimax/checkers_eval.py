"""What a position of English draughts is worth: by pieces, and by a hand-written count. A man is 1,000."""

import numpy as np
from numpy.typing import NDArray

from tengen.agents.minimax.frames import EXTRA, OPPONENT, OWN, SIDE, whole
from tengen.envs.checkers.bitboards import BIT, U, popcount, slides
from tengen.envs.jit import leaf_kernel

MATERIAL_WEIGHTS = (1.3,)  # what a king is worth in men

#: Of `by_hand`: a man, a king, a man at home on the back row, a piece in the centre, a row of advance, a move
#: and how much an even exchange is worth to the side that is ahead.
HAND_WEIGHTS = (1000.0, 1350.0, 90.0, 45.0, 22.0, 9.0, 250.0)

_BACK = np.array([BIT[:4].sum(), BIT[28:].sum()], np.uint64)  # by side
_CENTRE = U(BIT[[13, 14, 9, 10, 17, 18, 21, 22]].sum())
_ROWS = np.array([BIT[4 * r : 4 * r + 4].sum() for r in range(8)], np.uint64)


@leaf_kernel
def by_material(
    words: NDArray[np.uint64], ply: int, params: NDArray[np.float32], scratch: NDArray[np.float32]
) -> int:
    """A man counts 1,000, a king params[0] times as much."""
    own, opp, kings = words[ply, OWN], words[ply, OPPONENT], words[ply, EXTRA]
    men = popcount(own & ~kings) - popcount(opp & ~kings)
    ours = popcount(own & kings) - popcount(opp & kings)
    return np.int64(1000 * men + ours * np.int64(np.rint(1000 * params[0])))  # type: ignore[return-value]


@leaf_kernel
def one_side(
    own: np.uint64, opp: np.uint64, kings: np.uint64, side: int, params: NDArray[np.float32]
) -> tuple[float, float]:
    """(Material, position) of the side that owns `own`."""
    men = own & ~kings
    material = params[0] * popcount(men) + params[1] * popcount(own & kings)
    a, b, c, d = slides(own, opp, kings, side)
    moves = popcount(a) + popcount(b) + popcount(c) + popcount(d)
    rows = 0
    for row in range(1, 8):
        rows += row * popcount(men & (_ROWS[row] if side == 0 else _ROWS[7 - row]))
    position = (
        params[2] * popcount(men & _BACK[side])
        + params[3] * popcount(own & _CENTRE)
        + params[4] * rows
        + params[5] * moves
    )
    return material, position


@leaf_kernel
def by_hand(
    words: NDArray[np.uint64], ply: int, params: NDArray[np.float32], scratch: NDArray[np.float32]
) -> int:
    """Pieces, back row, centre, advance, mobility, exchanges for the side ahead; params as HAND_WEIGHTS."""
    own, opp, kings = words[ply, OWN], words[ply, OPPONENT], words[ply, EXTRA]
    side = whole(words[ply, SIDE])
    ours, place = one_side(own, opp, kings, side, params)
    theirs, other = one_side(opp, own, kings, 1 - side, params)
    ahead = params[6] * (ours - theirs) / (ours + theirs + np.float32(1.0)) * np.float32(8.0)
    return np.int64(np.rint(ours - theirs + place - other + ahead))  # type: ignore[return-value]
