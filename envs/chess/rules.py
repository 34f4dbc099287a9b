"""The rules of chess as batched kernels over the state records.

A record holds the position as its side to move sees it (see `bitboards`) and the hashes of the positions
since the last capture or pawn's move. `en_passant` is set only where the capture is legal, so that, as FIDE
has it (article 9.2.3), two positions are one and the same if their moves are. Limits come with the record's
type: a history of 101 entries draws at 50 moves without progress and at the third occurrence of a position,
one of 151 at 75 moves and at the fifth.
"""

import functools
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from tengen.envs.checkers.bitboards import NONE, ONE, popcount
from tengen.envs.chess.actions import action_of, move_of
from tengen.envs.chess.bitboards import (
    BIT,
    LIGHT,
    OPP,
    OWN,
    PAWNS,
    WORDS,
    Position,
    attacks_of_opponent,
    attacks_of_own,
    kings_of,
    square_of,
)
from tengen.envs.chess.masks import en_passant_captors, is_check
from tengen.envs.chess.moves import MOST_MOVES, advance, count_moves, list_moves
from tengen.envs.game import COMMON_FIELDS, Bools, Floats, Ints, States
from tengen.envs.jit import kernel, leaf_kernel
from tengen.envs.rng import MIX1, MIX2, random_below

CLAIMED_PLIES, FORCED_PLIES = 100, 150  # without capture or pawn's move: a draw on claim, and without
LAST_MOVES = 4
SIDE_KEYS = np.array([0x9E3779B97F4A7C15, 0xD1B54A32D192ED03], np.uint64)
_32 = np.uint64(32)

PLANES = (
    *(f"own {piece}" for piece in ("pawns", "knights", "bishops", "rooks", "queens", "king")),
    *(f"opponent's {piece}" for piece in ("pawns", "knights", "bishops", "rooks", "queens", "king")),
    "own rooks that may castle",
    "opponent's rooks that may castle",
    "en passant square",
    "squares attacked by own pieces",
    "squares attacked by the opponent",
    *(f"{ago} ago: {end}" for ago in ("1 ply", "2 plies", "3 plies", "4 plies") for end in ("from", "to")),
    "earlier occurrences of the position / 2",
    "plies without capture or pawn's move / limit",
    "ones",
)


@functools.cache
def state_dtype(limit: int) -> np.dtype[Any]:
    """The record of games that are drawn after `limit` plies without progress."""
    return np.dtype(
        [
            *COMMON_FIELDS,
            ("result", "i1"),  # 1 White has won, -1 Black has, 0 drawn or going on
            ("quiet", "i2"),  # plies since the last capture or pawn's move
            ("known", "i2"),  # those of them whose positions are in the history
            (
                "last",
                "u2",
                (LAST_MOVES,),
            ),  # moves, from | to << 6 as White sees them; 0 for none
            ("board", "u8", (WORDS,)),
            ("history", "u8", (limit + 1,)),  # hashes; entry `known` is the present position's
        ],
        align=True,
    )


@kernel
def load(states: States, b: int) -> Position:
    """The position of state b."""
    board = states["board"]
    return (
        board[b, 0],
        board[b, 1],
        board[b, 2],
        board[b, 3],
        board[b, 4],
        board[b, 5],
        board[b, 6],
        board[b, 7],
    )


@kernel
def store(states: States, b: int, position: Position) -> None:
    """Write the position of state b."""
    board = states["board"]
    board[b, 0], board[b, 1], board[b, 2], board[b, 3] = position[0], position[1], position[2], position[3]
    board[b, 4], board[b, 5], board[b, 6], board[b, 7] = position[4], position[5], position[6], position[7]


@kernel
def position_hash(position: Position, side: int) -> np.uint64:
    """The hash of a position: its words mixed one after another, each step a bijection (as in splitmix64)."""
    value = SIDE_KEYS[side]
    for word in position:
        value = (value ^ word) * MIX1
        value = value ^ (value >> _32)
    value = value * MIX2
    return value ^ (value >> _32)


if numba.config.DISABLE_JIT:  # interpreted, a product that wraps around would warn
    position_hash = np.errstate(over="ignore")(position_hash)


@leaf_kernel
def legal_mask_of(states: States, out: Bools, moves: NDArray[np.int32]) -> None:
    for b in range(len(states)):
        if not states["terminal"][b]:
            for i in range(list_moves(load(states, b), moves, 0)):
                out[b, action_of(np.int64(moves[0, i]))] = True  # type: ignore[arg-type]


def legal_mask(states: States, out: Bools) -> None:
    """Legal actions of states [B] to out [B, A]."""
    out[...] = False
    legal_mask_of(states, out, np.empty((1, MOST_MOVES), np.int32))


@leaf_kernel
def times_seen(states: States, b: int) -> int:
    """How often the position of state b stood on the board before."""
    seen = 0
    for i in range(states["known"][b] - 4, -1, -2):  # no position comes back in fewer than four plies
        if states["history"][b, i] == states["hash"][b]:
            seen += 1
    return seen


@kernel
def is_dead(position: Position) -> bool:
    """Whether no moves could mate: bare kings, one knight, or bishops on squares of one colour only."""
    own, opp, pawns, knights, diagonal, straight, _, _ = position
    if (pawns | straight) != NONE:
        return False
    if knights != NONE:
        return popcount(own | opp) <= 3
    return (diagonal & LIGHT) == NONE or (diagonal & ~LIGHT) == NONE


