"""Pictures made smaller, by the mean of the area that each new pixel covers."""

import numpy as np
from numpy.typing import NDArray


def resize(image: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """The picture [H, W, ...] as [height, width, ...], rounded: OpenCV's INTER_AREA where both shrink."""
    down = _means(image.astype(np.float64), height)  # [height, W, ...]
    across = _means(down.swapaxes(0, 1), width).swapaxes(0, 1)  # [height, width, ...]
    return np.clip(np.rint(across), 0, 255).astype(np.uint8)


def _means(rows: NDArray[np.float64], new: int) -> NDArray[np.float64]:
    """[old, ...] as [new, ...]: sums up to each border between new rows, and their differences.

    A matrix product says it in one line, but takes a hundred times as long where BLAS threads wait for cores.
    """
    old = len(rows)
    borders = np.arange(new + 1) * (old / new)
    whole = np.minimum(borders.astype(int), old - 1)
    part = (borders - whole).reshape(-1, *[1] * (rows.ndim - 1))
    sums = np.zeros((old + 1, *rows.shape[1:]))
    np.cumsum(rows, axis=0, out=sums[1:])
    return np.asarray(np.diff(sums[whole] + part * rows[whole], axis=0) * (new / old))
