"""What was received is kept when what sends it is lost."""

import contextlib
from collections.abc import Callable, Iterator

from tengen.errors import MachineError


@contextlib.contextmanager
def saving(save: Callable[[], None], *first: Callable[[], object]) -> Iterator[None]:
    """Save the run, after what is to be done first, before a fault of machines ends it.

    Where that fails too, the first fault is told.
    """
    try:
        yield
    except MachineError:
        with contextlib.suppress(MachineError):
            for step in (*first, save):
                step()
        raise
