"""The Go Text Protocol, version 2, as text: commands and responses, for both ends of the wire.

G. Farneback, "Specification of the Go Text Protocol, version 2, draft 2", 2002, sections 2.5 to 2.8.
"""

import re
from dataclasses import dataclass

from tengen.errors import TengenError

MOST_CHARACTERS = 1 << 20  # of one response
_ID = re.compile(r"([0-9]{1,18})(?:\s+|$)")
_HEAD = re.compile(r"([=?])([0-9]{0,18})(?:[ \t]+(.*)|$)")


class WireFault(TengenError):
    """Text that is not the protocol."""


@dataclass(frozen=True)
class Command:
    """What a controller asks."""

    name: str
    arguments: tuple[str, ...] = ()
    id: int | None = None


@dataclass(frozen=True)
class Response:
    """What an engine answers."""

    ok: bool
    text: str  # its lines, without the mark and the id
    id: int | None = None


def clean(line: str) -> str:
    """A line as the protocol sees it: tabs are spaces, other control characters are not there."""
    if line.isprintable():
        return line
    kept = (" " if c == "\t" else c for c in line if c == "\t" or (c >= " " and c != "\x7f"))
    return "".join(kept)


def format_command(name: str, *arguments: object, id: int | None = None) -> str:
    """A command's line, with its end. Raises WireFault for words that would break the line."""
    words = [name, *map(str, arguments)]
    for word in words:
        if not word or clean(word) != word or "#" in word:
            raise WireFault(f"'{word!r}' cannot be sent over GTP; expected a word without control characters")
    return f"{'' if id is None else f'{id} '}{' '.join(words)}\n"


def parse_command(line: str) -> Command | None:
    """The command in a line, None where there is none (blank, or only a comment)."""
    text = clean(line.partition("#")[0]).strip()
    number = None
    if match := _ID.match(text):
        number, text = int(match[1]), text[match.end() :]
    words = text.split()
    return Command(words[0], tuple(words[1:]), number) if words else None


def format_response(response: Response) -> str:
    """A response with the empty line that ends it; empty lines inside the text would end it early."""
    lines = [clean(line) for line in response.text.splitlines() if line.strip()]
    mark = f"{'=' if response.ok else '?'}{'' if response.id is None else response.id}"
    return f"{mark} {chr(10).join(lines)}".rstrip(" ") + "\n\n"


class ResponseReader:
    """Puts responses together from lines."""

    def __init__(self) -> None:
        self._lines: list[str] | None = None
        self._size = 0
        self._ok, self._id = True, None  # type: bool, int | None

    def feed(self, line: str) -> Response | None:
        """Take a line; the response that it ends, if it does. Raises WireFault."""
        text = clean(line).rstrip()
        if self._lines is None:
            if not text:
                return None
            match = _HEAD.match(text)
            if not match:
                raise WireFault(f"expected a response, which begins with = or ?, got '{text[:80]}'")
            self._ok, self._id = match[1] == "=", int(match[2]) if match[2] else None
            self._lines, self._size = [match[3] or ""], len(text)
            return None
        if text:
            self._lines.append(text)
            self._size += len(text)
            if self._size > MOST_CHARACTERS:
                raise WireFault(f"a response goes on beyond {MOST_CHARACTERS:,} characters")
            return None
        response = Response(self._ok, "\n".join(self._lines).strip(), self._id)
        self._lines = None
        return response


def parse_color(word: str) -> int | None:
    """0 for Black, 1 for White, None for anything else."""
    return {"b": 0, "black": 0, "w": 1, "white": 1}.get(word.lower())
