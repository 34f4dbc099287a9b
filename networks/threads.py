"""Process-wide manners of torch on CPUs: threads by calling thread, and memory that is kept."""

import contextlib
from collections.abc import Iterator
from functools import lru_cache

import torch


@contextlib.contextmanager
def threads(count: int | None) -> Iterator[None]:
    """`count` threads for what the calling thread runs inside; None changes nothing. Costs a microsecond.

    torch keeps this setting by thread: threads that have used torch before keep theirs, later ones start with
    the latest that was set.
    """
    before = torch.get_num_threads()
    if count is None or count == before:
        yield
        return
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@lru_cache(maxsize=1)
def keep_freed_memory() -> None:
    """Let this process keep the blocks that torch frees, for the next batch: a quarter faster on Linux CPUs.

    glibc hands freed blocks of more than 128 KiB back to the system, and every batch then faults its pages in
    again. It stops doing so up to the size of the largest block that it has seen freed, 32 MiB at most
    (mallopt(3), M_MMAP_THRESHOLD): so one is freed.
    """
    torch.empty(31 << 20, dtype=torch.uint8)


@contextlib.contextmanager
def flushed_denormals() -> Iterator[None]:
    """Inside, the calling thread takes numbers below 1e-38 for zero; costs a microsecond.

    The moments of an optimizer decay towards zero wherever gradients stay away, as behind units that are
    silent, and arithmetic with what is left is forty times slower on CPUs.
    """
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
