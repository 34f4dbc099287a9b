"""English draughts for alpha-beta: a move is a whole turn, on bitboards.

Words of a position: the pieces of the side to move, the opponent's, the kings of both, the side, the turns
since the last capture or man's move, and at the root the piece that must go on jumping. Moves come in the
order of `tengen.envs.checkers.turns.list_turns`.
"""

import numpy as np
from numpy.typing import NDArray

from tengen.agents.minimax.frames import (
    CALM,
    DRAWN,
    EXTRA,
    JUMPER,
    LOST,
    LOUD,
    MOVES,
    OPPONENT,
    OWN,
    QUIET,
    SIDE,
    SINGLE,
    whole,
)
from tengen.envs.checkers.bitboards import (
    KING_ROWS,
    NONE,
    ONE,
    U,
    advance,
    jumps,
    jumps_on,
    shift,
    slides,
    square_of,
)
from tengen.envs.checkers.notation import legal_turns
from tengen.envs.checkers.rules import ACTIONS, DRAW_PLIES, PIECE_KEYS, SIDE_KEYS
from tengen.envs.game import States
from tengen.envs.jit import leaf_kernel

QUIET_LIMIT = DRAW_PLIES


def load(state: States, words: NDArray[np.uint64]) -> None:
    """Set words [WORDS] to state [1]."""
    side = int(state["to_play"][0])
    board = state["board"][0]
    words[:] = board[side], board[1 - side], board[2], side, int(state["quiet"][0]), board[3]


def turn_actions(state: States, move: int, code: int) -> list[int]:
    """The actions of a move that a search from state [1] found, by its number and its code."""
    if code & 128:  # a capture may take several
        return legal_turns(state)[move].actions
    step = code & 127
    return [ACTIONS - 1 - step if code & 256 else step]


@leaf_kernel
def status(words: NDArray[np.uint64], ply: int) -> int:
    """See `alphabeta.status`."""
    own, opp, kings = words[ply, OWN], words[ply, OPPONENT], words[ply, EXTRA]
    side = whole(words[ply, SIDE])
    a, b, c, d = jumps(own, opp, kings, side)
    if (a | b | c | d) != NONE:
        return DRAWN if words[ply, QUIET] >= U(QUIET_LIMIT) else LOUD
    a, b, c, d = slides(own, opp, kings, side)
    every = a | b | c | d
    if every == NONE:
        return LOST
    if words[ply, QUIET] >= U(QUIET_LIMIT):
        return DRAWN
    # One piece, in one direction only.
    if (every & (every - ONE)) == NONE and (
        np.int64(a != NONE) + np.int64(b != NONE) + np.int64(c != NONE) + np.int64(d != NONE)
    ) == 1:
        return SINGLE
    return CALM


@leaf_kernel
def add_jumps(
    own: np.uint64,
    opp: np.uint64,
    kings: np.uint64,
    side: int,
    piece: np.uint64,
    ply: int,
    results: NDArray[np.uint64],
    count: int,
) -> int:
    """Write where the turn of a piece that has just landed can end; returns the new count of moves."""
    a, b, c, d = jumps(own, opp, kings, side)
    if ((a | b | c | d) & piece) == NONE:
        if count < MOVES:
            results[ply, count, 0] = own
            results[ply, count, 1] = opp
            results[ply, count, 2] = kings
            count += 1
        return count
    for direction, pieces in enumerate((a, b, c, d)):
        if (pieces & piece) != NONE:
            own2, opp2, kings2, end, _, crowned = advance(own, opp, kings, side, piece, direction)
            if crowned:
                if count < MOVES:
                    results[ply, count, 0] = own2
                    results[ply, count, 1] = opp2
                    results[ply, count, 2] = kings2
                    count += 1
            else:
                count = add_jumps(own2, opp2, kings2, side, end, ply, results, count)
    return count


@leaf_kernel
def generate(
    words: NDArray[np.uint64], ply: int, codes: NDArray[np.int64], results: NDArray[np.uint64]
) -> int:
    """See `alphabeta.generate`."""
    own, opp, kings = words[ply, OWN], words[ply, OPPONENT], words[ply, EXTRA]
    side = whole(words[ply, SIDE])
    a, b, c, d = jumps(own, opp, kings, side)
    count = 0
    if (a | b | c | d) == NONE:
        a, b, c, d = slides(own, opp, kings, side)
        for direction, pieces in enumerate((a, b, c, d)):
            while pieces != NONE:
                rest = pieces & (pieces - ONE)
                codes[ply, count] = 256 * side + 4 * square_of(pieces ^ rest) + direction
                results[ply, count, 0] = pieces ^ rest
                count += 1
                pieces = rest
        return count
    allowed = words[ply, JUMPER] if words[ply, JUMPER] != NONE else own
    for direction, pieces in enumerate((a, b, c, d)):
        pieces = pieces & allowed
        while pieces != NONE:
            rest = pieces & (pieces - ONE)
            piece = pieces ^ rest
            before = count
            own2, opp2, kings2, end, _, crowned = advance(own, opp, kings, side, piece, direction)
            if crowned or not jumps_on(own2, opp2, kings2, side, end):
                if count < MOVES:
                    results[ply, count, 0] = own2
                    results[ply, count, 1] = opp2
                    results[ply, count, 2] = kings2
                    count += 1
            else:
                count = add_jumps(own2, opp2, kings2, side, end, ply, results, count)
            code = 256 * side + 128 + 4 * square_of(piece) + direction
            for i in range(before, count):
                codes[ply, i] = code
            pieces = rest
    return count


@leaf_kernel
def make(
    words: NDArray[np.uint64], ply: int, move: int, codes: NDArray[np.int64], results: NDArray[np.uint64]
) -> None:
    """See `alphabeta.make`."""
    code = codes[ply, move]
    side = words[ply, SIDE]
    words[ply + 1, SIDE] = ONE - side
    words[ply + 1, JUMPER] = NONE
    if (code & 128) != 0:
        words[ply + 1, OWN] = results[ply, move, 1]
        words[ply + 1, OPPONENT] = results[ply, move, 0]
        words[ply + 1, EXTRA] = results[ply, move, 2]
        words[ply + 1, QUIET] = NONE
        return
    start = results[ply, move, 0]
    end = shift(start, code & 3)
    kings = words[ply, EXTRA]
    words[ply + 1, OWN] = words[ply, OPPONENT]
    words[ply + 1, OPPONENT] = words[ply, OWN] ^ (start | end)
    if (kings & start) != NONE:
        words[ply + 1, EXTRA] = kings ^ (start | end)
        words[ply + 1, QUIET] = words[ply, QUIET] + ONE
    else:
        words[ply + 1, EXTRA] = kings | (end & KING_ROWS[whole(side)])
        words[ply + 1, QUIET] = NONE


@leaf_kernel
def record_key(words: NDArray[np.uint64], ply: int) -> np.uint64:
    """See `alphabeta.record_key`."""
    side = whole(words[ply, SIDE])
    value = SIDE_KEYS[side]
    for which in range(2):
        pieces = words[ply, which]
        owner = side if which == 0 else 1 - side
        while pieces != NONE:
            rest = pieces & (pieces - ONE)
            is_king = 1 if (words[ply, EXTRA] & (pieces ^ rest)) != NONE else 0
            value = value ^ PIECE_KEYS[2 * owner + is_king, square_of(pieces ^ rest)]
            pieces = rest
    return value
