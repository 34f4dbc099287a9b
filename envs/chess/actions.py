"""Actions: 1,858 numbers for the moves that there can be, all seen by the side to move.

The 1,792 pairs of squares that a queen or a knight can join, in order of from and to, then 66 promotions to
knight, bishop and rook; a pawn that reaches the last rank by a plain pair becomes a queen. AlphaZero's
73 x 64 = 4,672 outputs hold the same moves and 2,814 that lead off the board or promote in mid-board, and
every row of a mask, a search tree and a replay would be two and a half times as long. A network still answers
with AlphaZero's 73 planes, where each move stands on the square that it starts from; POLICY_INDEX finds it.
(Silver et al., "A general reinforcement learning algorithm that masters chess, shogi, and Go through
self-play", 2018, supplement.)
"""

import numpy as np
from numpy.typing import NDArray

from tengen.envs.chess.moves import NO_PROMOTION, QUEEN
from tengen.envs.jit import kernel

POLICY_PLANES = 73
_ROUND = ((1, 0), (1, 1), (0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1))  # (ranks, files) by direction
_LEAPS = ((2, 1), (1, 2), (-1, 2), (-2, 1), (-2, -1), (-1, -2), (1, -2), (2, -1))


def point_of(square: int) -> int:
    """Where a square stands in an observation: row * 8 + column, the far rank in row 0."""
    return square ^ 56


def _tables() -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Moves and policy indices by action."""
    found = []
    for square in range(64):
        steps = [(k * up, k * right) for up, right in _ROUND for k in range(1, 8)]
        for plane, (up, right) in enumerate([*steps, *_LEAPS]):
            rank, file = square // 8 + up, square % 8 + right
            if 0 <= rank < 8 and 0 <= file < 8:
                found.append((square | (8 * rank + file) << 6, plane * 64 + point_of(square)))
    found.sort(key=lambda pair: (pair[0] & 63, pair[0] >> 6))
    for promotion in range(1, QUEEN):
        for square in range(48, 56):
            for right in (-1, 0, 1):
                if 0 <= square % 8 + right < 8:
                    plane = 64 + 3 * (promotion - 1) + right + 1
                    move = square | (square + 8 + right) << 6 | promotion << 12
                    found.append((move, plane * 64 + point_of(square)))
    moves, policy = zip(*found, strict=True)
    return np.array(moves, np.int32), np.array(policy, np.int64)


MOVE_OF, POLICY_INDEX = _tables()
ACTIONS = len(MOVE_OF)
ACTION_OF = np.full((QUEEN + 1) * 4096, -1, np.int16)  # by move; -1 where there is no such action
ACTION_OF[MOVE_OF] = np.arange(ACTIONS)
for _square in range(48, 56):  # a pawn's promotion to a queen is the plain pair
    for _to in range(max(56, _square + 7), min(64, _square + 10)):
        ACTION_OF[_square | _to << 6 | QUEEN << 12] = ACTION_OF[_square | _to << 6]


@kernel
def action_of(move: int) -> int:
    """The action that a legal move is."""
    return ACTION_OF[move]


@kernel
def move_of(action: int, pawns: np.uint64) -> int:
    """The move that a legal action is; `pawns` of the position tell a promotion to a queen."""
    move = np.int64(MOVE_OF[action])
    if (move >> 12) == NO_PROMOTION and (move >> 6) >= 56:
        square = move & 63
        if (pawns >> np.uint64(square)) & np.uint64(1) != np.uint64(0):
            move = move | QUEEN << 12
    return move  # type: ignore[return-value]
