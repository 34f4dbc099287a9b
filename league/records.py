"""Checking collections of game records: how many games there are, can be read, and are legal."""

import contextlib
import gzip
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, NamedTuple

from tengen.errors import TengenError
from tengen.files import read_fault

DAMAGE = (EOFError, gzip.BadGzipFile, zlib.error)
PEEK = 1 << 16  # bytes looked at to tell what a file is
SGF_START = re.compile(rb"\(\s*;")
TAG = re.compile(rb'\[\s*\w+\s+"')
PDN_MOVE = re.compile(rb"\b1\.\s*\d{1,2}\s?[-x]\s?\d")
PGN_MOVE = re.compile(rb"\b\d+\.+\s*(?:[NBRQK]?[a-h]?[1-8]?x?[a-h][1-8]|O-O)")

#: How an RU begins, letters only -> the repetition rule. Chinese rules forbid the immediate recapture and
#: leave longer cycles to the referee, as Japanese, Korean and Ing's rules have their own ways out of them.
REPETITION = {
    "aga": "situational",
    "newzealand": "situational",
    "nz": "situational",
    "chinese": "simple",
    "goe": "simple",
    "ing": "simple",
    "japanese": "simple",
    "korean": "simple",
}


class Fault(NamedTuple):
    """What is wrong with a game: its number in the file and its move, both from 1 (0: none in particular)."""

    file: str
    game: int
    move: int
    reason: str


class Checked(NamedTuple):
    """One game of a file: whether it could be read, and its first fault."""

    parsed: bool
    fault: Fault | None


@dataclass
class Tally:
    """The games of one file, or of all."""

    games: int = 0
    parsed: int = 0
    legal: int = 0

    def add(self, checked: Checked) -> None:
        self.games += 1
        self.parsed += checked.parsed
        self.legal += checked.fault is None


class _Stream:
    """Bytes of a file, the first of them at hand as `head`.

    A damaged file gives all that comes before the damage; the next `read` raises.
    """

    def __init__(self, file: Any) -> None:
        self._file = file
        self._fault: Exception | None = None
        self._ahead = b""
        self.head = self.read(PEEK)
        self._ahead = self.head

    def read(self, size: int) -> bytes:
        """At most `size` bytes, b"" at the end."""
        pieces, self._ahead = [self._ahead], b""
        missing = size - len(pieces[0])
        try:
            if self._fault is not None:
                raise self._fault
            while missing > 0 and (piece := self._file.read1(missing)):
                pieces.append(piece)
                missing -= len(piece)
        except DAMAGE as fault:
            self._fault = fault
            if not any(pieces):
                raise
        return b"".join(pieces)


@contextlib.contextmanager
def open_records(path: Path | str) -> Iterator[tuple[str, Any]]:
    """A file of games, plain or gzipped: "sgf" or "pdn" by what it holds, and its bytes as a stream.

    Raises TengenError if the file cannot be read, or is neither format; later, if it proves damaged.
    """
    path = Path(path)
    try:
        with open(path, "rb") as raw:
            gzipped = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            stream = _Stream(gzip.GzipFile(fileobj=raw) if gzipped else raw)
            yield format_of(stream.head, path), stream
    except DAMAGE as error:
        raise TengenError(f"{path}: the gzip compression is damaged: {error}") from None
    except OSError as error:
        raise read_fault(path, error) from None


def check_file(path: Path | str, rules: str | None = None) -> Iterator[Checked]:
    """Read and replay every game of a file, SGF (Go), PDN (checkers) or PGN (chess), gzipped or not, in turn.

    `rules` is Go's repetition rule; None takes the record's own (its RU), or else positional superko. Raises
    TengenError if the file cannot be read, or is neither format; what came before stays yielded.
    """
    with open_records(path) as (form, stream):
        if form == "sgf":
            yield from _check_sgf(stream, str(path), rules)
        else:
            yield from _check_moves(stream, str(path), form)


def format_of(head: bytes, path: PurePath) -> str:
    """Whether this is "sgf", "pdn" or "pgn", by content and, in doubt, by suffix."""
    if not head.strip():
        raise TengenError(f"{path}: the file is empty; expected SGF, PDN or PGN games")
    if head[257:262] == b"ustar":
        raise TengenError(f"{path}: a tar archive; unpack it and name the SGF, PDN or PGN files")
    suffixes = [suffix.lstrip(".").lower() for suffix in path.suffixes]
    draughts, chess = PDN_MOVE.search(head), PGN_MOVE.search(head)
    is_chess = "pgn" in suffixes if draughts or not chess else "pdn" not in suffixes
    start = TAG.search(head) or (chess if is_chess else draughts)
    found = {"sgf": SGF_START.search(head), "pgn" if is_chess else "pdn": start}
    begins = {kind: match.start() for kind, match in found.items() if match}
    if not begins:
        raise TengenError(f"{path}: not game records; expected SGF, which begins with '(;', PDN or PGN")
    # A comment of one format may look like the other, so the name's word counts for more.
    return min(begins, key=lambda kind: (kind not in suffixes, begins[kind]))


def _check_moves(stream: Any, name: str, kind: str) -> Iterator[Checked]:
    """The games of a PDN or PGN file."""
    from tengen.envs.checkers import pdn
    from tengen.envs.checkers.pdn import PdnFault
    from tengen.envs.chess import pgn

    games, replay = (
        (pgn.iter_pgn(stream), pgn.replay) if kind == "pgn" else (pdn.iter_pdn(stream), pdn.replay)
    )
    for game in games:
        fault = None
        try:
            replay(game)
        except PdnFault as error:
            fault = Fault(name, game.number, error.ply, error.reason)
        yield Checked(game.fault is None, fault)


def _check_sgf(stream: Any, name: str, rules: str | None) -> Iterator[Checked]:
    from tengen.envs.go.sgf import read_sgf, split_sgf_collection

    for number, data in enumerate(split_sgf_collection(stream), 1):
        try:
            record = read_sgf(data)
        except TengenError as error:
            yield Checked(False, Fault(name, number, 0, str(error)))
            continue
        try:
            fault = record.fault(rules or rules_of(record.rules))
        except TengenError as error:  # the stones of the start cannot stand
            yield Checked(True, Fault(name, number, 0, str(error)))
            continue
        yield Checked(True, Fault(name, number, fault[0] + 1, fault[1]) if fault else None)


def rules_of(words: str) -> str:
    """The repetition rule that an RU names; positional where it names none that is known."""
    known = re.sub("[^a-z]", "", words.lower())
    return next((rule for name, rule in REPETITION.items() if known.startswith(name)), "positional")
