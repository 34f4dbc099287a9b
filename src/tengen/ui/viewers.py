"""Where one watches a game: on a terminal, line by line through a pipe, or later from a file."""

import time
from typing import Protocol, TextIO

import numpy as np
from numpy.typing import NDArray

from tengen.console import Progress
from tengen.pixels import resize
from tengen.ui.halfblocks import Colours, fit, lines
from tengen.ui.terminal import Terminal
from tengen.ui.video import Video, enlarge

Image = NDArray[np.uint8]  # [H, W, 3]

SMALLEST = (6, 16)  # lines and columns below which a picture shows nothing
LATE_S = 0.2  # behind time by more than this we no longer try to catch up


class Viewer(Protocol):
    """Shows picture after picture."""

    def show(self, image: Image, facts: list[str]) -> bool:
        """Show a picture with what is to be said of it, the weightiest first; False ends the play."""


class TerminalViewer:
    """Plays at the game's own speed in the whole terminal; keys: q quits, space pauses, + and - the speed."""

    HELP = "q quit  space pause  +/- speed"

    def __init__(
        self, terminal: Terminal, colours: Colours, aspect: float, per_second: float, speed: float
    ) -> None:
        """per_second: pictures at speed 1; speed 0 does not wait. aspect: as in `halfblocks.fit`."""
        self._terminal, self._colours, self._aspect = terminal, colours, aspect
        self._per_second, self._speed = per_second, speed
        self._due = time.monotonic()

    def show(self, image: Image, facts: list[str]) -> bool:
        """See `Viewer`. Waits until the picture's time is over; leaves pictures out where it is late."""
        paused = False
        now = time.monotonic()
        if self._speed == 0 or now - self._due < LATE_S:
            self._draw(image, facts, "")
        if self._speed > 0:
            self._due = max(self._due, now - 2 * LATE_S) + 1 / (self._per_second * self._speed)
        while True:
            wait = 0.1 if paused else (self._due - time.monotonic() if self._speed > 0 else 0.0)
            key = self._terminal.key(wait)
            if key in ("q", "Q", "\x1b"):
                return False
            if key == " ":
                paused = not paused
            elif key in ("+", "="):
                self._speed = min(self._speed * 2, 64.0)
            elif key == "-":
                self._speed = max(self._speed / 2, 1 / 16)
            if paused:
                self._draw(image, facts, "paused")
                self._due = time.monotonic()
            elif self._speed == 0 or time.monotonic() >= self._due:
                return True

    def _draw(self, image: Image, facts: list[str], state: str) -> None:
        rows, columns = self._terminal.size()
        if rows < SMALLEST[0] or columns < SMALLEST[1]:
            self._terminal.draw(["too small"[:columns]])
            return
        picture = drawn(image, self._aspect, rows - 1, columns, self._colours)
        help_text = f"{state}  {self.HELP}" if state else self.HELP
        self._terminal.draw([*picture, status(facts, help_text, columns)])


class PrintViewer:
    """Prints a picture in plain characters now and then, for where no cursor can be moved. Does not wait."""

    def __init__(self, stream: TextIO, aspect: float, every: int, rows: int = 24, columns: int = 80) -> None:
        """every: pictures from one that is printed to the next."""
        self._stream, self._aspect, self._every = stream, aspect, every
        self._rows, self._columns = rows, columns
        self._count = 0

    def show(self, image: Image, facts: list[str]) -> bool:
        """See `Viewer`."""
        if self._count % self._every == 0:
            picture = drawn(image, self._aspect, self._rows - 2, self._columns, "none")
            print("\n".join([*picture, status(facts, "", self._columns), ""]), file=self._stream, flush=True)
        self._count += 1
        return True


class VideoViewer:
    """Adds every picture to a file."""

    def __init__(self, video: Video, aspect: float, at_least: int, progress: Progress) -> None:
        """at_least: pixels high; a picture's are repeated until it is."""
        self._video, self._aspect, self._at_least, self._progress = video, aspect, at_least, progress
        self.pictures = 0

    def show(self, image: Image, facts: list[str]) -> bool:
        """See `Viewer`."""
        self._video.add(enlarge(image, self._aspect, self._at_least))
        self.pictures += 1
        self._progress.advance(note=", ".join(facts[:2]))
        return True


def drawn(image: Image, aspect: float, rows: int, columns: int, colours: Colours) -> list[str]:
    """The picture as large as fits, in the middle of `columns`."""
    height, width = fit(aspect, rows, columns, colours)
    margin = " " * ((columns - width) // 2)
    return [margin + line for line in lines(resize(image, height, width), colours)]


def status(facts: list[str], right: str, columns: int) -> str:
    """One line: as many of the facts as fit, and at its right end what still does."""
    line = ""
    for fact in facts:
        longer = f"{line}  {fact}" if line else fact
        if len(longer) > columns:
            break
        line = longer
    if right and len(line) + 2 + len(right) <= columns:
        line += right.rjust(columns - len(line))
    return line or (facts[0][:columns] if facts else "")
