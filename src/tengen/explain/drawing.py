"""Maps over boards and screens, and sheets of layers, as pictures."""

import itertools
import textwrap

import numpy as np
from numpy.typing import NDArray

from tengen.explain.maps import Board, Explanation, Map, Screen, Sheet
from tengen.explain.picture import Colour, Disc, Line, Picture, Raster, Rect, Text
from tengen.ui.drawing.canvas import mix

FOR: Colour = 0xD02A1E  # speaks for the move or the value
AGAINST: Colour = 0x1F5FD0
PAPER: Colour = 0xFFFFFF
INK: Colour = 0x1D1F21
SOFT: Colour = 0x5F6568
GROUND: Colour = 0xF4EBD8  # of a board
RULE: Colour = 0xB9AA8C
DARK: Colour = 0xE3D6BC  # squares
CHOSEN: Colour = 0x159A4A
STONES = {"X": (0x1B1C1F, 0x000000), "O": (0xFDFCF8, 0x55504A)}
MEN = {"b": STONES["X"], "w": STONES["O"]}

COLUMNS = {"go": "ABCDEFGHJKLMNOPQRST", "chess": "abcdefgh", "connect4": "1234567"}

PANEL = 340  # width of a map
GAP = 24
SMALL = 11.5  # letters
NUMBERED = 0.2  # of the largest number, from which it is written


def heat(value: float, ground: Colour) -> Colour:
    """The colour of a number of -1 to 1."""
    return mix(ground, FOR if value > 0 else AGAINST, min(1.0, abs(value)) ** 0.7)


def picture_of(shown: Explanation) -> Picture:
    """Everything on one sheet of paper: words, two maps a row, sheets."""
    picture = Picture(2 * PANEL + 3 * GAP, GAP)
    y = _words(picture, [shown.title], GAP + 14, 17, INK) + 4
    y = _words(picture, shown.facts, y, 13, SOFT) + 6
    for name, value, more, likeliest in shown.rows:
        figures = ", ".join(filter(None, (value, f"{more} {shown.head[2]}" if more else "")))
        line = f"{name}: {': '.join(filter(None, (figures, likeliest)))}"
        y = _words(picture, [line], y, SMALL, INK)
    y += 10
    for left, right in zip(shown.maps[::2], [*shown.maps[1::2], None], strict=False):
        panels = [map_picture(shown, map_) for map_ in (left, right) if map_ is not None]
        for i, panel in enumerate(panels):
            picture.place(panel, GAP + i * (PANEL + GAP), y)
        y += max(panel.height for panel in panels) + 12
    for sheet in shown.sheets:
        panel = sheet_picture(sheet, 2 * PANEL + GAP)
        picture.place(panel, GAP, y)
        y += panel.height + 12
    picture.height = y
    return picture


def _words(picture: Picture, lines: list[str], y: float, size: float, fill: Colour, x: float = GAP) -> float:
    """Write lines, broken where they are too long; where the next would stand."""
    letters = int((picture.width - x) / (0.52 * size))
    for line in lines:
        for part in textwrap.wrap(line, letters) or [""]:
            picture.shapes.append(Text(x, y, part, size, fill))
            y += size * 1.45
    return y


def map_picture(shown: Explanation, map_: Map) -> Picture:
    """One map over its board or screen, with its name and what its numbers are."""
    picture = Picture(PANEL, 0, PAPER)
    y = _words(picture, [f"{map_.method}: {map_.target}"], 14, 14, INK, x=0)
    inner = _board(shown.ground, map_) if isinstance(shown.ground, Board) else _screen(shown.ground, map_)
    picture.place(inner, 0, y - 6)
    most = float(np.abs(map_.values).max())
    picture.height = _words(
        picture, [f"{map_.note}; 100 is {most:.3g}"], y + inner.height + 8, 10.5, SOFT, x=0
    )
    return picture


