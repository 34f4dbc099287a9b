"""Connect Four: seven columns of six, four in a line win. The smallest complete Game, made to be read.

A position is two bitboards; column c, row r (0 at the bottom) is bit 7 * c + r, and bit 7 * c + 6 stays empty so
that a shifted line never runs into the next column.
"""

import numpy as np
from numpy.typing import NDArray

from tengen.envs.game import COMMON_FIELDS, Bools, Floats, Game, Ints, States
from tengen.envs.jit import kernel
from tengen.envs.rng import random_below
from tengen.errors import IllegalMove, TengenError

ROWS, COLUMNS = 6, 7
STONES = "XO"


@kernel
def has_four(stones: np.uint64) -> bool:
    for shift in (1, 7, 6, 8):  # up, right, the two diagonals
        pairs = stones & (stones >> np.uint64(shift))
        if pairs & (pairs >> np.uint64(2 * shift)):
            return True
    return False


@kernel
def drop(stones, height, winner, to_play, terminal, ply, key, i, column):  # type: ignore[no-untyped-def]
    """Drop a stone of the side to move in game i."""
    player = to_play[i]
    stones[i, player] |= np.uint64(1) << np.uint64(7 * column + height[i, column])
    height[i, column] += 1
    ply[i] += 1
    if has_four(stones[i, player]):
        winner[i] = 1 + player
        terminal[i] = True
    elif ply[i] == ROWS * COLUMNS:
        terminal[i] = True
    to_play[i] = 1 - player
    key[i] = (stones[i, 0] * np.uint64(0x9E3779B97F4A7C15)) ^ (stones[i, 1] * np.uint64(0xC2B2AE3D27D4EB4F))


@kernel
def step_batch(stones, height, winner, to_play, terminal, ply, key, actions):  # type: ignore[no-untyped-def]
    for i in range(len(actions)):
        drop(stones, height, winner, to_play, terminal, ply, key, i, actions[i])


@kernel
def playout_batch(stones, height, winner, to_play, terminal, ply, key, rng):  # type: ignore[no-untyped-def]
    for i in range(len(to_play)):
        while not terminal[i]:
            column = random_below(rng, COLUMNS)
            if height[i, column] < ROWS:
                drop(stones, height, winner, to_play, terminal, ply, key, i, column)


@kernel
def observe_batch(stones, to_play, out):  # type: ignore[no-untyped-def]
    for i in range(len(to_play)):
        own, other = stones[i, to_play[i]], stones[i, 1 - to_play[i]]
        for row in range(ROWS):
            for column in range(COLUMNS):
                bit = np.uint64(7 * column + ROWS - 1 - row)
                out[i, 0, row, column] = np.float32((own >> bit) & np.uint64(1))
                out[i, 1, row, column] = np.float32((other >> bit) & np.uint64(1))
                out[i, 2, row, column] = 1.0


