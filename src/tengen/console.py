"""What the user sees: progress, tables, and the JSON object that ends a command's output."""

import json
import os
import sys
import textwrap
import time
from collections.abc import Iterable, Iterator, Sequence
from types import TracebackType
from typing import Any, Self, TextIO, TypeVar

from tengen.plain import jsonable

T = TypeVar("T")

PLAIN_WIDTH = 80  # columns of a table in a pipe
LINE_INTERVAL_S = 5.0  # between progress lines in a pipe


def is_terminal(stream: TextIO) -> bool:
    """Whether the stream shows to a person on a terminal that can move its cursor."""
    return stream.isatty() and os.environ.get("TERM", "") not in ("dumb", "unknown")


def emit_json(value: Any) -> None:
    """Print one JSON object on a line of its own: the last line of a command given --json."""
    sys.stdout.flush()
    print(json.dumps(jsonable(value), allow_nan=False, ensure_ascii=False), flush=True)


def duration(seconds: float) -> str:
    """ "0:42", "12:05", "3:07:00"."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def number(value: float) -> str:
    """A figure to read: three or more significant digits, thousands apart."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if isinstance(value, int) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 10 else f"{value:.1f}"


class Progress:
    """Progress of long work on standard error: a bar on a terminal, now and then a line anywhere else.

    with Progress("self-play", total=2000, unit="games") as progress:
        for game in games:
            progress.advance(note="loss 1.32")
    """

    def __init__(
        self,
        title: str,
        total: float | None = None,
        unit: str = "",
        done: float = 0,
        interval_s: float = LINE_INTERVAL_S,
        stream: TextIO | None = None,
        share: float = 0.0,
    ) -> None:
        """`done` of `total` units are behind us already (a resumed run); the rate counts new ones only.

        share: of all the work that is behind us, where `update` tells it: `total` may not be what ends it.
        """
        self.title, self.total, self.unit = title, total, unit
        self.done = self._first = done
        self.note = ""
        self._share: float | None = None
        self._first_share = share
        self.interval_s = interval_s
        self._stream = stream or sys.stderr
        self._start = self._last_line = time.monotonic()
        self._bar: Any = None
        self._printed = (-1.0, "")

    def __enter__(self) -> Self:
        self._start = self._last_line = time.monotonic()
        if is_terminal(self._stream):
            from rich.console import Console
            from rich.progress import BarColumn, TextColumn
            from rich.progress import Progress as Bar

            text = TextColumn("{task.description}", markup=False)
            facts = TextColumn("{task.fields[facts]}", markup=False, justify="right")
            self._bar = Bar(text, BarColumn(None), facts, console=Console(file=self._stream), expand=True)
            self._bar.start()
            self._bar.add_task(self.title, total=self.total, completed=self.done, facts="")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.update(0, completed=self.done, facts=self._facts())
            self._bar.stop()
        elif (self.done, self.note) != self._printed:
            self._print_line()

    def advance(self, amount: float = 1, note: str | None = None) -> None:
        """`amount` more is done; `note` (a loss, a score) shows beside the rate until the next one."""
        self.update(self.done + amount, note)

    def update(self, done: float, note: str | None = None, share: float | None = None) -> None:
        """`done` in all is done; share: 0 to 1 of the work, if that is not the share of `total`."""
        self.done = done
        if share is not None:
            self._share = share
        if note is not None:
            self.note = note
        if self._bar is not None:
            self._bar.update(0, completed=done, facts=self._facts())
        elif time.monotonic() - self._last_line >= self.interval_s:
            self._print_line()

    def track(self, items: Iterable[T]) -> Iterator[T]:
        """The items, each counted once it is dealt with."""
        for item in items:
            yield item
            self.advance()

    def say(self, text: str) -> None:
        """Print a line above the bar."""
        if self._bar is not None:
            self._bar.console.print(text, markup=False, highlight=False)
        else:
            print(text, file=self._stream, flush=True)

    def _facts(self) -> str:
        elapsed = time.monotonic() - self._start
        rate = (self.done - self._first) / elapsed if elapsed > 0 else 0.0
        count = f"{self.done:,.0f}" + (f"/{self.total:,.0f}" if self.total else "")
        facts = [f"{count} {self.unit}".strip()]
        if rate > 0:
            facts.append(f"{number(rate)}/s")
            left = (self.total - self.done) / rate if self.total else 0.0
            if self._share is not None and self._share > self._first_share:
                left = elapsed * (1 - self._share) / (self._share - self._first_share)
            if left > 0:
                facts.append(f"{duration(left)} left")
        if not self.total or self.done >= self.total or self._share == 1:
            facts.append(f"took {duration(elapsed)}")
        if self.note:
            facts.append(self.note)
        return ", ".join(facts)

    def _print_line(self) -> None:
        self._last_line, self._printed = time.monotonic(), (self.done, self.note)
        print(f"{self.title}: {self._facts()}", file=self._stream, flush=True)


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    title: str | None = None,
    stream: TextIO | None = None,
) -> None:
    """Print a table: drawn on a wide enough terminal, aligned text elsewhere. Numbers stand to the right."""
    stream = stream or sys.stdout
    cells = [list(row) for row in rows]
    right = [
        bool(cells) and all(isinstance(row[i], int | float) or row[i] in (None, "") for row in cells)
        for i in range(len(columns))
    ]
    text = [["" if value is None else number(value) for value in row] for row in cells]
    if not is_terminal(stream):
        print(plain_table(columns, text, right, title), file=stream)
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(file=stream)
    widths = [max(len(cell) for cell in column) for column in zip(columns, *text, strict=True)]
    if sum(widths) + 3 * len(widths) + 1 > console.width:  # lines between the columns would break their words
        print(plain_table(columns, text, right, title, console.width), file=stream)
        return
    drawn = Table(title=title and Text(title), title_justify="left", header_style="bold")
    for i, column in enumerate(columns):
        drawn.add_column(Text(column), justify="right" if right[i] else "left", overflow="fold")
    for row in text:
        drawn.add_row(*(Text(cell) for cell in row))
    console.print(drawn)


def plain_table(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    right: Sequence[bool],
    title: str | None = None,
    width: int = PLAIN_WIDTH,
) -> str:
    """The table as text of at most `width` columns where that can be; the widest columns wrap."""
    lines = [list(columns), *map(list, rows)]
    widths = [max(len(row[i]) for row in lines) for i in range(len(columns))]
    while sum(widths) + 2 * (len(widths) - 1) > width and max(widths) > 8:
        widths[widths.index(max(widths))] -= 1
    lines.insert(1, ["-" * size for size in widths])
    out = [title] if title else []
    for row in lines:
        wrapped = [textwrap.wrap(cell, size) or [""] for cell, size in zip(row, widths, strict=True)]
        for k in range(max(map(len, wrapped))):
            parts = [cell[k] if k < len(cell) else "" for cell in wrapped]
            aligned = [p.rjust(w) if r else p.ljust(w) for p, w, r in zip(parts, widths, right, strict=True)]
            out.append("  ".join(aligned).rstrip())
    return "\n".join(out)
