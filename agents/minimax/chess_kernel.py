"""Alpha-beta over chess in kernels: principal variation search, a table, killers, history, and quiescence.

The value of a position is what minimax without pruning finds to the same depth: at depth 0 the side to move
takes the evaluation or makes a capture (or a pawn a queen), in check it tries every move; nothing is cut that
bounds do not allow. So the table answers only from the same depth unless DEEPER is set, and not where the
50-move rule comes near. A search ends early by a flag that another thread raises (STOP), and its result is
then worthless.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tengen.envs.checkers.bitboards import NONE
from tengen.envs.chess.bitboards import BIT, OPP, OWN, PAWNS, Position
from tengen.envs.chess.captures import list_captures
from tengen.envs.chess.evaluation import PAWN, evaluate, kind_at
from tengen.envs.chess.masks import is_check
from tengen.envs.chess.moves import MOST_MOVES, QUEEN, advance, count_moves, list_moves
from tengen.envs.chess.rules import is_dead, position_hash, strict
from tengen.envs.jit import leaf_kernel

PLIES = 128
PAST = 160  # earlier positions of a game that may come back
MATE = 1_000_000  # mate in n plies is MATE - n
FAR = MATE - 1000  # scores beyond are mates
INFINITE = 2 * MATE

#: Entries of `counters`.
NODES, STOP, MOST_NODES, REPETITIONS, DEEPER, LIMIT, DEEPEST = range(7)

EXACT, LOWER, UPPER = 1, 2, 3
_32, _16, _LOW = np.uint64(32), np.uint64(16), np.uint64(0xFFFFFFFF)
_TRIED, _CAPTURE, _KILLER, _HISTORY = 1 << 30, 1 << 28, 1 << 26, 1 << 25


class Room(NamedTuple):
    """Memory of one search: P plies, M moves a position, T entries of the table."""

    moves: NDArray[np.int32]  # [P, M]
    order: NDArray[np.int32]  # [P, M]
    keys: NDArray[np.uint64]  # [PAST + P] hashes, the root's at PAST, those of the game before it
    killers: NDArray[np.int32]  # [P, 2]
    history: NDArray[np.int32]  # [2, 4096] by side, from and to
    line: NDArray[np.int32]  # [P, P] the best line from each ply on
    length: NDArray[np.int32]  # [P]
    table: NDArray[np.uint64]  # [T, 2] key; score, depth, bound and move
    counters: NDArray[np.int64]  # [7]
    values: NDArray[np.int32]  # [2, 6, 64] the evaluation's tables


def new_room(table_bits: int, values: NDArray[np.int32]) -> Room:
    """Memory with a table of 2**table_bits entries."""
    return Room(
        moves=np.zeros((PLIES, MOST_MOVES), np.int32),
        order=np.zeros((PLIES, MOST_MOVES), np.int32),
        keys=np.zeros(PAST + PLIES, np.uint64),
        killers=np.zeros((PLIES, 2), np.int32),
        history=np.zeros((2, 4096), np.int32),
        line=np.zeros((PLIES, PLIES), np.int32),
        length=np.zeros(PLIES, np.int32),
        table=np.zeros((1 << table_bits, 2), np.uint64),
        counters=np.zeros(7, np.int64),
        values=values,
    )


@leaf_kernel
def whole(number: Any) -> int:
    """A number of any kind as a signed one, which sums and indices want."""
    return np.int64(number)  # type: ignore[return-value]


@leaf_kernel
def is_repeated(s: Room, ply: int, quiet: int) -> bool:
    """Whether the position at a ply stood before, in the line or in the game, at most `quiet` plies ago."""
    here = PAST + ply
    found = False
    for back in range(4, min(quiet, here) + 1, 2):
        found |= s.keys[here - back] == s.keys[here]
    return found


@leaf_kernel
def is_progress(position: Position, move: int) -> bool:
    """Whether a move takes something or moves a pawn."""
    start, end = BIT[move & 63], BIT[(move >> 6) & 63]
    return (position[PAWNS] & start) != NONE or (position[OPP] & end) != NONE


@leaf_kernel
def rank_moves(position: Position, s: Room, ply: int, side: int, count: int, first: int) -> None:
    """Give each move its place: the table's, captures by victim and then by captor, killers, history."""
    own, opp, pawns = position[OWN], position[OPP], position[PAWNS]
    for i in range(count):
        move = s.moves[ply, i]
        start, end = BIT[move & 63], BIT[(move >> 6) & 63]
        if move == first:
            place = _TRIED
        elif (opp & end) != NONE:
            place = _CAPTURE + 16 * kind_at(position, end) - kind_at(position, start)
        elif (move >> 12) != 0:
            place = _CAPTURE + 8 if (move >> 12) == QUEEN else -1
        elif (pawns & start) != NONE and end == position[7]:
            place = _CAPTURE + 16 * PAWN
        elif (own & end) != NONE:  # castling
            place = _HISTORY
        elif move == s.killers[ply, 0]:
            place = _KILLER + 1
        elif move == s.killers[ply, 1]:
            place = _KILLER
        else:
            place = s.history[side, move & 4095]
        s.order[ply, i] = place


@leaf_kernel
def pick_move(s: Room, ply: int, tried: int, count: int) -> int:
    """The best of the moves not yet tried, put at its place."""
    order, moves = s.order, s.moves
    at = tried
    for i in range(tried + 1, count):
        if order[ply, i] > order[ply, at]:
            at = i
    place, move = order[ply, at], moves[ply, at]
    order[ply, at], moves[ply, at] = order[ply, tried], moves[ply, tried]
    order[ply, tried], moves[ply, tried] = place, move
    return whole(move)


