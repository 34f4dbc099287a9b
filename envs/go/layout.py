"""How a Go position lies in memory: one record a game, one layout and one compilation for every board size.

Kernels see a record as an array `words` of uint16 and as an array `longs` of uint64 over the same bytes. A
point is named by the index of its first word, its *address*, so that the neighbours of point p are p - 8,
p + 8 and p -+ 8 * (size + 1); a column of border cells on the left and border rows above and below close the
board.
Fields of four bytes hold less than 2**15, so that their low word is their value (little-endian machines).
"""

import numpy as np
from numpy.typing import NDArray

from tengen.envs.game import COMMON_FIELDS

# Words of the header.
TURN = 0  # to_play in the low byte, terminal in the high byte
TERMINAL = 256
PLY = 2
SIZE = 8
RULES = 9
SUICIDE = 10
PASSES = 11
KOMI = 12  # in half points, signed
KO = 13  # where a lone stone was just taken by a lone stone, or 0
EMPTIES = 14  # how many points are empty
CAP = 15
RECENT = 16  # the action of ply i stands at RECENT + i % 8, NO_MOVE where it is unknown
HISTORY_LENGTH = 24
HISTORY_START = 25  # index into longs
BLACK_RANK = 26  # of records of people, 0 where it is unknown; only features read it
WHITE_RANK = 27
POINTS = 32  # address of cell 0

HASH = 1  # in longs

# Words of a point.
COLOR = 0
CHAIN = 1  # address of the chain's root; an empty point and a border cell are their own
NEXT = 2  # the next stone of the chain, in a circle
LIBS = 3  # at a root: pseudo-liberties; at an empty point: how many neighbours are empty
SLOT = 4  # at an empty point: its place in the list of empty points
STONES = 4  # at a root: stones in the chain; shares the word with SLOT
LISTED = 5  # word of cell i: the i-th empty point
EVER = 6  # bits of the colours that have stood here
ACTION = 7
CELL = 8  # words of a point

EMPTY, BLACK, WHITE, BORDER = 0, 1, 2, 3
POSITIONAL, SITUATIONAL, SIMPLE = 0, 1, 2
RULE_NAMES = ("positional", "situational", "simple")
NO_MOVE = 0xFFFF
BORDER_LIBERTIES = 16384  # more than stones could ever take away

# What `verdict` says of a move.
LEGAL, OCCUPIED, SUICIDAL, REPEATS = 0, 1, 2, 3

MAX_SIZE = 19


def cells(size: int) -> int:
    """Cells of a board with its border."""
    return (size + 2) * (size + 1) + 1


def go_dtype(size: int, cap: int) -> np.dtype[np.void]:
    """The record of a game of at most cap plies on size x size."""
    dtype = np.dtype(
        [
            *COMMON_FIELDS,
            ("size", "i2"),
            ("rules", "i2"),
            ("suicide", "i2"),
            ("passes", "i2"),
            ("komi2", "i2"),
            ("ko", "u2"),
            ("empties", "i2"),
            ("cap", "i2"),
            ("recent", "u2", (8,)),
            ("history_length", "i2"),
            ("history_start", "i2"),
            ("ranks", "u2", (2,)),
            ("spare", "u2", (4,)),
            ("points", "u2", (cells(size), CELL)),
            ("history", "u8", (cap + 1,)),  # hashes of all positions so far, as the repetition rule sees them
        ],
        align=True,
    )
    assert dtype.fields is not None and dtype.fields["points"][1] == 2 * POINTS
    return dtype


def _splitmix(count: int, seed: int) -> NDArray[np.uint64]:
    """Deterministic 64-bit keys, the same in every process and version."""
    mask = 2**64 - 1
    keys = []
    for i in range(1, count + 1):
        z = (seed + i * 0x9E3779B97F4A7C15) & mask
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        keys.append(z ^ (z >> 31))
    return np.array(keys, np.uint64)


#: Key of colour c at address p: ZOBRIST[(p >> 2) + c].
ZOBRIST = _splitmix((POINTS + CELL * cells(MAX_SIZE)) // 4 + 3, seed=0x60)
#: Key of White to move, under situational superko.
WHITE_TO_MOVE = _splitmix(1, seed=0x61)[0]
