"""The one way in which Tengen compiles a kernel."""

from collections.abc import Callable
from typing import TypeVar

import numba

F = TypeVar("F", bound=Callable[..., object])


def kernel(function: F) -> F:
    """Compile with an on-disk cache, without the GIL. Plain Python under NUMBA_DISABLE_JIT=1."""
    compiled: F = numba.njit(cache=True, nogil=True, error_model="numpy")(function)
    return compiled
