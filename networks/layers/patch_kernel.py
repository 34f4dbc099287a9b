"""Cutting images into patches, four bytes at a time."""

import numpy as np
from numpy.typing import NDArray

from tengen.envs.jit import leaf_kernel


@leaf_kernel
def move_quads(images: NDArray[np.uint32], out: NDArray[np.uint32]) -> None:
    """images [B, C, H, W / 4] -> out [B, H / 4, W / 4, C * 4]; an item is four bytes side by side."""
    batch, channels, height, columns = images.shape
    for b in range(batch):
        for row in range(height // 4):
            for c in range(channels):
                for y in range(4):
                    # Reading in order and writing in strides is five times as fast as the other way round.
                    for column in range(columns):
                        out[b, row, column, c * 4 + y] = images[b, c, row * 4 + y, column]
