"""Connect Four solved: alpha-beta to the end of the game over boards of bits.

The point at column c and height h is bit 7 c + h; the seventh bit of a column stays empty. Shifts by 1, 6, 7
and 8 are the four directions, and stones + occupied names a position (as in J. Tromp's Fhourstones). A score
counts the stones that the winner has left when he wins, plus one; it is positive where the side to move wins.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tengen.envs.connect4 import COLUMNS, ROWS
from tengen.envs.game import States
from tengen.envs.jit import kernel, leaf_kernel

CELLS = ROWS * COLUMNS
HEIGHT = ROWS + 1
BOTTOM = np.uint64(sum(1 << HEIGHT * c for c in range(COLUMNS)))
BOARD = np.uint64(BOTTOM * np.uint64((1 << ROWS) - 1))
COLUMN = np.array([((1 << ROWS) - 1) << HEIGHT * c for c in range(COLUMNS)], np.uint64)
ORDER = np.array([3, 2, 4, 1, 5, 0, 6])  # columns from the centre, where most lines pass
VALUE_BITS = np.uint64(8)  # of an entry of the table; the rest is the position, which has 49
MIDDLE = 64  # what a stored bound of 0 is; upper bounds are stored as they are, lower bounds LOWER higher
LOWER = 128
FULL = -100  # in place of a score
BUDGET = 5_000_000  # positions between two looks at whether to stop; under a second
ONE, TWO, THREE, ZERO = np.uint64(1), np.uint64(2), np.uint64(3), np.uint64(0)


@leaf_kernel
def winning_points(own, occupied):  # type: ignore[no-untyped-def]
    """Empty points where a stone would make four of `own`, whether or not it can fall there yet."""
    found = (own << ONE) & (own << TWO) & (own << THREE)
    for step in (6, 7, 8):
        s = np.uint64(step)
        pair = (own << s) & (own << TWO * s)
        found |= pair & (own << THREE * s)
        found |= pair & (own >> s)
        pair = (own >> s) & (own >> TWO * s)
        found |= pair & (own << s)
        found |= pair & (own >> THREE * s)
    return found & (BOARD ^ occupied)


@leaf_kernel
def count(bits):  # type: ignore[no-untyped-def]
    """How many bits are set."""
    found = 0
    while bits:
        bits &= bits - ONE
        found += 1
    return found


@kernel
def bounded(own, other, stones, low, high, table, counter):  # type: ignore[no-untyped-def]
    """The score of a position in which no move wins at once, if it is in (low, high); else a bound beyond.

    own, other: stones of the side to move and of the other. table [N] uint64, N odd. counter [2]: positions
    looked at, and at how many to give up; then the answer is nothing.
    """
    if counter[0] >= counter[1]:
        return 0
    counter[0] += 1
    occupied = own | other
    threats = winning_points(other, occupied)
    playable = (occupied + BOTTOM) & BOARD
    forced = playable & threats
    if forced:
        if forced & (forced - ONE):
            return -((CELLS - stones) // 2)
        playable = forced
    playable &= ~(threats >> ONE)  # a stone below a threat lets the other side have it
    if not playable:
        return -((CELLS - stones) // 2)
    if stones >= CELLS - 2:
        return 0
    least, most = -((CELLS - 2 - stones) // 2), (CELLS - 1 - stones) // 2
    if low < least:
        low = least
        if low >= high:
            return low
    position = own + occupied
    slot = position % np.uint64(len(table))
    entry = table[slot]
    if entry >> VALUE_BITS == position and entry:
        stored = np.int64(entry & np.uint64(255))
        if stored >= LOWER:
            bound = stored - LOWER - MIDDLE
            if bound > low:
                low = bound
                if low >= high:
                    return low
        else:
            most = min(most, stored - MIDDLE)
    if high > most:
        high = most
        if low >= high:
            return high
    moves = np.zeros(COLUMNS, np.uint64)
    merits = np.zeros(COLUMNS, np.int64)
    found = 0
    for column in ORDER:
        move = playable & COLUMN[column]
        if not move:
            continue
        merit = count(winning_points(own | move, occupied | move))
        at = found
        while at and merits[at - 1] < merit:
            moves[at], merits[at] = moves[at - 1], merits[at - 1]
            at -= 1
        moves[at], merits[at] = move, merit
        found += 1
    for k in range(found):
        score = -bounded(other, own | moves[k], stones + 1, -high, -low, table, counter)
        if counter[0] >= counter[1]:
            return 0
        if score >= high:
            table[slot] = position << VALUE_BITS | np.uint64(score + MIDDLE + LOWER)
            return score
        low = max(low, score)
    table[slot] = position << VALUE_BITS | np.uint64(low + MIDDLE)
    return low


@kernel
def solved(own, other, table, counter):  # type: ignore[no-untyped-def]
    """The score of a position that is not over, or nothing where the counter [2] ends first."""
    occupied = own | other
    stones = count(occupied)
    if winning_points(own, occupied) & (occupied + BOTTOM):
        return (CELLS + 1 - stones) // 2
    low, high = -((CELLS - stones) // 2), (CELLS + 1 - stones) // 2
    while low < high:  # halved by asking whether it is more, the answers near 0 first: they come quickest
        middle = low + (high - low) // 2
        if middle <= 0 and low // 2 < middle:
            middle = -(-low // 2)
        elif middle >= 0 and high // 2 > middle:
            middle = high // 2
        score = bounded(own, other, stones, middle, middle + 1, table, counter)
        if counter[0] >= counter[1]:
            return 0
        if score <= middle:
            high = score
        else:
            low = score
    return low


@kernel
def scores(own, other, table, counter, out):  # type: ignore[no-untyped-def]
    """The score of each column [7] for the side to move, FULL where full; whether the counter sufficed."""
    occupied = own | other
    stones = count(occupied)
    wins = winning_points(own, occupied)
    for column in range(COLUMNS):
        move = (occupied + BOTTOM) & COLUMN[column]
        if not move:
            out[column] = FULL
        elif move & wins:
            out[column] = (CELLS + 1 - stones) // 2
        elif stones == CELLS - 1:
            out[column] = 0
        else:
            out[column] = -solved(other, own | move, table, counter)
    return counter[0] < counter[1]


def stones_of(state: States) -> tuple[np.uint64, np.uint64]:
    """Bits of the side to move and of the other side, of a state [1]."""
    board = state["board"][0]
    bits = [0, 0]
    for row, column in np.argwhere(board):
        bits[board[row, column] - 1] |= 1 << HEIGHT * int(column) + ROWS - 1 - int(row)
    mover = int(state["to_play"][0])
    return np.uint64(bits[mover]), np.uint64(bits[1 - mover])


def winning_column(state: States) -> int | None:
    """A column that wins at once, for the side to move of a state [1]."""
    own, other = stones_of(state)
    wins = winning_points(own, own | other) & ((own | other) + BOTTOM)
    return next((column for column in range(COLUMNS) if COLUMN[column] & np.uint64(wins)), None)


class Solver:
    """Scores of positions, and a table of what was found out on the way."""

    def __init__(self, mebibytes: int = 256) -> None:
        self.table: NDArray[np.uint64] = np.zeros((mebibytes << 17) - 1, np.uint64)
        self.positions = 0  # looked at so far

    def scores(self, state: States, stop: Callable[[], bool] | None = None) -> NDArray[np.int64] | None:
        """What each column [7] leads to for the side to move if both play perfectly: the sign says who wins.

        The more, the sooner it wins, or the later it loses; FULL for a full column. state [1] is not over.
        None where `stop` said True on the way; what was found stays in the table.
        """
        own, other = stones_of(state)
        out = np.zeros(COLUMNS, np.int64)
        budget = BUDGET
        while not (stop is not None and stop()):
            counter = np.array([0, budget])
            done = scores(own, other, self.table, counter, out)
            self.positions += int(counter[0])
            if done:
                return out
            budget += budget // 4  # what the table has forgotten has to be found again
        return None
