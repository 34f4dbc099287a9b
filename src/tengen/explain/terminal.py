"""Explanations in the terminal: coloured boards and screens, or plain numbers where there is no colour."""

import textwrap

import numpy as np

from tengen.explain.drawing import COLUMNS, GROUND, INK, PAPER, heat, overlay
from tengen.explain.maps import Board, Explanation, Map, Screen
from tengen.pixels import resize
from tengen.ui.halfblocks import Colours, fit, lines

TOP = 6  # places that are named
COARSE = 12  # rows and columns of a screen in numbers
RESET = "\x1b[0m"
LEVELS = (0, 95, 135, 175, 215, 255)  # of a channel in xterm's cube


def text_of(shown: Explanation, columns: int, colours: Colours) -> list[str]:
    """The whole as lines of at most so many columns; without colours boards of numbers, however wide."""
    out = [shown.title, *shown.facts, "", *_table(shown, columns)]
    waiting = [(map_, _drawn(shown, map_, columns, colours)) for map_ in shown.maps]
    while waiting:
        beside = [waiting.pop(0)]
        # Only boards have lines that know how wide they look.
        if waiting and isinstance(shown.ground, Board) and colours != "none":
            wide = [_width(shown.ground, columns) + 4] * 2
            if sum(wide) <= columns:
                beside.append(waiting.pop(0))
        out.append("")
        if len(beside) == 2:
            half = _width(shown.ground, columns) + 4  # type: ignore[arg-type]
            heads = [f"{map_.method}: {map_.target}"[: half - 1] for map_, _ in beside]
            out.append(f"{heads[0]:<{half}}{heads[1]}".rstrip())
            out += [f"{a}    {b}" for a, b in zip(beside[0][1], beside[1][1], strict=True)]
        else:
            out.append(f"{beside[0][0].method}: {beside[0][0].target}"[:columns])
            out += beside[0][1]
        for map_, _ in beside:
            name = f"{map_.method}, {map_.target}: " if len(beside) == 2 else ""
            out += textwrap.wrap(f"{name}{map_.note}{_named(shown, map_)}", columns, subsequent_indent="  ")
    return out


def _table(shown: Explanation, columns: int) -> list[str]:
    """The rows; a line each where they fit, else one below the other."""
    head = shown.head
    widths = [max(len(row[i]) for row in [head, *shown.rows]) for i in range(3)]
    out = []
    for row in [head, *shown.rows]:
        begin = "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row[:3], widths, strict=True))
        )
        room = columns - len(begin) - 2
        if room >= 20:
            parts = textwrap.wrap(row[3], room) or [""]
            out += [
                f"{begin if not i else ' ' * len(begin)}  {part}".rstrip() for i, part in enumerate(parts)
            ]
        else:
            out += textwrap.wrap(" ".join(filter(None, row)), columns, subsequent_indent="  ")
    return out


def _named(shown: Explanation, map_: Map) -> str:
    """The places that weigh most, in words."""
    if not shown.names:
        return ""
    values = map_.relative.reshape(-1)
    order = [
        int(at) for at in np.argsort(-np.abs(values), kind="stable")[:TOP] if values[at] and shown.names[at]
    ]
    if not order:
        return "; nothing matters to it"
    most = float(np.abs(map_.values).max())
    places = ", ".join(f"{shown.names[at]} {100 * values[at]:.0f}" for at in order)
    return f"; most at {places} (100 is {most:.3g})"


def _drawn(shown: Explanation, map_: Map, columns: int, colours: Colours) -> list[str]:
    if isinstance(shown.ground, Screen):
        return _screen(shown.ground, map_, columns, colours)
    return (
        _numbers(shown.ground, map_, columns)
        if colours == "none"
        else _board(shown.ground, map_, columns, colours)
    )


def _wide(board: Board, columns: int) -> int:
    """Characters of a cell."""
    return next((wide for wide in (4, 3, 2) if wide * board.columns + 3 <= columns), 1)


def _width(board: Board, columns: int) -> int:
    return _wide(board, columns) * board.columns + 3


def _board(board: Board, map_: Map, columns: int, colours: Colours) -> list[str]:
    """Cells in colour, with what stands on them; the chosen move in brackets."""
    wide, out = _wide(board, columns), []
    for row in range(board.rows):
        line = [f"{board.rows - row:>2} " if board.family != "checkers" else "   "]
        for column in range(board.columns):
            at = row * board.columns + column
            ground = heat(float(map_.relative[row, column]), GROUND)
            piece = {".": "·"}.get(board.pieces[at], board.pieces[at])
            cell = f"({piece})" if at in board.chosen[-1:] and wide >= 3 else piece.center(min(wide, 3))
            line.append(
                _coloured(
                    cell.ljust(wide)[:wide] if wide > 1 else piece,
                    INK if piece not in "XbB" else 0,
                    ground,
                    colours,
                )
            )
        out.append("".join(line) + RESET)
    letters = COLUMNS.get(board.family, "")[: board.columns]
    foot = "   " + "".join(letter.center(min(wide, 3)).ljust(wide) for letter in letters)
    out.append(foot.ljust(_width(board, columns)))
    return out


def _coloured(text: str, fore: int, ground: int, colours: Colours) -> str:
    dark = (ground >> 16 & 255) + (ground >> 8 & 255) + (ground & 255) < 300
    fore = PAPER if dark and fore == INK else fore
    return f"\x1b[38;{_code(fore, colours)};48;{_code(ground, colours)}m{text}"


def _code(colour: int, colours: Colours) -> str:
    red, green, blue = colour >> 16 & 255, colour >> 8 & 255, colour & 255
    if colours == "true":
        return f"2;{red};{green};{blue}"
    red, green, blue = (int(np.abs(np.array(LEVELS) - level).argmin()) for level in (red, green, blue))
    return f"5;{16 + 36 * red + 6 * green + blue}"


def _numbers(board: Board, map_: Map, columns: int) -> list[str]:
    """Hundredths of the largest number beside what stands there; nothing where that is too wide."""
    if 6 * board.columns + 2 > columns:
        return []
    out = []
    for row in range(board.rows):
        cells = []
        for column in range(board.columns):
            number = round(100 * float(map_.relative[row, column]))
            at = row * board.columns + column
            mark = "*" if at in board.chosen[-1:] and board.pieces[at] == "." else board.pieces[at]
            cells.append(f"{mark}{number or '':>4} ")
        out.append(
            (f"{board.rows - row:>2} " if board.family != "checkers" else "   ") + "".join(cells).rstrip()
        )
    letters = COLUMNS.get(board.family, "")[: board.columns][: board.columns]
    return [*out, ("   " + "".join(f"{letter:<6}" for letter in letters)).rstrip()] if letters else out


def _screen(screen: Screen, map_: Map, columns: int, colours: Colours) -> list[str]:
    """The picture with the map laid over; without colours means of COARSE x COARSE parts."""
    if colours != "none":
        height, width = fit(screen.aspect, 24, columns, colours)
        return lines(resize(overlay(screen.image, map_.relative), height, width), colours)
    height, width = map_.values.shape
    rows = [part.mean(0) for part in np.array_split(map_.values, min(COARSE, height), axis=0)]
    coarse = np.array([[part.mean() for part in np.array_split(row, min(COARSE, width))] for row in rows])
    most = np.abs(coarse).max() or 1.0
    return ["".join(f"{round(100 * value / most):>5}" for value in row) for row in coarse]