@leaf_kernel
def extend_line(s: Room, ply: int, move: int) -> None:
    """The best line at a ply is this move and the best line behind it."""
    s.line[ply, 0] = move
    length = min(s.length[ply + 1], PLIES - 1)
    for i in range(length):
        s.line[ply, i + 1] = s.line[ply + 1, i]
    s.length[ply] = length + 1


@leaf_kernel
def search(
    position: Position, side: int, ply: int, quiet: int, depth: int, alpha: int, beta: int, s: Room
) -> int:
    """The value of a position below the root for the side to move; any number once STOP is set.

    Below depth 0 the search is quiescent. Numba's cache cannot bring back a recursive kernel that another one
    calls, nor one that calls itself with other types (numbers that are written out are types of their own).
    """
    counters = s.counters
    counters[NODES] += 1
    if counters[NODES] >= counters[MOST_NODES]:
        counters[STOP] = 1
    s.length[ply] = 0
    if counters[STOP] != 0 or is_dead(position):
        return 0
    if depth >= 0:
        s.keys[PAST + ply] = position_hash(position, side)
        if counters[REPETITIONS] != 0 and is_repeated(s, ply, quiet):
            return 0
        if quiet >= counters[LIMIT]:
            return ply - MATE if is_check(position) and count_moves(position) == 0 else 0
    if depth <= 0:
        counters[DEEPEST] = max(counters[DEEPEST], ply)
        best = ply - MATE
        if ply >= PLIES - 2:
            return evaluate(position, s.values)
        if is_check(position):
            count = list_moves(position, s.moves, ply)
        else:
            best = evaluate(position, s.values)
            if best >= beta:
                return best
            alpha = max(alpha, best)
            count = list_captures(position, s.moves, ply)
        rank_moves(position, s, ply, side, count, -1)
        for tried in range(count):
            move = pick_move(s, ply, tried, count)
            after = strict(advance(position, move))
            value = -search(after, 1 - side, ply + 1, quiet, depth - 1, -beta, -alpha, s)
            if value > best:
                best = value
                if value > alpha:
                    alpha = value
                    extend_line(s, ply, move)
                    if alpha >= beta:
                        break
        return best
    if ply >= PLIES - 2:
        return 0
    key = s.keys[PAST + ply]
    slot = whole(key & np.uint64(len(s.table) - 1))
    first = -1
    is_kept = quiet + depth < counters[LIMIT]
    if is_kept and s.table[slot, 0] == key:
        data = s.table[slot, 1]
        packed = whole(data & _LOW)
        first = packed & 0x7FFF
        known, bound = packed >> 18, (packed >> 15) & 3
        if known == depth or (known > depth and counters[DEEPER] != 0):
            value = whole(data >> _32) - INFINITE
            if value > FAR:
                value -= ply
            elif value < -FAR:
                value += ply
            if bound == EXACT or (bound == LOWER and value >= beta) or (bound == UPPER and value <= alpha):
                return value
    count = list_moves(position, s.moves, ply)
    if count == 0:
        return ply - MATE if is_check(position) else 0
    rank_moves(position, s, ply, side, count, first)
    best, best_move, floor = -INFINITE, -1, alpha
    for tried in range(count):
        move = pick_move(s, ply, tried, count)
        after = strict(advance(position, move))
        calm = 0 if is_progress(position, move) else quiet + 1
        if tried > 0 and beta - alpha > 1:
            value = -search(after, 1 - side, ply + 1, calm, depth - 1, -alpha - 1, -alpha, s)
            if alpha < value < beta:
                value = -search(after, 1 - side, ply + 1, calm, depth - 1, -beta, -alpha, s)
        else:
            value = -search(after, 1 - side, ply + 1, calm, depth - 1, -beta, -alpha, s)
        if counters[STOP] != 0:
            return 0
        if value > best:
            best, best_move = value, move
            if value > alpha:
                alpha = value
                extend_line(s, ply, move)
                if alpha >= beta:
                    if not is_progress(position, move):
                        note_refutation(s, side, ply, depth, move)
                    break
    if is_kept:
        bound = LOWER if best >= beta else UPPER if best <= floor else EXACT
        shown = best + ply if best > FAR else best - ply if best < -FAR else best
        s.table[slot, 0] = key
        s.table[slot, 1] = (np.uint64(shown + INFINITE) << _32) | np.uint64(
            (depth << 18) | (bound << 15) | best_move
        )
    return best


@leaf_kernel
def note_refutation(s: Room, side: int, ply: int, depth: int, move: int) -> None:
    """Remember a quiet move that was too good for the other side."""
    grown = s.history[side, move & 4095] + depth * depth
    s.history[side, move & 4095] = grown
    if grown >= _HISTORY:
        for one in range(2):
            for i in range(4096):
                s.history[one, i] = s.history[one, i] // 2
    if s.killers[ply, 0] != move:
        s.killers[ply, 1] = s.killers[ply, 0]
        s.killers[ply, 0] = move


@leaf_kernel
def begin(position: Position, side: int, s: Room) -> None:
    """Enter the root where `search` looks for repetitions."""
    s.counters[NODES] += 1
    s.keys[PAST] = position_hash(position, side)


@leaf_kernel
def make(position: Position, move: int) -> Position:
    """The position after a move of the root."""
    return strict(advance(position, move))
