"""Random numbers inside kernels: splitmix64 (Steele, Lea, Flood 2014) on a one-element uint64 array.

Numba's own generator is hidden thread-local state; a stream that is an array can be seeded, saved, restored.
"""

import numba
import numpy as np
from numpy.typing import NDArray

from tengen.envs.jit import kernel

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
MIX1 = np.uint64(0xBF58476D1CE4E5B9)
MIX2 = np.uint64(0x94D049BB133111EB)


@kernel
def random_u64(rng: NDArray[np.uint64]) -> np.uint64:
    """The next 64 random bits; advances rng [1]."""
    rng[0] = rng[0] + GOLDEN
    z = rng[0]
    z = (z ^ (z >> np.uint64(30))) * MIX1
    z = (z ^ (z >> np.uint64(27))) * MIX2
    return z ^ (z >> np.uint64(31))


if numba.config.DISABLE_JIT:  # interpreted, a product that wraps around would warn
    random_u64 = np.errstate(over="ignore")(random_u64)


@kernel
def random_below(rng: NDArray[np.uint64], n: int) -> int:
    """A uniform integer in [0, n), n < 2**31 (multiply-shift; bias below 2**-32)."""
    high = random_u64(rng) >> np.uint64(32)
    # int() would stay unsigned when compiled, and an unsigned integer times a signed one is a float there.
    return np.int64((high * np.uint64(n)) >> np.uint64(32))  # type: ignore[return-value]


def make_rng(seed: int) -> NDArray[np.uint64]:
    """A stream for kernels."""
    return np.array([seed & 0xFFFFFFFFFFFFFFFF], dtype=np.uint64)