def _board(board: Board, map_: Map) -> Picture:
    margin = 20
    cell = (PANEL - 2 * margin) / max(board.columns, board.rows)
    picture = Picture(2 * margin + cell * board.columns, 2 * margin + cell * board.rows)
    picture.shapes.append(Rect(0, 0, picture.width, picture.height, GROUND))
    relative = map_.relative
    is_go = board.family == "go"
    for at in range(board.rows * board.columns):
        row, column = divmod(at, board.columns)
        ground = DARK if not is_go and (row + column) % 2 and board.family != "connect4" else GROUND
        colour = heat(float(relative[row, column]), ground)
        if colour != GROUND:
            picture.shapes.append(Rect(margin + column * cell, margin + row * cell, cell, cell, colour))
    _lines(picture, board, margin, cell)
    for at, piece in enumerate(board.pieces):
        row, column = divmod(at, board.columns)
        x, y = margin + (column + 0.5) * cell, margin + (row + 0.5) * cell
        number = round(100 * float(relative[row, column]))
        ink = _piece(picture, board, piece, x, y, cell)
        if abs(number) >= 100 * NUMBERED:
            # Under a piece of chess, which is a letter already.
            down, size = (0.42, 0.3) if piece != "." and board.family == "chess" else (0.13, 0.36)
            picture.shapes.append(Text(x, y + down * cell, str(number), size * cell, ink, True))
        if at in board.last[-1:]:
            picture.shapes.append(Disc(x, y - 0.26 * cell, 0.07 * cell, ink))
        if at in board.chosen[-1:]:
            picture.shapes.append(Disc(x, y, 0.44 * cell, None, CHOSEN, max(1.5, 0.08 * cell)))
    middles = [
        (margin + (at % board.columns + 0.5) * cell, margin + (at // board.columns + 0.5) * cell)
        for at in board.chosen
    ]
    for begin, end in itertools.pairwise(middles):
        picture.shapes.append(Line(*begin, *end, CHOSEN, max(1.5, 0.06 * cell)))
    return picture


def _lines(picture: Picture, board: Board, margin: float, cell: float) -> None:
    half = 0.5 if board.family == "go" else 0.0
    across, down = board.columns - 2 * half, board.rows - 2 * half
    for row in range(int(down) + 1):
        y = margin + (row + half) * cell
        picture.shapes.append(Line(margin + half * cell, y, margin + (across + half) * cell, y, RULE, 0.8))
    for column in range(int(across) + 1):
        x = margin + (column + half) * cell
        picture.shapes.append(Line(x, margin + half * cell, x, margin + (down + half) * cell, RULE, 0.8))
    if board.family == "checkers":
        return
    for column in range(board.columns):
        x = margin + (column + 0.5) * cell
        picture.shapes.append(
            Text(x, margin + board.rows * cell + 13, COLUMNS[board.family][column], 10, SOFT, True)
        )
    for row in range(board.rows if board.family != "connect4" else 0):
        y = margin + (row + 0.5) * cell + 3.5
        picture.shapes.append(Text(margin / 2, y, str(board.rows - row), 10, SOFT, True))


def _piece(picture: Picture, board: Board, piece: str, x: float, y: float, cell: float) -> Colour:
    """Draw what stands on a cell; the colour that can be read on it."""
    if piece == ".":
        return INK
    if board.family == "chess":
        is_white = piece.isupper()
        fill, rim = STONES["O" if is_white else "X"]
        picture.shapes.append(Disc(x, y - 0.16 * cell, 0.25 * cell, fill, rim))
        ink = INK if is_white else PAPER
        picture.shapes.append(Text(x, y - 0.06 * cell, piece.upper(), 0.32 * cell, ink, True))
        return INK
    fill, rim = (STONES | MEN)[piece if piece in "XO" else piece.lower()]
    picture.shapes.append(Disc(x, y, 0.36 * cell, fill, rim))
    if piece in "BW":
        picture.shapes.append(Disc(x, y, 0.29 * cell, None, 0xC8961E, max(1.5, 0.06 * cell)))
    return PAPER if piece in "Xb" or piece == "B" else INK


def _screen(screen: Screen, map_: Map) -> Picture:
    height = PANEL / max(1.0, screen.aspect) * 0.9
    width = height * screen.aspect
    picture = Picture(PANEL, height)
    picture.shapes.append(Raster(0, 0, width, height, overlay(screen.image, map_.relative)))
    return picture


def overlay(
    image: NDArray[np.uint8], values: NDArray[np.float32], second: NDArray[np.float32] | None = None
) -> NDArray[np.uint8]:
    """A screen [H, W, 3], paler, under numbers [h, w] of -1 to 1: red above 0, blue below.

    second: blue for these, without signs, and red for the first: Greydanus et al. 2018 show both so.
    """
    height, width = image.shape[:2]
    grey = image.astype(np.float32).mean(2, keepdims=True)
    out = 0.45 * image + 0.25 * grey
    red = _stretched(np.clip(values, 0, 1), height, width)
    blue = _stretched(np.clip(-values, 0, 1) if second is None else np.abs(second), height, width)
    for share, colour in ((blue, (70, 130, 255)), (red, (255, 60, 40))):
        strength = np.clip(share, 0, 1)[..., None] ** 0.8
        out += (np.array(colour, np.float32) - out) * strength * 0.85
    return np.clip(np.rint(out), 0, 255).astype(np.uint8)


def _stretched(values: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """[h, w] as [height, width], by straight lines between the middles of pixels."""
    rows = (np.arange(height) + 0.5) * values.shape[0] / height - 0.5
    columns = (np.arange(width) + 0.5) * values.shape[1] / width - 0.5
    down = np.stack([np.interp(rows, np.arange(len(values)), column) for column in values.T], 1)
    found = np.stack([np.interp(columns, np.arange(values.shape[1]), row) for row in down])
    return found.astype(np.float32)


def sheet_picture(sheet: Sheet, width: float) -> Picture:
    """The tiles of a layer in rows."""
    picture = Picture(width, 0, PAPER)
    y = _words(picture, [sheet.title], 12, SMALL, INK, x=0)
    count, rows, across = sheet.tiles.shape
    columns = min(sheet.columns, count)
    step = min(width / columns, 160.0)
    tall = (step - 12) * rows / across if across >= rows else step - 12
    wide = tall * across / rows
    for i, tile in enumerate(sheet.tiles):
        left, top = i % columns * step, y - 6 + i // columns * (tall + 16)
        picture.shapes.append(Raster(left, top, wide, tall, _greys(tile)))
        picture.shapes.append(
            Text(
                left + wide / 2,
                top + tall + 10,
                sheet.captions[i] if i < len(sheet.captions) else "",
                8.5,
                SOFT,
                True,
            )
        )
    picture.height = y + -(-count // columns) * (tall + 16)
    return picture


def _greys(tile: NDArray[np.float32]) -> NDArray[np.uint8]:
    """A tile from black to white; one with both signs keeps 0 in the middle, gaps are white."""
    low, high = float(np.nanmin(tile)), float(np.nanmax(tile))
    if low < 0 < high:
        high = max(high, -low)
        low = -high
    share = (tile - low) / (high - low) if high > low else tile * 0
    grey = np.where(np.isnan(tile), 255, np.rint(20 + 225 * np.nan_to_num(share)))
    return np.repeat(grey[..., None], 3, 2).astype(np.uint8)
