"""Chess on bitboards: the layout, and what pieces attack, many of them at once.

Square s, 0 for a1, 1 for b1 up to 63 for h8, is bit s of a uint64. A position is eight words, seen by the
side to move, whose pawns go up the board:

    own, opp              the pieces of the side to move, and of the other
    pawns, knights        of both sides
    diagonal, straight    bishops and queens, rooks and queens, of both sides; kings are whatever is left
    castling              the rooks of both sides that may still castle, wherever they stand (Chess960)
    en_passant            the square that a pawn may capture on in passing

Black looks at the board upside down (rank 8 is his first), so that the rules are written for one side only; a
move ends by turning the board over for the other.

Directions go round clockwise from 0, up: 0 up (+8), 1 up-right (+9), 2 right (+1), 3 (-7), 4 (-8), 5 (-9),
6 (-1), 7 (+7). Sliders are moved by parallel prefix ("Kogge-Stone") fills, all of one direction in a few
operations and without tables; a square is reached from one direction by one slider only, so counting the
squares of each direction counts the moves.
"""

from collections.abc import Iterable

import numpy as np

from tengen.envs.checkers.bitboards import NONE, ONE, U, popcount
from tengen.envs.jit import kernel

Position = tuple[np.uint64, np.uint64, np.uint64, np.uint64, np.uint64, np.uint64, np.uint64, np.uint64]
WORDS = 8
OWN, OPP, PAWNS, KNIGHTS, DIAGONAL, STRAIGHT, CASTLING, EN_PASSANT = range(WORDS)

DELTAS = (8, 9, 1, -7, -8, -9, -1, 7)  # by direction
BIT = np.array([1 << square for square in range(64)], np.uint64)

ALL = U(0xFFFFFFFFFFFFFFFF)
RANK_1, RANK_3, RANK_8 = U(0xFF), U(0xFF0000), U(0xFF00000000000000)
LIGHT = U(0x55AA55AA55AA55AA)
NOT_A, NOT_H = U(0xFEFEFEFEFEFEFEFE), U(0x7F7F7F7F7F7F7F7F)
_NOT_AB, _NOT_GH = U(0xFCFCFCFCFCFCFCFC), U(0x3F3F3F3F3F3F3F3F)
_1, _6, _7, _8, _9, _10, _15, _17 = U(1), U(6), U(7), U(8), U(9), U(10), U(15), U(17)
_16, _32 = U(16), U(32)
_BYTE_PAIRS, _WORD_PAIRS = U(0x00FF00FF00FF00FF), U(0x0000FFFF0000FFFF)

C1, D1, F1, G1 = U(1 << 2), U(1 << 3), U(1 << 5), U(1 << 6)


def pack(words: Iterable[int]) -> Position:
    """The eight words of a record as kernels take them."""
    own, opp, pawns, knights, diagonal, straight, castling, en_passant = map(U, words)
    return own, opp, pawns, knights, diagonal, straight, castling, en_passant


@kernel
def square_of(bit: np.uint64) -> int:
    """The square of a bitboard with one bit; LLVM makes it one instruction."""
    return popcount(bit - ONE)


@kernel
def flip(board: np.uint64) -> np.uint64:
    """The board upside down: rank 1 becomes rank 8. LLVM makes it one instruction."""
    board = ((board >> _8) & _BYTE_PAIRS) | ((board & _BYTE_PAIRS) << _8)
    board = ((board >> _16) & _WORD_PAIRS) | ((board & _WORD_PAIRS) << _16)
    return (board >> _32) | (board << _32)


@kernel
def shift(board: np.uint64, direction: int) -> np.uint64:
    """Every square one step on in a direction; those over the edge are gone."""
    if direction == 0:
        return board << _8
    if direction == 1:
        return (board << _9) & NOT_A
    if direction == 2:
        return (board << _1) & NOT_A
    if direction == 3:
        return (board >> _7) & NOT_A
    if direction == 4:
        return board >> _8
    if direction == 5:
        return (board >> _9) & NOT_H
    if direction == 6:
        return (board >> _1) & NOT_H
    return (board << _7) & NOT_H


@kernel
def _ray_up(sliders: np.uint64, empty: np.uint64, step: np.uint64, inside: np.uint64) -> np.uint64:
    empty = empty & inside
    sliders = sliders | (empty & (sliders << step))
    empty = empty & (empty << step)
    sliders = sliders | (empty & (sliders << (step + step)))
    empty = empty & (empty << (step + step))
    sliders = sliders | (empty & (sliders << (step + step + step + step)))
    return (sliders << step) & inside


