"""Ctrl-C that lets the step in hand finish."""

import contextlib
import os
import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self

MESSAGE = "finishing the step, press Ctrl-C again to abort\n"


class GracefulInterrupt:
    """While open, the first SIGINT or SIGTERM sets `stop_requested`, the second raises KeyboardInterrupt.

    with GracefulInterrupt() as interrupt:
        while not interrupt.stop_requested:
            step()
    """

    def __init__(self, message: str = MESSAGE) -> None:
        self.stop_requested = False
        self._count = 0
        self._message = message
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():  # Python allows handlers nowhere else
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before.clear()

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.stop_requested = True
        self._count += 1
        if self._count == 1:
            with contextlib.suppress(OSError):
                os.write(2, self._message.encode())  # print may not be called in the middle of a print
        elif self._count == 2:
            raise KeyboardInterrupt
        else:
            os._exit(130)  # what the second one set off is stuck
