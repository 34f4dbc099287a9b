"""Milliseconds from a key press to the repainted board while the opponent searches; seconds to the board.

`tengen play` runs in a pseudo-terminal of its own, against an opponent that does not come to an end, and
processes that only burn time keep the other cores busy, unless told otherwise. A key moves the cursor; the
time ends when the cursor's new place has come out of the terminal. The start is timed twice, the second time
with everything compiled and in the file cache.
"""

import argparse
import contextlib
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator

import numpy as np

from tengen.benchmarks.measuring import whole
from tengen.errors import MachineError

CURSOR = re.compile(
    b"38;2;29;111;214"
)  # the colour of a Go board's cursor, which nothing else that is repainted has
LAST_LINE = re.compile("└".encode())
SEARCHING = re.compile(rb"is thinking \.\.\. [0-9]")
PATIENCE_S = 120.0
BURN = "while True: pass"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the benchmark."""
    parser.add_argument("--game", default="go9", help="a size of Go; default: %(default)s")
    parser.add_argument("--opponent", default="mcts:models/go9?sims=200000", help="default: %(default)s")
    parser.add_argument("--keys", type=whole(1, 100_000), default=200, help="default: %(default)s")
    parser.add_argument("--columns", type=whole(20, 1000), default=80, help="default: %(default)s")
    parser.add_argument("--rows", type=whole(5, 1000), default=24, help="default: %(default)s")
    parser.add_argument(
        "--burners",
        type=whole(0, 1024),
        default=max(0, (os.cpu_count() or 1) - 1),
        help="default: %(default)s",
    )


def run(args: argparse.Namespace) -> dict[str, float]:
    """Figures: key_p50_ms, key_p95_ms, key_worst_ms, seconds (first start), warm_seconds."""
    with tempfile.TemporaryDirectory(prefix="tengen-ui-") as folder:
        command = [sys.executable, "-m", "tengen", "play", args.game, "--opponent", args.opponent, "--new"]
        starts = []
        for _ in range(2):
            with terminal(command, args.columns, args.rows, folder) as screen:
                starts.append(screen.until(LAST_LINE))
        with terminal(command, args.columns, args.rows, folder) as screen, burners(args.burners):
            screen.until(LAST_LINE)
            screen.press(b"e5")
            screen.until(SEARCHING)
            screen.press(b"j")
            screen.until(CURSOR)
            took = []
            for number in range(args.keys):
                screen.settle(0.01)
                screen.press(b"hjlk"[number // 3 % 4 : number // 3 % 4 + 1])
                took.append(1000 * screen.until(CURSOR))
    p50, p95 = np.percentile(took, [50, 95])
    return {
        "key_p50_ms": round(float(p50), 2),
        "key_p95_ms": round(float(p95), 2),
        "key_worst_ms": round(max(took), 2),
        "seconds": starts[0],
        "warm_seconds": starts[1],
    }


class Screen:
    """What a program writes to its terminal."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.since = time.perf_counter()
        self.pending = b""

    def press(self, keys: bytes) -> None:
        """Type; time counts from now."""
        self.pending = b""
        self.since = time.perf_counter()
        os.write(self.descriptor, keys)

    def until(self, sign: re.Pattern[bytes]) -> float:
        """Read until this comes; the seconds since the last key."""
        while not sign.search(self.pending):
            left = PATIENCE_S - (time.perf_counter() - self.since)
            if left <= 0 or not select.select([self.descriptor], [], [], left)[0]:
                raise MachineError(f"the board to be timed shows nothing for {PATIENCE_S:.0f} s")
            self._read()
        return time.perf_counter() - self.since

    def settle(self, seconds: float) -> None:
        """Read whatever comes within so much time."""
        until = time.perf_counter() + seconds
        while (left := until - time.perf_counter()) > 0:
            if select.select([self.descriptor], [], [], left)[0]:
                self._read()

    def _read(self) -> None:
        try:
            data = os.read(self.descriptor, 1 << 16)
        except OSError:  # the other end is closed
            data = b""
        if not data:
            raise MachineError("the board to be timed ended early")
        self.pending = (self.pending + data)[-(1 << 18) :]


@contextlib.contextmanager
def terminal(command: list[str], columns: int, rows: int, folder: str) -> Iterator[Screen]:
    """A program in a terminal of a certain size, whose games go to a folder; it ends with the block."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", "XDG_DATA_HOME": folder}
    environment.pop("NO_COLOR", None)
    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True
    )
    os.close(theirs)
    try:
        yield Screen(ours)
    finally:
        process.kill()
        process.wait()
        os.close(ours)


@contextlib.contextmanager
def burners(count: int) -> Iterator[None]:
    """Processes that keep cores busy."""
    processes = [subprocess.Popen([sys.executable, "-c", BURN]) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()
