"""What was received is kept when what sends it is lost."""

import contextlib
from collections.abc import Callable, Iterator

from tengen.errors import MachineError


@contextlib.contextmanager
def saving(save: Callable[[], None]) -> Iterator[None]:
    """Save the run before a fault of machines ends it; where that fails too, the first fault is told."""
    try:
        yield
    except MachineError:
        with contextlib.suppress(MachineError):
            save()
        raise
