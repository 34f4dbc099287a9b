"""SGF as bytes: the games of a collection one by one, and the main line of a game.

A recursive reader falls on files that open a variation at every move; here the main line, which takes the
first child everywhere, is read in one pass, and the rest is only looked through for its closing brackets.
"""

import re
from collections.abc import Iterator
from typing import Protocol

from tengen.errors import TengenError

Node = dict[str, list[bytes]]  # property -> raw values, in the order of the file

VALUE = rb"\[[^\]\\]*(?:\\.[^\]\\]*)*\]"
TOKEN = re.compile(rb"\s*(?:([A-Za-z]+)|(" + VALUE + rb")|([();]))", re.DOTALL)
BRACKET = re.compile(VALUE + rb"|([()])|(\[)", re.DOTALL)
START = re.compile(rb"\(\s*;")
CHUNK = 1 << 20
MAX_GAME = 64 << 20  # bytes; a game of Go with all its variations is far smaller


class Readable(Protocol):
    """Bytes, so many at a time."""

    def read(self, size: int, /) -> bytes: ...


def split_sgf_collection(file: Readable, max_game: int = MAX_GAME) -> Iterator[bytes]:
    """Each game of a file in turn, as bytes from "(" to ")"; memory stays at one game.

    What stands between games is skipped. A last game that is cut off comes as it is, and a file without a
    game yields its beginning, so that the reader can say what is wrong with it. Raises TengenError for a
    game of more than `max_game` bytes.
    """
    head = buffer = file.read(CHUNK)
    found, ended = False, not head
    while not ended:
        at = 0
        while start := START.search(buffer, at):
            found = True
            end = _closing(buffer, start.start())
            if end < 0:
                break
            yield buffer[start.start() : end]
            at = end
        # Without an open game nothing is kept but what may be the beginning of "( ;".
        buffer = buffer[start.start() :] if start else buffer[max(at, len(buffer) - 64) :]
        if len(buffer) > max_game:
            raise TengenError(f"SGF: a game has more than {max_game >> 20} MiB; its brackets do not match")
        chunk = file.read(CHUNK)
        ended = not chunk
        if ended and start:
            yield buffer
        buffer += chunk
    if not found:
        yield head[:4096]


def _closing(data: bytes, start: int) -> int:
    """The index behind the bracket that closes the one at start, or -1."""
    depth = 0
    for token in BRACKET.finditer(data, start):
        if token[2]:
            return -1  # a value that does not end
        if token[1]:
            depth += 1 if token[1] == b"(" else -1
            if depth == 0:
                return token.end()
    return -1


def main_line(data: bytes) -> list[Node]:
    """The nodes of the main line of the first game in data. Raises TengenError."""
    if not data.strip():
        raise TengenError("SGF: the game is empty; it should begin with '(;'")
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in data[:64]:
        raise TengenError("SGF: the text is UTF-16 or binary; an encoding that extends ASCII is needed")
    start = START.search(data)
    if not start:
        raise TengenError(
            f"SGF: no game; expected '(;', found '{data.strip()[:20].decode('ascii', 'replace')}'"
        )
    if _closing(data, start.start()) < 0:
        raise TengenError("SGF: the game is cut off; a closing bracket is missing")
    nodes: list[Node] = []
    values: list[bytes] | None = None
    at = start.start()
    while token := TOKEN.match(data, at):
        at = token.end()
        name, value, mark = token.groups()
        if mark == b")":
            return nodes  # the end of the main line, wherever it stands in the tree
        if mark:
            values = None
            if mark == b";":
                nodes.append({})
        elif name:
            # Lower-case letters are decoration of the format's first versions: Black[..] is B[..].
            short = "".join(letter for letter in name.decode() if letter.isupper())
            values = nodes[-1].setdefault(short, []) if nodes else None
        elif values is None:
            raise TengenError(f"SGF: a value without a property: {value[:20].decode('ascii', 'replace')}")
        else:
            values.append(value[1:-1])
    raise TengenError(f"SGF: unexpected text '{data[at : at + 20].strip().decode('ascii', 'replace')}'")
