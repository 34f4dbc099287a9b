"""What binds the side to move: checks, pins, attacked squares, and when castling and en passant are legal."""

import numpy as np

from tengen.envs.checkers.bitboards import NONE, ONE
from tengen.envs.chess.bitboards import (
    C1,
    D1,
    F1,
    G1,
    Position,
    attacks_of_opponent,
    is_attacked,
    kings_of,
    knight_attacks,
    pawns_attack_down,
    pawns_attack_up,
    ray,
)
from tengen.envs.jit import kernel

_1, _8 = np.uint64(1), np.uint64(8)

#: targets, four pins (by line: up, up-right, right, down-right), danger
Masks = tuple[np.uint64, np.uint64, np.uint64, np.uint64, np.uint64, np.uint64]


@kernel
def _look(
    king: np.uint64, own: np.uint64, opp: np.uint64, sliders: np.uint64, direction: int
) -> tuple[np.uint64, np.uint64]:
    """(Squares from the king up to a slider that gives check, own piece that such a slider pins)."""
    line = ray(king, ~opp, direction)
    if (line & sliders) == NONE:
        return NONE, NONE
    between = line & own
    if between == NONE:
        return line, NONE
    return NONE, between if (between & (between - ONE)) == NONE else NONE


@kernel
def masks(position: Position) -> Masks:
    """What binds the side to move: where other pieces than the king may go, which of them are pinned along
    which line, and the squares that the king must keep off (he himself does not stand in a slider's way).
    """
    own, opp, pawns, knights, diagonal, straight, _, _ = position
    king = own & kings_of(position)
    check0, pin0 = _look(king, own, opp, opp & straight, 0)
    check1, pin1 = _look(king, own, opp, opp & diagonal, 1)
    check2, pin2 = _look(king, own, opp, opp & straight, 2)
    check3, pin3 = _look(king, own, opp, opp & diagonal, 3)
    check4, pin4 = _look(king, own, opp, opp & straight, 4)
    check5, pin5 = _look(king, own, opp, opp & diagonal, 5)
    check6, pin6 = _look(king, own, opp, opp & straight, 6)
    check7, pin7 = _look(king, own, opp, opp & diagonal, 7)
    check = check0 | check1 | check2 | check3 | check4 | check5 | check6 | check7
    check |= opp & ((knight_attacks(king) & knights) | (pawns_attack_up(king) & pawns))
    checkers = check & opp
    targets = ~own
    if checkers != NONE:
        targets = check if (checkers & (checkers - ONE)) == NONE else NONE
    return targets, pin0 | pin4, pin1 | pin5, pin2 | pin6, pin3 | pin7, attacks_of_opponent(position, king)


@kernel
def _span(a: np.uint64, b: np.uint64) -> np.uint64:
    """The squares of the first rank from a to b, both included."""
    low, high = min(a, b), max(a, b)
    return ((high << _1) - ONE) & ~(low - ONE)


@kernel
def may_castle(position: Position, rook: np.uint64, pinned: np.uint64, danger: np.uint64) -> bool:
    """Whether the king may castle with one of the rooks that still have the right."""
    own, opp = position[0], position[1]
    king = own & kings_of(position)
    king_to, rook_to = (G1, F1) if rook > king else (C1, D1)
    path = _span(king, king_to)
    in_the_way = (path | _span(rook, rook_to)) & (own | opp) & ~(king | rook)
    return in_the_way == NONE and (path & danger) == NONE and (rook & pinned) == NONE


@kernel
def castling_rooks(position: Position, pinned: np.uint64, danger: np.uint64) -> np.uint64:
    """The rooks that the king may castle with now; `pinned` along the rank."""
    rooks = position[0] & position[6]
    allowed = NONE
    while rooks != NONE:
        rest = rooks & (rooks - ONE)
        if may_castle(position, rooks ^ rest, pinned, danger):
            allowed |= rooks ^ rest
        rooks = rest
    return allowed


@kernel
def en_passant_captors(position: Position) -> np.uint64:
    """The pawns that may capture in passing. Tried out in full: two pawns leave the king's lines at once."""
    own, opp, pawns, knights, diagonal, straight, castling, en_passant = position
    allowed = NONE
    if en_passant != NONE:
        king = own & kings_of(position)
        taken = en_passant >> _8
        captors = pawns_attack_down(en_passant) & own & pawns
        while captors != NONE:
            rest = captors & (captors - ONE)
            captor = captors ^ rest
            after = (
                (own ^ captor) | en_passant,
                opp ^ taken,
                (pawns ^ captor ^ taken) | en_passant,
                knights,
                diagonal,
                straight,
                castling,
                NONE,
            )
            if not is_attacked(after, king):
                allowed |= captor
            captors = rest
    return allowed


@kernel
def is_check(position: Position) -> bool:
    """Whether the side to move is in check."""
    return is_attacked(position, position[0] & kings_of(position))
