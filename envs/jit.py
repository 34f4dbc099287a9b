"""The one way in which Tengen compiles a kernel."""

from collections.abc import Callable
from typing import Any, TypeVar

import numba

F = TypeVar("F", bound=Callable[..., object])


def kernel(function: F) -> F:
    """Compile with an on-disk cache, without the GIL. Plain Python under NUMBA_DISABLE_JIT=1."""
    compiled: F = numba.njit(cache=True, nogil=True, error_model="numpy")(function)
    return once_for_all_integers(compiled)


def leaf_kernel(function: F) -> F:
    """Compile a kernel that allocates nothing and returns no array, and leave out reference counting.

    The atomic counts that Numba keeps on every array argument otherwise take more than half the time of a
    short kernel that other kernels call. Interpreted under NUMBA_DISABLE_JIT=1 like any other.
    """
    try:
        compiled: F = numba.njit(cache=True, nogil=True, error_model="numpy", _nrt=False)(function)
    except KeyError:  # a Numba without the option
        return kernel(function)
    return once_for_all_integers(compiled)


def once_for_all_integers(compiled: F) -> F:
    """Compile a kernel that other kernels call with integers of several kinds once, as for int64.

    Numba takes `at(words, 3)` and `at(words, 4)` for calls with arguments of two types, 3 and 4, and compiles
    both. LLVM finds the constants again where it inlines the call, so that this only costs time at the start:
    a third of all of it.
    """
    template: Any = getattr(compiled, "get_call_template", None)
    if template is not None:  # a plain function under NUMBA_DISABLE_JIT=1 has none

        def with_wide_integers(args: Any, kws: Any) -> Any:
            return template([_widened(arg) for arg in args], {name: _widened(kws[name]) for name in kws})

        setattr(compiled, "get_call_template", with_wide_integers)  # noqa: B010
    return compiled


def _widened(argument: Any) -> Any:
    plain = numba.types.unliteral(argument)
    return numba.types.int64 if isinstance(plain, numba.types.Integer) and plain.signed else plain


def vector_kernel(function: F) -> F:
    """A `leaf_kernel` whose float sums may be taken in any order, so that they run on vector instructions."""
    try:
        compiled: F = numba.njit(
            cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract"}, _nrt=False
        )(function)
    except KeyError:  # a Numba without the option
        return kernel(function)
    return compiled
