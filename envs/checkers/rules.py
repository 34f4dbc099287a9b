"""The rules of English draughts as batched kernels over the state records.

An action is one step of one piece: 4 * square index + direction, seen by the side to move. White looks at the
board turned by 180 degrees, which takes action a to 127 - a.

The position's hash is the exclusive or of a key per piece, one for the side to move, and one for the piece
that must go on jumping.
"""

import numpy as np
from numpy.typing import NDArray

from tengen.envs.checkers.bitboards import (
    BIT,
    KING_ROWS,
    NONE,
    ONE,
    START_BLACK,
    START_WHITE,
    advance,
    jumps,
    jumps_on,
    movers,
    popcount,
    shift,
    square_of,
)
from tengen.envs.game import COMMON_FIELDS, Bools, Floats, Ints, States
from tengen.envs.jit import kernel, leaf_kernel
from tengen.envs.rng import random_below

DRAW_PLIES = 80  # turns, of both sides together, without a capture or a man's move
ACTIONS = 128
KINGS, JUMPER = 2, 3  # columns of "board"; 0 and 1 are the pieces of Black and of White

STATE_DTYPE = np.dtype(
    [
        *COMMON_FIELDS,
        ("result", "i1"),  # 1 Black has won, -1 White has, 0 drawn or going on
        ("quiet", "i2"),  # turns since the last capture or man's move
        ("board", "u8", (4,)),  # bitboards: Black, White, kings of both, the piece that must go on jumping
        ("history", "u8", (DRAW_PLIES + 1,)),  # hashes since then; entry `quiet` is the present position's
    ],
    align=True,
)


def _keys(count: int) -> NDArray[np.uint64]:
    """Fixed random words (splitmix64), the same on every machine."""
    mask, words, x = (1 << 64) - 1, [], 0x64616D656E  # "damen"
    for _ in range(count):
        x = (x + 0x9E3779B97F4A7C15) & mask
        z = x
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        words.append(z ^ (z >> 31))
    return np.array(words, np.uint64)


_ALL_KEYS = _keys(4 * 32 + 32 + 2)
PIECE_KEYS = _ALL_KEYS[:128].reshape(4, 32).copy()  # [2 * side + is_king, square index]
JUMPER_KEYS = _ALL_KEYS[128:160].copy()
SIDE_KEYS = _ALL_KEYS[160:].copy()
TURN_KEY = SIDE_KEYS[0] ^ SIDE_KEYS[1]

# Rows and columns of the 32 squares on the 8x8 board.
ROW = np.arange(32) // 4
COLUMN = 2 * (np.arange(32) % 4) + (ROW + 1) % 2

PLANES = (
    "own men",
    "own kings",
    "opponent's men",
    "opponent's kings",
    "own piece that must go on jumping",
    "own pieces that can capture",
    "opponent's pieces that can be captured",
    "king row",
    "position seen before",
    "quiet turns / 80",
    "ones",
)


def position_hash(black: int, white: int, kings: int, jumper: int, side: int) -> int:
    """The hash of a position, from scratch."""
    value = int(SIDE_KEYS[side])
    for i, bit in enumerate(BIT.tolist()):
        king = int(kings & bit != 0)
        if black & bit:
            value ^= int(PIECE_KEYS[king, i])
        if white & bit:
            value ^= int(PIECE_KEYS[2 + king, i])
        if jumper & bit:
            value ^= int(JUMPER_KEYS[i])
    return value


def reset(states: States) -> None:
    """Set states [B] to the start of the game."""
    states[...] = _START


@kernel
def legal_mask(states: States, out: Bools) -> None:
    """Legal actions of states [B] to out [B, 128]."""
    out[:] = False
    for b in range(len(states)):
        if states["terminal"][b]:
            continue
        side = states["to_play"][b]
        board = states["board"]
        for direction, pieces in enumerate(
            movers(board[b, side], board[b, 1 - side], board[b, KINGS], side, board[b, JUMPER])
        ):
            while pieces != NONE:
                rest = pieces & (pieces - ONE)
                action = 4 * square_of(pieces ^ rest) + direction
                out[b, action if side == 0 else ACTIONS - 1 - action] = True
                pieces = rest


@leaf_kernel
def times_seen(states: States, b: int) -> int:
    """How often the position of state b stood on the board before, same side to move."""
    seen = 0
    quiet = states["quiet"][b]
    for i in range(quiet - 4, -1, -2):  # no position comes back in fewer than four plies
        if states["history"][b, i] == states["hash"][b]:
            seen += 1
    return seen


@leaf_kernel
def begin_turn(states: States, b: int) -> None:
    """Enter the position in the history and see whether the game is over."""
    side = states["to_play"][b]
    board = states["board"]
    quiet = states["quiet"][b]
    states["history"][b, quiet] = states["hash"][b]
    d0, d1, d2, d3 = movers(board[b, side], board[b, 1 - side], board[b, KINGS], side, board[b, JUMPER])
    if (d0 | d1 | d2 | d3) == NONE:
        states["terminal"][b] = True
        states["result"][b] = -1 if side == 0 else 1
    elif quiet >= DRAW_PLIES or times_seen(states, b) >= 2:
        states["terminal"][b] = True


