"""Files of results without moves: PGN as Ordo and BayesElo read it, and CSV."""

import csv
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from tengen.errors import TengenError
from tengen.files import atomic_write_text, read_fault
from tengen.league.ratings import Result
from tengen.words import nearest

LONGEST_LINE = 1 << 16  # bytes; what is longer is read in pieces, so that no file can fill the memory
LONGEST_NAME = 500  # characters
TAG = re.compile(rb'\s*\[\s*(\w+)\s+"((?:[^"\\]|\\.)*)"\s*\]')
ENDING = re.compile(rb"(?:^|[\s})])(1-0|0-1|1/2-1/2|2-0|0-2|1-1)\s*$")
#: Word for a result -> for who moved first: 0 won, 1 drawn, 2 lost; the later ones are those of draughts.
ENDS = {"1-0": 0, "1/2-1/2": 1, "0-1": 2, "2-0": 0, "1-1": 1, "0-2": 2}
CSV_ENDS = ENDS | {"1": 0, "1.0": 0, "0.5": 1, "1/2": 1, "0": 2, "0.0": 2}
KEY_TAG, KEY_COLUMN = b"StoreKey", "key"  # of a single game in the store that wrote the file
WORDS = ("1-0", "1/2-1/2", "0-1")
GAME_COLUMNS = ("first", "second", "result")
COUNT_COLUMNS = ("first", "second", "wins", "draws", "losses")


@dataclass
class ResultFile:
    """What a file holds."""

    games: int = 0
    ignored: int = 0  # without two names or a result that counts
    first_fault: str = ""  # why the first of those is
    keyed: dict[str, tuple[str, str, int]] = field(default_factory=dict, repr=False)
    """Of single games that a store wrote: the key that they have there, and both names and the end."""
    _sums: dict[tuple[str, str], list[int]] = field(default_factory=dict, repr=False)

    @property
    def results(self) -> list[Result]:
        """One an ordered pair of players."""
        return [Result(first, second, *counts) for (first, second), counts in self._sums.items()]

    def add(self, first: str, second: str, end: int, games: int = 1, key: str = "") -> None:
        """Count games that ended so (an index: won, drawn, lost by the first); one with a key counts once."""
        if key:
            if key in self.keyed:
                return
            self.keyed[key] = (first, second, end)
        self._sums.setdefault((first, second), [0, 0, 0])[end] += games
        self.games += games

    def ignore(self, reason: str) -> None:
        self.ignored += 1
        self.first_fault = self.first_fault or reason


def read_results(path: Path | str) -> ResultFile:
    """Results of a PGN or CSV file, told apart by content, read as a stream.

    White of a PGN moved first; of a PDN with GameType 21 (English draughts) it is Black, to whom "1-0" gives
    the game. Games without a result or a name are counted as ignored. Raises TengenError for a file that is
    neither, or has no finished game.
    """
    path = Path(path)
    try:
        with open(path, "rb") as file:
            head = file.peek()
            if not head.strip():
                raise TengenError(f"{path}: the file is empty; expected results as PGN or CSV")
            if b"\0" in head:
                raise TengenError(f"{path}: neither results (PGN, CSV) nor a store of results (SQLite)")
            first_line = head.lstrip(b"\xef\xbb\xbf \t\r\n").split(b"\n", 1)[0]
            if first_line.startswith((b"[", b"%", b";")):
                found = _read_pgn(file)
            elif b"," in first_line:
                found = _read_csv(file, path)
            else:
                raise TengenError(
                    f'{path}: neither PGN, which begins with a tag such as [White "name"], nor CSV, '
                    f"which begins with {','.join(COUNT_COLUMNS)}"
                )
    except OSError as error:
        raise read_fault(path, error) from None
    if not found.games:
        why = f"; {found.first_fault}" if found.first_fault else ""
        raise TengenError(f"{path}: no finished game in it{why}")
    return found


def _read_pgn(file: BinaryIO) -> ResultFile:
    found = ResultFile()
    tags: dict[bytes, bytes] = {}
    ending = b""  # result at the end of the moves, for games without the tag
    in_moves = False
    number = 0

    def close() -> None:
        nonlocal number
        if tags:
            number += 1
            _count_game(found, tags, ending, number)
        tags.clear()

    for line in iter(lambda: file.readline(LONGEST_LINE), b""):
        if tag := TAG.match(line):
            if in_moves or tag[1] in tags:
                close()
                ending, in_moves = b"", False
            tags[tag[1]] = tag[2]
        elif line.strip():
            in_moves = True
            if end := ENDING.search(line):
                ending = end[1]
    close()
    return found


def _count_game(found: ResultFile, tags: dict[bytes, bytes], ending: bytes, number: int) -> None:
    white, black = (_name(tags.get(tag, b"")) for tag in (b"White", b"Black"))
    word = tags.get(b"Result", ending).strip().decode("latin-1")
    if not white or not black:
        found.ignore(f"game {number} lacks the name of {'White' if not white else 'Black'}")
    elif word not in ENDS:
        found.ignore(f"game {number} has the result '{word[:20]}'; results that count: {', '.join(WORDS)}")
    else:
        black_first = tags.get(b"GameType", b"").split(b",")[0].strip() == b"21"
        key = _name(tags.get(KEY_TAG, b""))
        found.add(*((black, white) if black_first else (white, black)), ENDS[word], key=key)


