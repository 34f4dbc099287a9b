"""English draughts on bitboards: the layout, its tables, and what one piece can do.

Squares are numbered 1 to 32 row by row, 1-4 on top. Square s stands at bit (s - 1) + (s - 1) // 8 of a
uint64: a hole after every second row makes each diagonal step the same shift on every row, and a step over
the edge lands in a hole.

             .  0  .  1  .  2  .  3        squares  1  2  3  4
             4  .  5  .  6  .  7  .  (8)            5  6  7  8
             .  9  . 10  . 11  . 12                 9 10 11 12

Directions on the page: 0 down-left (bit + 4), 1 down-right (+ 5), 2 up-left (- 5), 3 up-right (- 4). Turning
the board by 180 degrees takes direction d to 3 - d and square index i to 31 - i.

Side 0 is Black, who starts on top and moves down; side 1 is White.
"""

import numpy as np

from tengen.envs.jit import kernel

U = np.uint64
NONE = U(0)
ONE = U(1)

BIT = np.array([1 << (i + i // 8) for i in range(32)], np.uint64)  # square index 0..31 -> its bit
ALL = U(sum(1 << (i + i // 8) for i in range(32)))
KING_ROWS = np.array([BIT[28:].sum(), BIT[:4].sum()], np.uint64)  # by side: where its men are crowned

# 2 is a primitive root of 37, so the 35 bits have distinct remainders.
SQUARE_OF_REMAINDER = np.zeros(37, np.int64)
for _i in range(32):
    SQUARE_OF_REMAINDER[int(BIT[_i]) % 37] = _i

START_BLACK = U(BIT[:12].sum())
START_WHITE = U(BIT[20:].sum())

_REMAINDERS = U(37)
_S1, _S2, _S4, _S56 = U(1), U(2), U(4), U(56)
_M1, _M2, _M4 = U(0x5555555555555555), U(0x3333333333333333), U(0x0F0F0F0F0F0F0F0F)
_BYTES = U(0x0101010101010101)
_L, _R, _LL, _RR = U(4), U(5), U(8), U(10)


@kernel
def square_of(bit: np.uint64) -> int:
    """Index 0..31 of a bitboard with one square."""
    return SQUARE_OF_REMAINDER[bit % _REMAINDERS]


@kernel
def popcount(x: np.uint64) -> int:
    """The number of bits set; LLVM knows the pattern and makes it one instruction."""
    x = x - ((x >> _S1) & _M1)
    x = (x & _M2) + ((x >> _S2) & _M2)
    x = (x + (x >> _S4)) & _M4
    return np.int64((x * _BYTES) >> _S56)  # type: ignore[return-value]


@kernel
def shift(board: np.uint64, direction: int) -> np.uint64:
    """Every square of the board one step on."""
    if direction == 0:
        return board << _L
    if direction == 1:
        return board << _R
    if direction == 2:
        return board >> _R
    return board >> _L


@kernel
def jumps(
    own: np.uint64, opp: np.uint64, kings: np.uint64, side: int
) -> tuple[np.uint64, np.uint64, np.uint64, np.uint64]:
    """By direction, the pieces of `own` that can capture that way."""
    empty = ALL & ~(own | opp)
    down = own if side == 0 else own & kings
    up = own if side == 1 else own & kings
    return (
        down & (opp >> _L) & (empty >> _LL),
        down & (opp >> _R) & (empty >> _RR),
        up & (opp << _R) & (empty << _RR),
        up & (opp << _L) & (empty << _LL),
    )


@kernel
def slides(
    own: np.uint64, opp: np.uint64, kings: np.uint64, side: int
) -> tuple[np.uint64, np.uint64, np.uint64, np.uint64]:
    """By direction, the pieces of `own` that can step to an empty square that way."""
    empty = ALL & ~(own | opp)
    down = own if side == 0 else own & kings
    up = own if side == 1 else own & kings
    return down & (empty >> _L), down & (empty >> _R), up & (empty << _R), up & (empty << _L)


@kernel
def movers(
    own: np.uint64, opp: np.uint64, kings: np.uint64, side: int, jumper: np.uint64
) -> tuple[np.uint64, np.uint64, np.uint64, np.uint64]:
    """By direction, the pieces that may move: those that capture if any can; only `jumper` if not 0."""
    a, b, c, d = jumps(own, opp, kings, side)
    if jumper != NONE:
        return a & jumper, b & jumper, c & jumper, d & jumper
    if (a | b | c | d) != NONE:
        return a, b, c, d
    return slides(own, opp, kings, side)


@kernel
def jumps_on(own: np.uint64, opp: np.uint64, kings: np.uint64, side: int, piece: np.uint64) -> bool:
    """Whether the piece can capture."""
    a, b, c, d = jumps(own, opp, kings, side)
    return ((a | b | c | d) & piece) != NONE


@kernel
def advance(
    own: np.uint64, opp: np.uint64, kings: np.uint64, side: int, start: np.uint64, direction: int
) -> tuple[np.uint64, np.uint64, np.uint64, np.uint64, np.uint64, bool]:
    """Move the piece on `start` one step, or over the enemy next to it.

    Returns own, opp, kings, the square it lands on, the piece taken (0 if none), and whether it was crowned.
    Taking the piece off at once is the same as after the turn: a jumper stays on every second row and column,
    and the pieces it jumps stand between them, so none can stand in its way or be jumped twice.
    """
    end = shift(start, direction)
    taken = end & opp
    if taken != NONE:
        end = shift(end, direction)
    moved = start | end
    crowned = False
    if (kings & start) != NONE:
        kings = kings ^ moved
    elif (end & KING_ROWS[side]) != NONE:
        kings = kings | end
        crowned = True
    return own ^ moved, opp ^ taken, kings & ~taken, end, taken, crowned