@leaf_kernel
def step_one(states: States, b: int, action: int) -> None:
    """Apply an action as the side to move names it to state b."""
    side = states["to_play"][b]
    board = states["board"]
    action = action if side == 0 else ACTIONS - 1 - action
    square = action // 4
    start = BIT[square]
    was_king = 1 if (board[b, KINGS] & start) != NONE else 0
    kings_before = board[b, KINGS]
    own, opp, kings, end, taken, crowned = advance(
        board[b, side], board[b, 1 - side], kings_before, side, start, action % 4
    )
    landed = square_of(end)
    value = states["hash"][b] ^ PIECE_KEYS[2 * side + was_king, square]
    value = value ^ PIECE_KEYS[2 * side + (1 if crowned else was_king), landed]
    if taken != NONE:
        taken_king = 1 if (kings_before & taken) != NONE else 0
        value = value ^ PIECE_KEYS[2 * (1 - side) + taken_king, square_of(taken)]
    if board[b, JUMPER] != NONE:
        value = value ^ JUMPER_KEYS[square]
    board[b, side] = own
    board[b, 1 - side] = opp
    board[b, KINGS] = kings
    states["ply"][b] += 1
    states["quiet"][b] = states["quiet"][b] + 1 if taken == NONE and was_king == 1 else 0
    if taken != NONE and not crowned and jumps_on(own, opp, kings, side, end):
        board[b, JUMPER] = end
        states["hash"][b] = value ^ JUMPER_KEYS[landed]
        return
    board[b, JUMPER] = NONE
    states["hash"][b] = value ^ TURN_KEY
    states["to_play"][b] = 1 - side
    begin_turn(states, b)


@kernel
def step(states: States, actions: Ints) -> None:
    """Apply actions [B] to states [B]."""
    for b in range(len(states)):
        step_one(states, b, np.int64(actions[b]))  # type: ignore[arg-type]


@kernel
def playout(states: States, rng: NDArray[np.uint64]) -> None:
    """Play uniformly random legal actions until every state [B] is terminal."""
    for b in range(len(states)):
        while not states["terminal"][b]:
            side = states["to_play"][b]
            board = states["board"]
            choices = movers(board[b, side], board[b, 1 - side], board[b, KINGS], side, board[b, JUMPER])
            d0, d1, d2, d3 = choices
            pick = random_below(rng, popcount(d0) + popcount(d1) + popcount(d2) + popcount(d3))
            chosen = 0
            for direction, pieces in enumerate(choices):
                count = popcount(pieces)
                if 0 <= pick < count:
                    for _ in range(pick):
                        pieces = pieces & (pieces - ONE)
                    chosen = 4 * square_of(pieces ^ (pieces & (pieces - ONE))) + direction
                pick -= count
            step_one(states, b, chosen if side == 0 else ACTIONS - 1 - chosen)


@kernel
def observe(states: States, out: Floats) -> None:
    """What the side to move sees, to out [B, 11, 8, 8]; see PLANES."""
    out[:] = 0.0
    for b in range(len(states)):
        side = states["to_play"][b]
        board = states["board"]
        own, opp, kings, jumper = board[b, side], board[b, 1 - side], board[b, KINGS], board[b, JUMPER]
        can_jump = NONE
        jumpable = NONE
        for direction, pieces in enumerate(jumps(own, opp, kings, side)):
            if jumper != NONE:
                pieces = pieces & jumper
            can_jump |= pieces
            jumpable |= shift(pieces, direction)
        plane = 0
        for pieces in (
            own & ~kings,
            own & kings,
            opp & ~kings,
            opp & kings,
            jumper,
            can_jump,
            jumpable,
            KING_ROWS[side],
        ):
            while pieces != NONE:
                rest = pieces & (pieces - ONE)
                square = square_of(pieces ^ rest)
                if side == 1:
                    square = 31 - square
                out[b, plane, ROW[square], COLUMN[square]] = 1.0
                pieces = rest
            plane += 1
        seen = np.float32(times_seen(states, b) > 0)
        quiet = np.float32(states["quiet"][b] / DRAW_PLIES)
        for row in range(8):
            for column in range(8):
                out[b, plane, row, column] = seen
                out[b, plane + 1, row, column] = quiet
                out[b, plane + 2, row, column] = 1.0


def returns(states: States, out: Floats) -> None:
    """Each player's result, to out [B, 2]."""
    out[:, 0] = states["result"]
    out[:, 1] = -out[:, 0]


_START = np.zeros((), STATE_DTYPE)
_START["board"] = START_BLACK, START_WHITE, NONE, NONE
_START["hash"] = position_hash(int(START_BLACK), int(START_WHITE), 0, 0, 0)
_START["history"][0] = _START["hash"]
