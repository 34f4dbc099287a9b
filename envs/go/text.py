"""Go in words: coordinates, ASCII boards and one-line positions.

A one-line position reads `ROWS SIDE REPEATS KOMI PASSES PLY`: rows from the top with X for Black, O for White
and numbers for runs of empty points; b or w to move; the points forbidden by repetition, comma-separated,
or -; komi; passes in a row; plies played. Example: `9/9/9/9/4X4/9/9/9/9 w - 7 0 1`. The positions that stood
on the board before are lost: after reading, superko knows this position and the points named as forbidden.
"""

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tengen.envs.go.layout import BLACK, WHITE
from tengen.errors import IllegalMove, TengenError

COLUMNS = "ABCDEFGHJKLMNOPQRST"
STONES = {".": 0, "X": BLACK, "O": WHITE}
SYMBOLS = ".XO"


def format_point(size: int, action: int) -> str:
    """Point row * size + column as in GTP, "pass" for size * size."""
    if action == size * size:
        return "pass"
    row, column = divmod(action, size)
    return f"{COLUMNS[column]}{size - row}"


def parse_point(size: int, text: str) -> int:
    """The action that a GTP coordinate or "pass" names. Raises IllegalMove."""
    word = text.strip().upper()
    if word == "PASS":
        return size * size
    match = re.fullmatch(r"([A-Z])([1-9][0-9]?)", word)
    last = f"{COLUMNS[size - 1]}{size}"
    if not match or match[1] not in COLUMNS:
        shown = text.strip()[:40]
        raise IllegalMove(
            f"'{shown}' is not a coordinate; moves are A1 to {last} (there is no column I) or pass"
        )
    column, line = COLUMNS.index(match[1]), int(match[2])
    if column >= size or line > size:
        raise IllegalMove(f"{word} is off the board; points go from A1 to {last}")
    return (size - line) * size + column


def draw(colors: NDArray[np.int8], last: int) -> str:
    """An ASCII board of colors [size, size] (0, 1 Black X, 2 White O), the point `last` in brackets."""
    size = len(colors)
    letters = "   " + " ".join(COLUMNS[:size])
    lines = [letters]
    for row in range(size):
        cells = [" "]
        for column in range(size):
            symbol = SYMBOLS[colors[row, column]]
            if row * size + column == last:
                cells[-1] = "("
                cells += [symbol, ")"]
            else:
                cells += [symbol, " "]
        lines.append(f"{size - row:>2}{''.join(cells)}{size - row}")
    lines.append(letters)
    return "\n".join(lines)


def read_drawing(text: str, size: int) -> NDArray[np.int8]:
    """Colors [size * size] of an ASCII board; coordinates, brackets and +, * for empty points are optional.

    Raises TengenError naming the row that is wrong.
    """
    rows = []
    for line in text.splitlines():
        body = re.sub(r"^\s*\d+|\d+\s*$", "", re.sub(r"[()\[\]]", " ", line)).replace(" ", "").strip()
        body = body.replace("+", ".").replace("*", ".").replace("#", "X")
        # The letters above and below the board; a row of stones may begin with O, but never with A.
        if not body or body[0] in "Aa":
            continue
        rows.append(body.upper())
    if len(rows) != size:
        raise TengenError(f"the board has {len(rows)} rows; {size} were expected")
    colors = np.zeros((size, size), np.int8)
    for number, row in enumerate(rows):
        if len(row) != size or set(row) - set(STONES):
            raise TengenError(f"row {number + 1} of the board is '{row[:60]}'; expected {size} of . X O")
        colors[number] = [STONES[symbol] for symbol in row]
    return colors.reshape(-1)


def format_rows(colors: NDArray[np.int8]) -> str:
    """The rows of colors [size, size] with runs of empty points as numbers."""
    rows = ("".join(SYMBOLS[color] for color in row) for row in colors)
    return "/".join(re.sub(r"\.+", lambda run: str(len(run[0])), row) for row in rows)


def parse_rows(text: str, size: int) -> NDArray[np.int8]:
    """Colors [size * size] of rows as `format_rows` writes them. Raises TengenError naming the row."""
    rows = text.split("/")
    if len(rows) != size:
        raise TengenError(f"position has {len(rows)} rows; {size} were expected")
    colors = np.zeros((size, size), np.int8)
    for number, row in enumerate(rows):
        symbols: list[int] = []
        for run, stone in re.findall(r"(\d{1,2})|(\D)", row):
            if run:
                symbols += [0] * int(run)
            elif stone.upper() in STONES:
                symbols.append(STONES[stone.upper()])
            else:
                raise TengenError(f"position: row {number + 1} is '{row[:60]}'; expected X, O and numbers")
        if len(symbols) != size:
            raise TengenError(
                f"position: row {number + 1} '{row[:60]}' has {len(symbols)} points; {size} needed"
            )
        colors[number] = symbols
    return colors.reshape(-1)


def format_komi(komi: float) -> str:
    """Komi without needless digits: 7, 6.5."""
    return f"{komi:g}"


@dataclass(frozen=True)
class PositionText:
    """The fields of a one-line position."""

    colors: NDArray[np.int8]  # [size * size]
    to_play: int
    repeats: list[int]  # actions that repetition forbids
    komi: float
    passes: int
    ply: int


def parse_position(text: str, size: int) -> PositionText:
    """Read a one-line position; fields left out at the end are b - 7 0 0. Raises TengenError."""
    fields = text.split()
    if not 1 <= len(fields) <= 6:
        raise TengenError(
            f"position '{text[:60]}' has {len(fields)} fields; ROWS SIDE REPEATS KOMI PASSES PLY wanted"
        )
    rows, side, repeats, komi, passes, ply = fields + ["b", "-", "7", "0", "0"][len(fields) - 1 :]
    if side not in ("b", "w"):
        raise TengenError(f"position: side to move is '{side}'; b or w is right")
    try:
        points = [parse_point(size, point) for point in repeats.split(",")] if repeats != "-" else []
    except IllegalMove as error:
        raise TengenError(f"position: {error}") from None
    try:
        komi_points = float(komi)
    except ValueError:
        komi_points = float("nan")
    if not (abs(komi_points) <= size * size and (2 * komi_points).is_integer()):
        raise TengenError(
            f"position: komi is '{komi}'; a multiple of 0.5 from {-size * size} to {size * size} is right"
        )
    for key, word in (("passes", passes), ("ply", ply)):
        if not re.fullmatch(r"\d{1,6}", word):
            raise TengenError(f"position: {key} is '{word}'; a whole number is right")
    return PositionText(parse_rows(rows, size), "bw".index(side), points, komi_points, int(passes), int(ply))
