"""Numbers for the positions of few pieces, seen by the side to move, which moves down the page.

A class is the count of own men, own kings, enemy men and enemy kings. Within it, both sides' men are numbered
among the 28 squares that a man can stand on, the kings among the squares left over, each set by its place in
the combinatorial number system. Numbers at which an own and an enemy man would share a square are holes: a
few in a hundred, and cheap in a packed file.
"""

from itertools import product
from math import comb
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tengen.envs.checkers.bitboards import NONE, ONE, U, popcount
from tengen.envs.jit import kernel, leaf_kernel

MOST = 4  # pieces
MEN_SQUARES = 28

CHOOSE = np.array([[comb(n, k) for k in range(MOST + 1)] for n in range(33)], np.int64)


class Material(NamedTuple):
    """What stands on the board, for the side to move."""

    own_men: int
    own_kings: int
    enemy_men: int
    enemy_kings: int

    def __str__(self) -> str:
        own = "K" * self.own_kings + "M" * self.own_men
        enemy = "K" * self.enemy_kings + "M" * self.enemy_men
        return f"{own or '-'} v {enemy or '-'}"

    @property
    def numbers(self) -> int:
        """How many numbers the class takes, holes among them."""
        a, b, c, d = self
        return comb(MEN_SQUARES, a) * comb(MEN_SQUARES, c) * comb(32 - a - c, b) * comb(32 - a - c - b, d)


def materials(pieces: int) -> list[Material]:
    """The classes of exactly so many pieces, in the order of their numbers."""
    return [Material(*counts) for counts in product(range(pieces + 1), repeat=4) if sum(counts) == pieces]


CLASSES = [material for pieces in range(1, MOST + 1) for material in materials(pieces)]
_ENDS = np.cumsum([material.numbers for material in CLASSES])
#: Where the numbers of each class begin; one more for the end of all.
STARTS = np.array([0, *_ENDS], np.int64)
COUNTS = np.array(CLASSES, np.int64)  # [classes, 4]
START_OF = np.full((MOST + 1,) * 4, -1, np.int64)
for _at, _material in enumerate(CLASSES):
    START_OF[_material] = STARTS[_at]


def first_of(pieces: int) -> int:
    """The first number of a position of so many pieces; of pieces + 1, the end of those."""
    sizes = [len(materials(count)) for count in range(1, pieces)]
    return int(STARTS[sum(sizes)])


_B0, _B1, _B2, _B3 = U(0xFF), U(0xFF00), U(0xFF0000), U(0xFF000000)
_ONE, _TWO, _THREE, _FOUR, _EIGHT, _SIXTEEN = U(1), U(2), U(3), U(4), U(8), U(16)
_R1, _R2, _R4, _R8, _R16 = U(0x55555555), U(0x33333333), U(0x0F0F0F0F), U(0x00FF00FF), U(0xFFFF)


@leaf_kernel
def packed(board: np.uint64) -> np.uint64:
    """A bitboard without its holes: square i at bit i."""
    return (board & _B0) | ((board >> _ONE) & _B1) | ((board >> _TWO) & _B2) | ((board >> _THREE) & _B3)


@leaf_kernel
def unpacked(bits: np.uint64) -> np.uint64:
    """The bitboard of 32 bits."""
    return (bits & _B0) | ((bits & _B1) << _ONE) | ((bits & _B2) << _TWO) | ((bits & _B3) << _THREE)


@leaf_kernel
def turned(bits: np.uint64) -> np.uint64:
    """32 bits in reverse: the board turned by 180 degrees."""
    bits = ((bits >> _ONE) & _R1) | ((bits & _R1) << _ONE)
    bits = ((bits >> _TWO) & _R2) | ((bits & _R2) << _TWO)
    bits = ((bits >> _FOUR) & _R4) | ((bits & _R4) << _FOUR)
    bits = ((bits >> _EIGHT) & _R8) | ((bits & _R8) << _EIGHT)
    return (bits >> _SIXTEEN) | ((bits & _R16) << _SIXTEEN)


