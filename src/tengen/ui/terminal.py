"""The whole terminal as a screen that is drawn again and again, and left as it was found."""

import contextlib
import os
import select
import signal
import sys
import termios
import tty
from types import FrameType, TracebackType
from typing import Any, Self, TextIO

from tengen.ui.halfblocks import HALF_BLOCK, Colours

ENTER = "\x1b[?1049h\x1b[?25l\x1b[2J"  # the alternate screen, no cursor, empty
LEAVE = "\x1b[0m\x1b[?25h\x1b[?1049l"
HOLD, RELEASE = "\x1b[?2026h", "\x1b[?2026l"  # show what is between at once; unknown to some, who ignore it


def colours_of(stream: TextIO) -> Colours:
    """What the stream can show: true colour, 256, or none (a pipe, TERM=dumb, NO_COLOR, only 16 colours, or
    an encoding without half blocks)."""
    from rich.console import Console

    try:
        HALF_BLOCK.encode(stream.encoding or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return "none"
    console = Console(file=stream)
    if console.no_color:
        return "none"
    known: dict[str | None, Colours] = {"truecolor": "true", "256": "256"}
    return known.get(console.color_system, "none")


class Terminal:
    """A context manager; inside, `draw` shows lines and `key` reads the keyboard without Enter."""

    def __init__(self, stream: TextIO | None = None, keyboard: TextIO | None = None) -> None:
        """stream: must be a terminal; a keyboard that is none gives no keys."""
        self._stream = stream or sys.stdout
        self._keyboard: int | None = None
        with contextlib.suppress(OSError, ValueError):
            descriptor = (keyboard or sys.stdin).fileno()
            self._keyboard = descriptor if os.isatty(descriptor) else None
        self._modes: list[Any] | None = None
        self._drawn: list[str] = []
        self._size = (0, 0)
        self._stop_before: Any = None

    def __enter__(self) -> Self:
        self._stop_before = signal.signal(signal.SIGTSTP, self._suspend)
        self._open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()
        signal.signal(signal.SIGTSTP, self._stop_before)

    def size(self) -> tuple[int, int]:
        """Lines and columns, as they are now."""
        columns, lines = os.get_terminal_size(self._stream.fileno())
        return (lines or 24, columns or 80)  # a terminal that does not know says 0

    def draw(self, lines: list[str]) -> None:
        """Show the lines from the top; only those that differ from the last ones are sent."""
        size = self.size()
        out = [HOLD]
        if size != self._size:
            self._size, self._drawn = size, []
            out.append("\x1b[2J")
        for row, line in enumerate(lines):
            if row >= len(self._drawn) or self._drawn[row] != line:
                # Erased first: after a full line the cursor waits on its last character, which would go.
                out.append(f"\x1b[{row + 1};1H\x1b[K{line}")
        if len(self._drawn) > len(lines):
            out.append(f"\x1b[{len(lines) + 1};1H\x1b[J")
        self._drawn = list(lines)
        self._write("".join([*out, RELEASE]))

    def key(self, wait_s: float = 0.0) -> str | None:
        """A key that was pressed, or is within the time; None if none was."""
        if self._keyboard is None:
            select.select([], [], [], max(0.0, wait_s))
            return None
        ready, _, _ = select.select([self._keyboard], [], [], max(0.0, wait_s))
        if not ready:
            return None
        data = os.read(self._keyboard, 64)  # all bytes of an arrow key at once, so that none seems a letter
        if not data:
            self._keyboard = None
        return data.decode(errors="replace") or None

    def _open(self) -> None:
        if self._keyboard is not None:
            self._modes = termios.tcgetattr(self._keyboard)
            tty.setcbreak(self._keyboard)
        self._drawn, self._size = [], (0, 0)
        self._write(ENTER)

    def _close(self) -> None:
        with contextlib.suppress(OSError):  # the window may have been closed
            self._write(LEAVE)
            if self._keyboard is not None and self._modes is not None:
                termios.tcsetattr(self._keyboard, termios.TCSADRAIN, self._modes)

    def _suspend(self, number: int, frame: FrameType | None) -> None:
        """Ctrl-Z: give the terminal back for as long as we sleep."""
        self._close()
        os.kill(os.getpid(), signal.SIGSTOP)
        self._open()

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
