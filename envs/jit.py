"""The one way in which Tengen compiles a kernel."""

from collections.abc import Callable
from types import FunctionType
from typing import Any, TypeVar

import numba

F = TypeVar("F", bound=Callable[..., object])

#: The twins below lean on Numba's dispatcher; versions not tried compile in the ordinary, slower way.
TWINS = (0, 61) <= tuple(int(part) for part in numba.__version__.split(".")[:2]) < (0, 70)


def kernel(function: F) -> F:
    """Compile with an on-disk cache, without the GIL. Plain Python under NUMBA_DISABLE_JIT=1."""
    return _compiled(function)


def leaf_kernel(function: F) -> F:
    """Compile a kernel that allocates nothing and returns no array, and leave out reference counting.

    The atomic counts that Numba keeps on every array argument otherwise take more than half the time of a
    short kernel that other kernels call. Interpreted under NUMBA_DISABLE_JIT=1 like any other.
    """
    return _without_counts(function)


def vector_kernel(function: F) -> F:
    """A `leaf_kernel` whose float sums may be taken in any order, so that they run on vector instructions."""
    return _without_counts(function, fastmath={"reassoc", "contract"})


def _without_counts(function: F, **options: Any) -> F:
    try:
        return _compiled(function, _nrt=False, **options)
    except KeyError:  # a Numba without the option
        return _compiled(function, **options)


def _compiled(function: F, **options: Any) -> F:
    # The wrapper for C callers, which nobody is, takes a tenth of the time of compiling.
    options |= {"cache": True, "nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True}
    compiled = numba.njit(**options)(function)
    is_recursive = function.__name__ in function.__code__.co_names
    # A plain function under NUMBA_DISABLE_JIT=1 has no templates; one that calls itself cannot call a twin.
    if TWINS and hasattr(compiled, "get_call_template") and not is_recursive:
        _compile_inner_calls_apart(compiled, function, options)
    return compiled


def _compile_inner_calls_apart(compiled: Any, function: Any, options: dict[str, Any]) -> None:
    """Let other kernels call a twin of the kernel that compiles once, and without a face to Python.

    Numba takes `at(words, 3)` and `at(words, 4)` for calls with arguments of two types, 3 and 4, and compiles
    both; the twin takes every signed integer as int64, and LLVM finds the constants again where it inlines
    the call. The wrapper that unpacks Python's arguments is the larger part of a short kernel. Together that
    is more than half the time of a first start. The twin has a name of its own because the cache on disk goes
    by names.
    """
    same = FunctionType(
        function.__code__,
        function.__globals__,
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    same.__qualname__ = f"{function.__qualname__}.inner"
    same.__module__ = function.__module__
    twin = numba.njit(**options, no_cpython_wrapper=True)(same)

    def template(args: Any, kws: Any) -> Any:
        return twin.get_call_template([_widened(arg) for arg in args], {k: _widened(kws[k]) for k in kws})

    compiled.get_call_template = template
    compiled.get_overload = twin.get_overload


def _widened(argument: Any) -> Any:
    plain = numba.types.unliteral(argument)
    return numba.types.int64 if isinstance(plain, numba.types.Integer) and plain.signed else plain
