"""Searches that stand aside for a moment while the screen answers a key.

Python's threads take turns, so a key whose answer takes the screen some milliseconds waits for a search
several times on its way. A search that sleeps meanwhile loses next to nothing, for keys are rare.
"""

import gc
import time

ASIDE_S = 0.03  # as long as an answer to a key takes at most
NAP_S = 0.004


class Courtesy:
    """Until when searches stand aside; written by the screen's thread, read by theirs."""

    def __init__(self) -> None:
        self._until = 0.0

    def please(self) -> None:
        """The screen has something to do."""
        self._until = time.monotonic() + ASIDE_S

    def stand_aside(self) -> None:
        """Wait as long as the screen has something to do; called between two batches of a search."""
        while time.monotonic() < self._until:
            time.sleep(NAP_S)


COURTESY = Courtesy()


def leave_in_peace() -> None:
    """Take all that is there now, whole libraries, out of Python's search for garbage.

    That search stops every thread, for half a second where torch and numba are loaded.
    """
    gc.freeze()
