"""Reading and writing a record's words inside kernels.

An index converted to unsigned spares the test for a negative one, which costs more than the load itself.
"""

import numpy as np
from numpy.typing import NDArray

from tengen.envs.jit import leaf_kernel

Words = NDArray[np.uint16]  # a record as 16-bit words
Longs = NDArray[np.uint64]  # the same as 64-bit words
Raw = NDArray[np.uint8]  # [B, itemsize]: the memory of B records


@leaf_kernel
def at(words: Words, index: int) -> int:
    """The word at index, as a signed 64-bit integer."""
    return np.int64(words[np.uint64(index)])  # type: ignore[return-value]


@leaf_kernel
def put(words: Words, index: int, value: int) -> None:
    """Set the word at index."""
    words[np.uint64(index)] = value


@leaf_kernel
def add(words: Words, index: int, change: int) -> None:
    """Add to the word at index; the result is not negative."""
    words[np.uint64(index)] = np.int64(words[np.uint64(index)]) + change
