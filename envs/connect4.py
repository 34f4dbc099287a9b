"""Connect Four: seven columns of six, four in a line win. The smallest complete Game, made to be read."""

import numpy as np
from numpy.typing import NDArray

from tengen.envs.game import COMMON_FIELDS, Bools, Floats, Game, Ints, States
from tengen.envs.jit import kernel
from tengen.envs.rng import random_below
from tengen.errors import IllegalMove, TengenError

ROWS, COLUMNS = 6, 7
STONES = ".XO"  # empty, player 0, player 1
POINTS = np.arange(ROWS * COLUMNS, dtype=np.int32).reshape(ROWS, COLUMNS)
#: What a stone of each player at each point adds (by xor) to the hash.
KEYS = np.random.default_rng(4).integers(2**64, size=(2, ROWS, COLUMNS), dtype=np.uint64)


@kernel
def makes_four(board, row, column):  # type: ignore[no-untyped-def]
    """Whether the stone at (row, column) of a board [6, 7] stands in a line of four."""
    for down, right in ((1, 0), (0, 1), (1, 1), (1, -1)):
        length = 1
        for sign in (1, -1):
            r, c = row + sign * down, column + sign * right
            while 0 <= r < ROWS and 0 <= c < COLUMNS and board[r, c] == board[row, column]:
                length += 1
                r, c = r + sign * down, c + sign * right
        if length >= 4:
            return True
    return False


@kernel
def drop(board, winner, to_play, terminal, ply, key, i, column):  # type: ignore[no-untyped-def]
    """Drop a stone of the side to move into a column of game i."""
    row = ROWS - 1
    while board[i, row, column]:
        row -= 1
    player = to_play[i]
    board[i, row, column] = 1 + player
    key[i] ^= KEYS[player, row, column]
    ply[i] += 1
    if makes_four(board[i], row, column):
        winner[i] = 1 + player
    terminal[i] = winner[i] > 0 or ply[i] == ROWS * COLUMNS
    to_play[i] = 1 - player


@kernel
def step_batch(board, winner, to_play, terminal, ply, key, actions):  # type: ignore[no-untyped-def]
    for i in range(len(actions)):
        drop(board, winner, to_play, terminal, ply, key, i, actions[i])


@kernel
def playout_batch(board, winner, to_play, terminal, ply, key, rng):  # type: ignore[no-untyped-def]
    for i in range(len(to_play)):
        while not terminal[i]:
            column = random_below(rng, COLUMNS)
            if not board[i, 0, column]:
                drop(board, winner, to_play, terminal, ply, key, i, column)


class Connect4(Game):
    """Action = column, numbered from 1 at the left in words. In `board`, row 0 is at the top."""

    family = name = "connect4"
    state_dtype = np.dtype([*COMMON_FIELDS, ("board", "i1", (ROWS, COLUMNS)), ("winner", "i1")], align=True)
    num_actions = COLUMNS
    planes = ("own stones", "opponent's stones", "ones")
    obs_shape = (len(planes), ROWS, COLUMNS)
    max_plies = ROWS * COLUMNS
    policy_planes = 1
    policy_index = np.arange(COLUMNS)  # a column's logit stands at its top point
    first_player, second_player = "X", "O"
    point_symmetries = np.stack([POINTS.ravel(), POINTS[:, ::-1].ravel()])
    action_symmetries = np.stack([POINTS[0], POINTS[0, ::-1]])

    @staticmethod
    def _fields(states: States) -> tuple[NDArray[np.generic], ...]:
        return tuple(states[name] for name in ("board", "winner", "to_play", "terminal", "ply", "hash"))

    def reset(self, states: States) -> None:
        states[:] = np.zeros((), self.state_dtype)

    def legal_mask(self, states: States, out: Bools) -> None:
        out[:] = (states["board"][:, 0] == 0) & ~states["terminal"][:, None]

    def step(self, states: States, actions: Ints) -> None:
        step_batch(*self._fields(states), actions)  # type: ignore[call-arg]

    def playout(self, states: States, rng: NDArray[np.uint64]) -> None:
        playout_batch(*self._fields(states), rng)  # type: ignore[call-arg]

    def observe(self, states: States, out: Floats) -> None:
        own = (1 + states["to_play"])[:, None, None]
        out[:, 0] = states["board"] == own
        out[:, 1] = states["board"] == 3 - own
        out[:, 2] = 1

    def returns(self, states: States, out: Floats) -> None:
        out[:] = np.array([[0, 0], [1, -1], [-1, 1]], np.float32)[states["winner"]]

    def format_action(self, state: States, action: int) -> str:
        return str(action + 1)

    def parse_action(self, state: States, text: str) -> int:
        if not text.strip().isdecimal() or not 1 <= int(text) <= COLUMNS:
            raise IllegalMove(f"'{text}' is not a column; expected a number from 1 to {COLUMNS}")
        if state["terminal"][0]:
            raise IllegalMove(f"{text} is illegal: the game is over")
        if state["board"][0, 0, int(text) - 1]:
            raise IllegalMove(f"{text} is illegal: column {text} is full")
        return int(text) - 1

    def to_text(self, state: States) -> str:
        rows = ("".join(STONES[cell] for cell in row) for row in state["board"][0])
        return "/".join(rows) + " " + "xo"[state["to_play"][0]]

    def from_text(self, text: str) -> States:
        rows, _, side = text.strip().partition(" ")
        if side not in ("x", "o"):
            raise TengenError(f"position '{text}': the side to move must be x or o, got '{side}'")
        return self.from_board(rows.replace("/", "\n"), "xo".index(side))

    def board(self, state: States) -> str:
        return (
            "\n".join(" ".join(STONES[cell] for cell in row) for row in state["board"][0]) + "\n1 2 3 4 5 6 7"
        )

    def from_board(self, text: str, to_play: int = 0) -> States:
        rows = [line.replace(" ", "") for line in text.strip().splitlines() if "1" not in line]
        if len(rows) != ROWS or any(len(row) != COLUMNS or set(row) - set(STONES) for row in rows):
            raise TengenError(f"not a board of {ROWS} rows of {COLUMNS} of . X O: '{text.strip()}'")
        state = self.new_states(1)
        board = state["board"][0]
        board[:] = [[STONES.index(cell) for cell in row] for row in rows]
        if (board == 1).sum() - (board == 2).sum() != to_play or ((board[:-1] > 0) & (board[1:] == 0)).any():
            raise TengenError(f"'{text.strip()}' cannot come up with {'XO'[to_play]} to move")
        stones = np.argwhere(board)
        winners = {int(board[r, c]) for r, c in stones if makes_four(board, r, c)}
        if winners - {2 - to_play}:
            raise TengenError(f"'{text.strip()}' is won by {'XO'[to_play]}, who cannot be to move")
        state["winner"], state["to_play"], state["ply"] = sum(winners), to_play, len(stones)
        state["terminal"] = bool(winners) or len(stones) == ROWS * COLUMNS
        state["hash"] = np.bitwise_xor.reduce(
            [KEYS[board[r, c] - 1, r, c] for r, c in stones] or [np.uint64(0)]
        )
        return state
