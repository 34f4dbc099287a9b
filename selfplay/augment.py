"""Symmetries of the board applied to a batch of training samples."""

import numpy as np
from numpy.typing import NDArray

from tengen.envs.game import Floats
from tengen.envs.jit import kernel


@kernel
def permute_points(
    source: NDArray[np.float32],
    target: NDArray[np.float32],
    tables: NDArray[np.int32],
    chosen: NDArray[np.int64],
) -> None:
    """target[i, tables[chosen[i], p]] = source[i, p] for [B, P, C]: planes follow the points."""
    for i in range(len(chosen)):
        table = tables[chosen[i]]
        for p in range(source.shape[1]):
            for c in range(source.shape[2]):
                target[i, table[p], c] = source[i, p, c]


def permute(values: Floats, tables: NDArray[np.int32], chosen: NDArray[np.int64]) -> Floats:
    """result[i, tables[chosen[i], j]] = values[i, j] for [B, J]: policies and ownership maps."""
    result = np.empty_like(values)
    np.put_along_axis(result, tables[chosen].astype(np.int64), values, axis=1)
    return result
