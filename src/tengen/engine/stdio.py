"""A session over standard input and output: lines in, responses out, and nothing else ever on the output."""

import os
import select
import sys
import time
from collections.abc import Callable

LONGEST_LINE = 1 << 20  # bytes; what is longer is dropped
CHUNK = 1 << 16


class StandardWire:
    """Two file descriptors, without threads: input that comes during a search is seen by asking for it."""

    def __init__(self, read_fd: int, write_fd: int) -> None:
        self._in, self._out = read_fd, write_fd
        self._lines: list[bytes] = []  # the next one last
        self._rest = b""
        self._dropping = self._ended = False
        self._unsent: list[bytes] = []
        self._poll = select.poll()
        self._poll.register(write_fd, 0)  # errors and hang-ups are told without asking for them

    def send(self, text: str) -> None:
        """Write text at once. Raises BrokenPipeError where nobody reads."""
        self.put(text)
        self.flush()

    def put(self, text: str) -> None:
        """Keep text until `flush`, or until a line is waited for."""
        if text:
            self._unsent.append(text.encode("utf-8", "replace"))

    def flush(self) -> None:
        """Write what is kept."""
        data = memoryview(b"".join(self._unsent))
        self._unsent.clear()
        while data:
            data = data[os.write(self._out, data) :]

    def pending(self) -> bool:
        """Whether a line, or the end, has come."""
        self._look()
        return bool(self._lines) or self._ended

    def closed(self) -> bool:
        """Whether nobody is there to hear an answer; the end of the input alone may be a script's."""
        return bool(self._poll.poll(0))

    def heard(self, *words: str) -> bool:
        """Whether one of these words begins a line that waits."""
        self._look()
        heads = {line.split(None, 1)[0] for line in self._lines if line.strip()}
        return any(word.encode() in heads for word in words)

    def wait(self, seconds: float) -> None:
        """Sleep, at most until input comes."""
        until = time.monotonic() + seconds
        while not self.pending() and (left := until - time.monotonic()) > 0:
            select.select([self._in], [], [], left)

    def next_line(self) -> str | None:
        """The next line without its end, None at the end of the input."""
        while not self._lines:
            if self._ended:
                return None
            self.flush()
            self._take()
        return self._lines.pop().decode("utf-8", "surrogateescape")

    def _look(self) -> None:
        while not self._ended and select.select([self._in], [], [], 0)[0]:
            self._take()
            if self._lines:
                return

    def _take(self) -> None:
        try:
            data = os.read(self._in, CHUNK)
        except OSError:
            data = b""
        if not data:
            self._ended = True
            if self._rest and not self._dropping:
                self._lines.insert(0, self._rest)
            self._rest = b""
            return
        *lines, rest = data.split(b"\n")
        if lines:
            lines[0] = self._rest + lines[0]
            if self._dropping or len(lines[0]) > LONGEST_LINE:
                lines.pop(0)
            self._rest, self._dropping = b"", False
            self._lines = lines[::-1] + self._lines
        self._rest += rest
        if len(self._rest) > LONGEST_LINE:
            self._rest, self._dropping = b"", True


def private_output() -> int:
    """A descriptor of standard output that is ours alone; whatever else is printed goes to standard error."""
    sys.stdout.flush()
    mine = os.dup(1)
    os.dup2(2, 1)
    return mine


def serve(
    wire: StandardWire,
    answer: Callable[[str], str],
    is_over: Callable[[], bool],
    idle: Callable[[], None] | None = None,
) -> None:
    """Answer lines until the session is over or nobody is there any more; `idle` runs while none waits."""
    try:
        while not is_over():
            if idle is not None and not wire.pending():
                wire.flush()
                idle()
            line = wire.next_line()
            if line is None:
                break
            wire.put(answer(line))
        wire.flush()
    except BrokenPipeError:
        return