def _name(tag: bytes) -> str:
    """The name that a tag's text stands for: UTF-8, or else Latin-1 as PGN's standard has it."""
    try:
        text = tag.decode()
    except UnicodeDecodeError:
        text = tag.decode("latin-1")
    return clean_name(re.sub(r"\\(.)", r"\1", text) if "\\" in text else text)


def clean_name(name: str) -> str:
    """A name that fits in a line of a table: nothing that moves a terminal's cursor, not too long."""
    name = name.strip()
    if not name.isprintable():
        name = "".join(letter if letter.isprintable() else "?" for letter in name)
    return name[:LONGEST_NAME]


def _read_csv(file: BinaryIO, path: Path) -> ResultFile:
    found = ResultFile()
    lines = iter(lambda: file.readline(LONGEST_LINE), b"")
    rows = csv.reader(
        line.decode("utf-8-sig" if not i else "utf-8", "replace") for i, line in enumerate(lines)
    )
    try:
        header = [word.strip().lower() for word in next(rows, [])]
        columns = next((c for c in (COUNT_COLUMNS, GAME_COLUMNS) if set(c) <= set(header)), None)
        if columns is None:
            wrong = next((word for word in header if word not in COUNT_COLUMNS + GAME_COLUMNS), "")
            near = nearest(wrong, COUNT_COLUMNS + GAME_COLUMNS)
            hint = f" ('{wrong[:30]}': did you mean {near}?)" if near else ""
            raise TengenError(
                f"{path}: the first line of CSV names the columns {','.join(COUNT_COLUMNS)} "
                f"or {','.join(GAME_COLUMNS)}{hint}"
            )
        places = [header.index(column) for column in columns]
        key_place = header.index(KEY_COLUMN) if KEY_COLUMN in header and columns is GAME_COLUMNS else None
        for row in rows:
            if not any(cell.strip() for cell in row):
                continue
            if len(row) <= max(places):
                found.ignore(f"line {rows.line_num} has {len(row)} columns of {len(header)}")
                continue
            first, second, *cells = (row[place] for place in places)
            key = clean_name(row[key_place]) if key_place is not None and len(row) > key_place else ""
            _count_row(found, clean_name(first), clean_name(second), cells, rows.line_num, key)
    except csv.Error as error:
        raise TengenError(f"{path}: line {rows.line_num} is not CSV: {error}") from None
    return found


def _count_row(
    found: ResultFile, first: str, second: str, cells: list[str], line: int, key: str = ""
) -> None:
    cells = [cell.strip() for cell in cells]
    if not first or not second:
        found.ignore(f"line {line} lacks a name")
    elif len(cells) == 1:
        if cells[0] in CSV_ENDS:
            found.add(first, second, CSV_ENDS[cells[0]], key=key)
        else:
            found.ignore(f"line {line} has the result '{cells[0][:20]}'; results: {', '.join(WORDS)}")
    elif not all(re.fullmatch(r"[0-9]{1,9}", cell) for cell in cells):
        found.ignore(f"line {line} has counts that are not numbers from 0 to 999,999,999: {cells}"[:200])
    else:
        for end, cell in enumerate(cells):
            found.add(first, second, end, int(cell))


def pgn_lines(results: Iterable[Result]) -> Iterator[str]:
    """Result-only PGN, a game at a time, with who moved first as White."""
    for r in results:
        tags = f'[White "{_quoted(r.first)}"]\n[Black "{_quoted(r.second)}"]\n'
        for word, games in zip(WORDS, (r.wins, r.draws, r.losses), strict=True):
            for _ in range(games):
                yield f'{tags}[Result "{word}"]\n\n{word}\n\n'


def csv_lines(results: Iterable[Result]) -> Iterator[str]:
    """CSV with a row for each result, the columns named in the first line."""
    yield ",".join(COUNT_COLUMNS) + "\n"
    for r in results:
        row = io.StringIO()
        csv.writer(row, lineterminator="\n").writerow([r.first, r.second, r.wins, r.draws, r.losses])
        yield row.getvalue()


def write_results(path: Path | str, results: Iterable[Result]) -> None:
    """Write results as the suffix says: .pgn or .csv. Raises TengenError, MachineError."""
    kinds = {".pgn": pgn_lines, ".csv": csv_lines}
    kind = kinds.get(Path(path).suffix.lower())
    if kind is None:
        raise TengenError(f"{path}: results are written to files that end in {' or '.join(kinds)}")
    atomic_write_text(path, "".join(kind(results)))


def _quoted(name: str) -> str:
    return clean_name(name).replace("\\", "\\\\").replace('"', '\\"')
