"""How many threads torch uses for one operation, by calling thread."""

import contextlib
from collections.abc import Iterator

import torch


def single_threaded() -> None:
    """Let the calling thread run every torch operation alone, as a rollout thread should.

    torch keeps this setting by thread: threads that have used torch before keep theirs, later ones start with
    the latest that was set. So each rollout thread calls this once, and a learner in another thread keeps its
    cores.
    """
    torch.set_num_threads(1)


@contextlib.contextmanager
def threads(count: int | None) -> Iterator[None]:
    """`count` threads for what the calling thread runs inside; None changes nothing. Costs a microsecond."""
    before = torch.get_num_threads()
    if count is None or count == before:
        yield
        return
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
