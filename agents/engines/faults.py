"""What can go wrong with a program, told apart."""

from collections.abc import Sequence
from typing import Any, Literal

from tengen.errors import MachineError, TengenError

FaultKind = Literal[
    "start",  # it cannot be started, or is not ready in time
    "hang",  # no answer
    "crash",  # it ended by a signal or with an exit status
    "exit",  # it left without being asked to
    "garbage",  # what it printed is not the protocol
    "illegal",  # a move that the rules forbid
    "colour",  # a move of the other side
    "time",  # the answer came too late
    "protocol",  # well-formed, and not an answer to what was asked
]

SHOWN_LINES = 3
SHOWN_CHARACTERS = 120


class EngineFault(MachineError):
    """A program failed. `kind` says how, `lines` are the last it printed, `slot` the board where it did."""

    def __init__(
        self, kind: FaultKind, engine: str, what: str, lines: Sequence[str] = (), slot: int | None = None
    ) -> None:
        self.kind, self.engine, self.what, self.lines, self.slot = kind, engine, what, tuple(lines), slot
        shown = " | ".join(line[:SHOWN_CHARACTERS] for line in self.lines[-SHOWN_LINES:])
        printed = f"its last lines were: {shown}" if shown else "it had printed nothing"
        super().__init__(f"engine '{engine}' {what}; {printed}")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.kind, self.engine, self.what, self.lines, self.slot)


class EngineRefusal(TengenError):
    """A program that works, and cannot play what it was asked to."""


def printable(text: str, most: int = SHOWN_CHARACTERS) -> str:
    """A program's text that may be shown: no control characters, not long."""
    cut = text if len(text) <= most else f"{text[:most]}..."
    if cut.isprintable():
        return cut
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in cut)
