"""The one way in which Tengen compiles a kernel."""

from collections.abc import Callable
from typing import TypeVar

import numba

F = TypeVar("F", bound=Callable[..., object])


def kernel(function: F) -> F:
    """Compile with an on-disk cache, without the GIL. Plain Python under NUMBA_DISABLE_JIT=1."""
    compiled: F = numba.njit(cache=True, nogil=True, error_model="numpy")(function)
    return compiled


def leaf_kernel(function: F) -> F:
    """Compile a kernel that allocates nothing and returns no array, and leave out reference counting.

    The atomic counts that Numba keeps on every array argument otherwise take more than half the time of a
    short kernel that other kernels call. Interpreted under NUMBA_DISABLE_JIT=1 like any other.
    """
    try:
        compiled: F = numba.njit(cache=True, nogil=True, error_model="numpy", _nrt=False)(function)
    except KeyError:  # a Numba without the option
        return kernel(function)
    return compiled
