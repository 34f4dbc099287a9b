"""The eight symmetries of the square board as index tables."""

import numpy as np
from numpy.typing import NDArray


def square_symmetries(size: int) -> NDArray[np.int32]:
    """[8, size * size]: symmetry s moves point p to table[s, p]; row 0 is the identity.

    Symmetry s transposes if s & 4, then mirrors rows if s & 2, then mirrors columns if s & 1.
    """
    row, column = np.divmod(np.arange(size * size), size)
    table = np.empty((8, size * size), np.int32)
    for s in range(8):
        r, c = (column, row) if s & 4 else (row, column)
        if s & 2:
            r = size - 1 - r
        if s & 1:
            c = size - 1 - c
        table[s] = r * size + c
    return table