@kernel
def _ray_down(sliders: np.uint64, empty: np.uint64, step: np.uint64, inside: np.uint64) -> np.uint64:
    empty = empty & inside
    sliders = sliders | (empty & (sliders >> step))
    empty = empty & (empty >> step)
    sliders = sliders | (empty & (sliders >> (step + step)))
    empty = empty & (empty >> (step + step))
    sliders = sliders | (empty & (sliders >> (step + step + step + step)))
    return (sliders >> step) & inside


@kernel
def ray(sliders: np.uint64, empty: np.uint64, direction: int) -> np.uint64:
    """The squares that sliders attack in a direction: over empty squares, and the first that is not."""
    if direction == 0:
        return _ray_up(sliders, empty, _8, ALL)
    if direction == 1:
        return _ray_up(sliders, empty, _9, NOT_A)
    if direction == 2:
        return _ray_up(sliders, empty, _1, NOT_A)
    if direction == 3:
        return _ray_down(sliders, empty, _7, NOT_A)
    if direction == 4:
        return _ray_down(sliders, empty, _8, ALL)
    if direction == 5:
        return _ray_down(sliders, empty, _9, NOT_H)
    if direction == 6:
        return _ray_down(sliders, empty, _1, NOT_H)
    return _ray_up(sliders, empty, _7, NOT_H)


@kernel
def straight_attacks(sliders: np.uint64, empty: np.uint64) -> np.uint64:
    """What these attack as rooks do."""
    return ray(sliders, empty, 0) | ray(sliders, empty, 2) | ray(sliders, empty, 4) | ray(sliders, empty, 6)


@kernel
def diagonal_attacks(sliders: np.uint64, empty: np.uint64) -> np.uint64:
    """What these attack as bishops do."""
    return ray(sliders, empty, 1) | ray(sliders, empty, 3) | ray(sliders, empty, 5) | ray(sliders, empty, 7)


@kernel
def knight_attacks(knights: np.uint64) -> np.uint64:
    """What knights attack."""
    return (
        (((knights << _17) | (knights >> _15)) & NOT_A)
        | (((knights << _15) | (knights >> _17)) & NOT_H)
        | (((knights << _10) | (knights >> _6)) & _NOT_AB)
        | (((knights << _6) | (knights >> _10)) & _NOT_GH)
    )


@kernel
def king_attacks(kings: np.uint64) -> np.uint64:
    """What kings attack."""
    beside = ((kings << _1) & NOT_A) | ((kings >> _1) & NOT_H)
    row = kings | beside
    return beside | (row << _8) | (row >> _8)


@kernel
def pawns_attack_up(pawns: np.uint64) -> np.uint64:
    """What pawns of the side to move attack; also where the other side's pawns attack these squares from."""
    return ((pawns << _7) & NOT_H) | ((pawns << _9) & NOT_A)


@kernel
def pawns_attack_down(pawns: np.uint64) -> np.uint64:
    """What pawns of the other side attack."""
    return ((pawns >> _9) & NOT_H) | ((pawns >> _7) & NOT_A)


@kernel
def kings_of(position: Position) -> np.uint64:
    """Both kings."""
    own, opp, pawns, knights, diagonal, straight, _, _ = position
    return (own | opp) & ~(pawns | knights | diagonal | straight)


@kernel
def attacks_of_own(position: Position) -> np.uint64:
    """Every square that the side to move attacks, its own pieces' squares included."""
    own, opp, pawns, knights, diagonal, straight, _, _ = position
    empty = ~(own | opp)
    return (
        pawns_attack_up(own & pawns)
        | knight_attacks(own & knights)
        | king_attacks(own & kings_of(position))
        | diagonal_attacks(own & diagonal, empty)
        | straight_attacks(own & straight, empty)
    )


@kernel
def attacks_of_opponent(position: Position, transparent: np.uint64) -> np.uint64:
    """Every square that the other side attacks; sliders look through what is `transparent`."""
    own, opp, pawns, knights, diagonal, straight, _, _ = position
    empty = ~(own | opp) | transparent
    return (
        pawns_attack_down(opp & pawns)
        | knight_attacks(opp & knights)
        | king_attacks(opp & kings_of(position))
        | diagonal_attacks(opp & diagonal, empty)
        | straight_attacks(opp & straight, empty)
    )


@kernel
def is_attacked(position: Position, square: np.uint64) -> bool:
    """Whether the other side attacks a square with anything but its king."""
    own, opp, pawns, knights, diagonal, straight, _, _ = position
    empty = ~(own | opp)
    attackers = pawns_attack_up(square) & pawns
    attackers |= knight_attacks(square) & knights
    attackers |= diagonal_attacks(square, empty) & diagonal
    attackers |= straight_attacks(square, empty) & straight
    return (attackers & opp) != NONE
