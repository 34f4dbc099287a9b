"""The Hub protocol for draughts programs, version 2, as text.

F. Letouzey, "Hub protocol for draughts, version 2" (protocol.txt of Scan 3.0), 2017. Every line is
`command name=value name="a value" flag`.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tengen.errors import TengenError

_WORD = re.compile(r'\s*([^\s="]+)(?:\s*=\s*(?:"([^"]*)"|([^\s"]+)))?')
_CONTROL = re.compile(r'[\x00-\x1f\x7f"]')


class HubFault(TengenError):
    """Text that is not the protocol."""


@dataclass(frozen=True)
class Message:
    """One line, of either side. A flag's value is ""."""

    name: str
    arguments: Mapping[str, str] = field(default_factory=dict)


def parse_message(line: str) -> Message | None:
    """The message in a line, None where it is blank. Raises HubFault."""
    text = line.strip()
    if not text:
        return None
    words: list[tuple[str, str | None]] = []
    at = 0
    while at < len(text):
        match = _WORD.match(text, at)
        if not match:
            raise HubFault(f"expected name=value, got '{text[at : at + 80]}'")
        words.append((match[1], match[2] if match[2] is not None else match[3]))
        at = match.end()
    name, value = words[0]
    if value is not None:
        raise HubFault(f"expected a command, got '{text[:80]}'")
    return Message(name, {key: value or "" for key, value in words[1:]})


def format_message(name: str, /, **arguments: object) -> str:
    """A message's line, with its end; underscores of names stand for hyphens, True makes a flag.

    Raises HubFault for a value that would break the line.
    """
    words = [name]
    for key, value in arguments.items():
        text = str(value)
        if _CONTROL.search(text):
            raise HubFault(f"{text!r} cannot be sent over Hub; expected no quotes and no control characters")
        quoted = f'"{text}"' if not text or re.search(r"[\s=]", text) else text
        words.append(key.replace("_", "-") + ("" if value is True else f"={quoted}"))
    return " ".join(words) + "\n"


def format_position(to_play: int, pieces: Iterable[str]) -> str:
    """A position: side to move (0 Black, 1 White) and what stands on each square, of "b B w W ."."""
    return "BW"[to_play] + "".join(pieces).replace(".", "e")


@dataclass(frozen=True)
class HubMove:
    """A move: where from, where to, and what is captured on the way, in any order."""

    origin: int
    target: int
    captured: frozenset[int] = frozenset()

    def __str__(self) -> str:
        if not self.captured:
            return f"{self.origin}-{self.target}"
        return "x".join(map(str, [self.origin, self.target, *sorted(self.captured)]))


def parse_move(text: str) -> HubMove:
    """The move that text writes. Raises HubFault."""
    if match := re.fullmatch(r"([0-9]{1,2})-([0-9]{1,2})", text):
        return HubMove(int(match[1]), int(match[2]))
    if re.fullmatch(r"[0-9]{1,2}(x[0-9]{1,2}){2,}", text):
        origin, target, *captured = map(int, text.split("x"))
        return HubMove(origin, target, frozenset(captured))
    raise HubFault(f"'{text[:80]}' is not a move; moves look like 11-15 or 22x15x18")


def format_moves(moves: Iterable[HubMove]) -> str:
    """Moves as the argument `moves` has them."""
    return " ".join(map(str, moves))