@kernel
def _is_repeated(states: States, b: int, limit: int) -> bool:
    return times_seen(states, b) >= (2 if limit == CLAIMED_PLIES else 4)


@leaf_kernel
def begin_turn(states: States, b: int) -> None:
    """Enter the position in the history and see whether the game is over."""
    position = load(states, b)
    side = states["to_play"][b]
    states["hash"][b] = position_hash(position, side)
    known = states["known"][b]
    states["history"][b, known] = states["hash"][b]
    limit = states["history"].shape[1] - 1
    if count_moves(position) == 0:
        states["terminal"][b] = True
        if is_check(position):
            states["result"][b] = -1 if side == 0 else 1
    elif states["quiet"][b] >= limit or is_dead(position) or _is_repeated(states, b, limit):
        states["terminal"][b] = True


@kernel
def strict(position: Position) -> Position:
    """The position without an en passant square on which no capture is legal."""
    own, opp, pawns, knights, diagonal, straight, castling, en_passant = position
    if en_passant != NONE and en_passant_captors(position) == NONE:
        en_passant = NONE
    return own, opp, pawns, knights, diagonal, straight, castling, en_passant


@leaf_kernel
def set_up(states: States, b: int) -> bool:
    """Begin state b at its board, as from a FEN; False if the side that has moved left its king in check."""
    position = load(states, b)
    if (attacks_of_own(position) & position[OPP] & kings_of(position)) != NONE:
        return False
    store(states, b, strict(position))
    begin_turn(states, b)
    return True


@leaf_kernel
def move_one(states: States, b: int, move: int) -> None:
    """Make a legal move in state b."""
    position = load(states, b)
    start, end = BIT[move & 63], BIT[(move >> 6) & 63]
    progress = (position[PAWNS] & start) != NONE or (position[OPP] & end) != NONE
    store(states, b, strict(advance(position, move)))
    side = states["to_play"][b]
    last = states["last"]
    for i in range(LAST_MOVES - 1, 0, -1):
        last[b, i] = last[b, i - 1]
    last[b, 0] = (move ^ (56 | 56 << 6) if side == 1 else move) & 0xFFF
    states["quiet"][b] = 0 if progress else states["quiet"][b] + 1
    states["known"][b] = 0 if progress else states["known"][b] + 1
    states["ply"][b] += 1
    states["to_play"][b] = 1 - side
    begin_turn(states, b)


@leaf_kernel
def step(states: States, actions: Ints) -> None:
    """Apply actions [B] to states [B]."""
    for b in range(len(states)):
        move_one(states, b, move_of(np.int64(actions[b]), states["board"][b, PAWNS]))  # type: ignore[arg-type]


@leaf_kernel
def playout(states: States, rng: NDArray[np.uint64], moves: NDArray[np.int32]) -> None:
    """Play uniformly random legal moves until every state [B] is over; moves [1, MOST_MOVES] is room."""
    for b in range(len(states)):
        while not states["terminal"][b]:
            count = list_moves(load(states, b), moves, 0)
            move_one(states, b, np.int64(moves[0, random_below(rng, count)]))  # type: ignore[arg-type]


@kernel
def _mark(out: Floats, b: int, plane: int, squares: np.uint64) -> None:
    while squares != NONE:
        rest = squares & (squares - ONE)
        square = square_of(squares ^ rest)
        out[b, plane, 7 - square // 8, square % 8] = 1.0
        squares = rest


@leaf_kernel
def observe(states: States, out: Floats) -> None:
    """What the side to move sees, to out [B, 28, 8, 8], its first rank in the last row; see PLANES."""
    out[:] = 0.0
    for b in range(len(states)):
        position = load(states, b)
        own, opp, pawns, knights, diagonal, straight, castling, en_passant = position
        kings = kings_of(position)
        plane = 0
        for army in (own, opp):
            bishops, rooks, queens = diagonal & ~straight, straight & ~diagonal, diagonal & straight
            for kind in (pawns, knights, bishops, rooks, queens, kings):
                _mark(out, b, plane, army & kind)
                plane += 1
        for squares in (
            own & castling,
            opp & castling,
            en_passant,
            attacks_of_own(position),
            attacks_of_opponent(position, NONE),
        ):
            _mark(out, b, plane, squares)
            plane += 1
        turned = 56 if states["to_play"][b] == 1 else 0
        for i in range(LAST_MOVES):
            move = np.int64(states["last"][b, i])
            if move != 0:
                for end in (move & 63, move >> 6):
                    square = end ^ turned
                    out[b, plane, 7 - square // 8, square % 8] = 1.0
                    plane += 1
            else:
                plane += 2
        seen = np.float32(min(times_seen(states, b), 2) / 2)
        quiet = np.float32(states["quiet"][b] / (states["history"].shape[1] - 1))
        for row in range(8):
            for column in range(8):
                out[b, plane, row, column] = seen
                out[b, plane + 1, row, column] = quiet
                out[b, plane + 2, row, column] = 1.0


def returns(states: States, out: Floats) -> None:
    """Each player's result, to out [B, 2]."""
    out[:, OWN] = states["result"]
    out[:, OPP] = -out[:, OWN]
