"""A thread that does one piece of work at a time, for as long as the program lives."""

import queue
import threading
from collections.abc import Callable

from tengen.errors import TengenError

Job = Callable[[], None]
Deliver = Callable[[Job], None]  # lets a job run where the screen is drawn, from any thread


class Worker:
    """Jobs in order, off the caller's thread. A daemon: one that hangs keeps no program from ending."""

    def __init__(self, name: str) -> None:
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self.thread = threading.Thread(target=self._run, name=name, daemon=True)
        self.thread.start()

    def do(self, job: Job) -> None:
        """Put a job at the end; a job must not raise."""
        self._jobs.put(job)

    def close(self, wait_s: float = 0.0) -> None:
        """End the thread after the jobs that wait."""
        self._jobs.put(None)
        if wait_s:
            self.thread.join(wait_s)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()


def in_words(error: Exception) -> str:
    """A fault as one sentence."""
    if isinstance(error, TengenError):
        return " ".join(str(error).split())
    if isinstance(error, MemoryError):
        return "out of memory; fewer simulations need less"
    lines = str(error).strip().splitlines()
    return f"unexpected {type(error).__name__}{': ' + lines[0] if lines else ''}"