class Connect4(Game):
    """Connect Four; action = column, numbered from 1 at the left in words."""

    family = "connect4"
    name = "connect4"
    state_dtype = np.dtype(
        [*COMMON_FIELDS, ("stones", "u8", (2,)), ("height", "i1", (COLUMNS,)), ("winner", "i1")], align=True
    )
    num_actions = COLUMNS
    planes = ("own stones", "opponent's stones", "ones")
    obs_shape = (len(planes), ROWS, COLUMNS)
    max_plies = ROWS * COLUMNS
    policy_planes = 1
    policy_index = np.arange(COLUMNS)  # a column's logit stands at its top point
    first_player, second_player = STONES
    point_symmetries: NDArray[np.int32] = np.stack(
        [grid.ravel() for grid in (np.arange(42).reshape(6, 7), np.arange(42).reshape(6, 7)[:, ::-1])]
    ).astype(np.int32)
    action_symmetries: NDArray[np.int32] = np.stack([np.arange(7), np.arange(7)[::-1]]).astype(np.int32)

    @staticmethod
    def _fields(states: States) -> tuple[NDArray[np.generic], ...]:
        return tuple(states[f] for f in ("stones", "height", "winner", "to_play", "terminal", "ply", "hash"))

    def reset(self, states: States) -> None:
        states[:] = np.zeros((), self.state_dtype)

    def legal_mask(self, states: States, out: Bools) -> None:
        out[:] = (states["height"] < ROWS) & ~states["terminal"][:, None]

    def step(self, states: States, actions: Ints) -> None:
        step_batch(*self._fields(states), actions)

    def playout(self, states: States, rng: NDArray[np.uint64]) -> None:
        playout_batch(*self._fields(states), rng)

    def observe(self, states: States, out: Floats) -> None:
        observe_batch(states["stones"], states["to_play"], out)

    def returns(self, states: States, out: Floats) -> None:
        out[:, 0] = np.array([0, 1, -1], np.float32)[states["winner"]]
        out[:, 1] = -out[:, 0]

    def format_action(self, state: States, action: int) -> str:
        return str(action + 1)

    def parse_action(self, state: States, text: str) -> int:
        if not text.strip().isdecimal() or not 1 <= int(text) <= COLUMNS:
            raise IllegalMove(f"'{text}' is not a column; expected a number from 1 to {COLUMNS}")
        if state["terminal"][0]:
            raise IllegalMove(f"{text} is illegal: the game is over")
        if state["height"][0, int(text) - 1] == ROWS:
            raise IllegalMove(f"{text} is illegal: column {text} is full")
        return int(text) - 1

    def _rows(self, state: States) -> list[str]:
        def point(row: int, column: int) -> str:
            bit = 7 * column + row
            for player, stone in enumerate(STONES):
                if int(state["stones"][0, player]) >> bit & 1:
                    return stone
            return "."

        return ["".join(point(row, column) for column in range(COLUMNS)) for row in reversed(range(ROWS))]

    def to_text(self, state: States) -> str:
        return "/".join(self._rows(state)) + f" {STONES[state['to_play'][0]].lower()}"

    def from_text(self, text: str) -> States:
        rows, _, side = text.strip().partition(" ")
        if side not in ("x", "o"):
            raise TengenError(f"position '{text}': the side to move must be x or o, got '{side}'")
        return self.from_board(rows.replace("/", "\n"), "xo".index(side))

    def board(self, state: States) -> str:
        return "\n".join(" ".join(row) for row in self._rows(state)) + "\n1 2 3 4 5 6 7"

    def from_board(self, text: str, to_play: int = 0) -> States:
        rows = [line.replace(" ", "") for line in text.strip().splitlines() if "1" not in line]
        if len(rows) != ROWS or any(len(row) != COLUMNS or set(row) - set(".XO") for row in rows):
            raise TengenError(
                f"not a Connect Four board: expected {ROWS} rows of {COLUMNS} of . X O, got '{text.strip()}'"
            )
        count = {stone: sum(row.count(stone) for row in rows) for stone in STONES}
        if count["X"] - count["O"] != to_play:
            raise TengenError(
                f"{count['X']} X and {count['O']} O cannot stand with {STONES[to_play]} to move"
            )
        columns = ["".join(row[column] for row in reversed(rows)).rstrip(".") for column in range(COLUMNS)]
        if any("." in column for column in columns):
            raise TengenError("a stone of that Connect Four board hangs in the air")
        state = self.new_states(1)
        for c, column in enumerate(columns):
            for r, stone in enumerate(column):
                state["stones"][0, STONES.index(stone)] |= np.uint64(1 << (7 * c + r))
            state["height"][0, c] = len(column)
        x, o = (int(stones) for stones in state["stones"][0])
        state["hash"] = (x * 0x9E3779B97F4A7C15 ^ o * 0xC2B2AE3D27D4EB4F) & (2**64 - 1)
        state["to_play"], state["ply"] = to_play, sum(count.values())
        wins = [bool(has_four(stones)) for stones in state["stones"][0]]
        if wins[to_play]:
            raise TengenError(f"that Connect Four board is won for {STONES[to_play]} who is to move")
        state["winner"] = 1 + (1 - to_play) if wins[1 - to_play] else 0
        state["terminal"] = any(wins) or sum(count.values()) == ROWS * COLUMNS
        return state