@leaf_kernel
def rank(squares: np.uint64, gone: np.uint64) -> int:
    """The place of a set of squares among those of its size on the board without `gone`."""
    place, total = 1, 0
    while squares != NONE:
        rest = squares & (squares - ONE)
        bit = squares ^ rest
        total += CHOOSE[popcount((bit - ONE) & ~gone), place]
        place += 1
        squares = rest
    return total


@leaf_kernel
def unrank(number: int, size: int, gone: np.uint64) -> np.uint64:
    """The set of so many squares at a place; see `rank`."""
    squares = NONE
    for place in range(size, 0, -1):
        n = place - 1
        while CHOOSE[n + 1, place] <= number:
            n += 1
        number -= CHOOSE[n, place]
        bit = ONE
        while True:  # to the square that has n free ones before it
            if (bit & gone) == NONE:
                if n == 0:
                    break
                n -= 1
            bit = bit << _ONE
        squares |= bit
    return squares


@leaf_kernel
def number_of(own: np.uint64, opp: np.uint64, kings: np.uint64, side: int) -> int:
    """The number of a position of at most four pieces in which no multi-jump is under way; bitboards."""
    own, opp, kings = packed(own), packed(opp), packed(kings)
    if side == 1:
        own, opp, kings = turned(own), turned(opp), turned(kings)
    own_men, enemy_men = own & ~kings, opp & ~kings
    own_kings, enemy_kings = own & kings, opp & kings
    a, b, c, d = popcount(own_men), popcount(own_kings), popcount(enemy_men), popcount(enemy_kings)
    men = own_men | enemy_men
    place = rank(own_men, NONE) * CHOOSE[MEN_SQUARES, c] + rank(enemy_men >> _FOUR, NONE)
    place = place * CHOOSE[32 - a - c, b] + rank(own_kings, men)
    place = place * CHOOSE[32 - a - c - b, d] + rank(enemy_kings, men | own_kings)
    return START_OF[a, b, c, d] + place


@leaf_kernel
def class_of(number: int) -> int:
    """Which of CLASSES a number belongs to."""
    low, high = 0, len(STARTS) - 1
    while high - low > 1:
        middle = (low + high) // 2
        if STARTS[middle] <= number:
            low = middle
        else:
            high = middle
    return low


@leaf_kernel
def position_at(number: int) -> tuple[np.uint64, np.uint64, np.uint64, bool]:
    """Bitboards (own, enemy, kings) of a number, the side to move moving down; False for a hole."""
    at = class_of(number)
    a, b, c, d = COUNTS[at, 0], COUNTS[at, 1], COUNTS[at, 2], COUNTS[at, 3]
    place = number - STARTS[at]
    ways = CHOOSE[32 - a - c - b, d]
    place, of_enemy_kings = place // ways, place % ways
    ways = CHOOSE[32 - a - c, b]
    place, of_own_kings = place // ways, place % ways
    ways = CHOOSE[MEN_SQUARES, c]
    own_men = unrank(place // ways, a, NONE)
    enemy_men = unrank(place % ways, c, NONE) << _FOUR
    if (own_men & enemy_men) != NONE:
        return NONE, NONE, NONE, False
    men = own_men | enemy_men
    own_kings = unrank(of_own_kings, b, men)
    enemy_kings = unrank(of_enemy_kings, d, men | own_kings)
    own, opp = unpacked(own_men | own_kings), unpacked(enemy_men | enemy_kings)
    return own, opp, unpacked(own_kings | enemy_kings), True


@kernel
def boards_at(numbers: NDArray[np.int64], to_play: NDArray[np.int8], out: NDArray[np.uint64]) -> None:
    """Write (own, enemy, kings) of numbers [B], side to_play [B] to move, to out [B, 3]; holes are 0."""
    for i in range(len(numbers)):
        own, opp, kings, _ = position_at(numbers[i])
        if to_play[i] == 1:
            own, opp, kings = turned(packed(own)), turned(packed(opp)), turned(packed(kings))
            own, opp, kings = unpacked(own), unpacked(opp), unpacked(kings)
        out[i, 0] = own
        out[i, 1] = opp
        out[i, 2] = kings
