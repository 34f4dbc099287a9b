"""A screen as an SVG picture: blocks, lines and stones as shapes, so that no font can tear them apart."""

from collections.abc import Iterable, Sequence
from xml.sax.saxutils import escape

from rich.segment import Segment
from rich.style import Style

from tengen.ui.drawing.canvas import QUARTERS
from tengen.ui.drawing.graph import EIGHTHS

WIDE, HIGH = 8, 16  # of a character
#: Which ways a line goes from the middle: left, right, up, down.
LINES = {"─": "lr", "│": "ud", "┌": "rd", "┐": "ld", "└": "ru", "┘": "lu"}
LINES |= {
    "├": "rud",
    "┤": "lud",
    "┬": "lrd",
    "┴": "lru",
    "┼": "lrud",
    "╭": "rd",
    "╮": "ld",
    "╰": "ru",
    "╯": "lu",
}


def svg(lines: Iterable[Sequence[Segment]], columns: int, rows: int, back: str = "#121212") -> str:
    """The picture of a screen of so many characters."""
    grounds: list[str] = []
    shapes: list[str] = []
    for y, line in enumerate(lines):
        x = 0
        for segment in line:
            fore, ground, style = _colours(segment.style, back)
            width = segment.cell_length
            if ground != back and width:
                grounds.append(_rect(x * WIDE, y * HIGH, width * WIDE, HIGH, ground))
            shapes += _shapes(segment.text, x, y, fore, style)
            x += width
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {columns * WIDE} {rows * HIGH}">'
    font = (
        "font-family:ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace;font-size:13px;white-space:pre"
    )
    whole = [head, _rect(0, 0, columns * WIDE, rows * HIGH, back), '<g shape-rendering="crispEdges">']
    return "\n".join([*whole, *grounds, "</g>", f'<g style="{font}">', *shapes, "</g>", "</svg>", ""])


def _shapes(text: str, x: int, y: int, fore: str, style: str) -> list[str]:
    """What stands in a run of characters: words as text, the rest as shapes."""
    out: list[str] = []
    paths: dict[bool, str] = {}  # whether strokes -> the way of the pen
    word, start = "", x
    for letter in [*text, ""]:
        drawn = _drawn(letter, x * WIDE, y * HIGH) if letter else ("", "")
        if letter and drawn is None:
            start = x if not word else start
            word += letter
        else:
            if word.strip():
                room = f'textLength="{len(word) * WIDE}" lengthAdjust="spacingAndGlyphs"'
                at = f'x="{start * WIDE}" y="{y * HIGH + 12}"'
                out.append(f'<text {at} {room} fill="{fore}"{style}>{escape(word)}</text>')
            word = ""
            if drawn is not None:
                for strokes, way in enumerate(drawn):
                    paths[bool(strokes)] = paths.get(bool(strokes), "") + way
        x += 1
    if paths.get(False):
        out.append(f'<path shape-rendering="crispEdges" d="{paths[False]}" fill="{fore}"/>')
    if paths.get(True):
        out.append(f'<path d="{paths[True]}" stroke="{fore}" fill="none"/>')
    return out


def _drawn(letter: str, x: int, y: int) -> tuple[str, str] | None:
    """A character as the way of a pen that fills, and of one that strokes; None for one that is text."""
    if letter == " ":
        return "", ""
    if letter in QUARTERS:
        half, low = WIDE // 2, HIGH // 2
        quarters = QUARTERS.index(letter)
        return "".join(
            _box(x + bit % 2 * half, y + bit // 2 * low, half, low) for bit in range(4) if quarters >> bit & 1
        ), ""
    if letter in EIGHTHS:
        return _box(x, y, EIGHTHS.index(letter) * WIDE // 8, HIGH), ""
    if letter in LINES:
        middle, center = x + WIDE // 2, y + HIGH // 2
        ends = {"l": f"H{x}", "r": f"H{x + WIDE}", "u": f"V{y}", "d": f"V{y + HIGH}"}
        return "", "".join(f"M{middle} {center}{ends[way]}" for way in LINES[letter])
    if letter in "●•":
        radius = 4.5 if letter == "●" else 2
        arc = f"a{radius} {radius} 0 1 1"
        return f"M{x + WIDE / 2 - radius} {y + HIGH / 2}{arc} {2 * radius} 0{arc} {-2 * radius} 0z", ""
    if 0x2800 <= ord(letter) < 0x2900:
        dots = ord(letter) - 0x2800
        places = ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3))
        return "".join(
            _box(x + 1 + 4 * column, y + 1 + 4 * row, 2, 2)
            for bit, (column, row) in enumerate(places)
            if dots >> bit & 1
        ), ""
    return None


def _box(x: int, y: int, width: int, height: int) -> str:
    return f"M{x} {y}h{width}v{height}h{-width}z"


def _rect(x: int, y: int, width: int, height: int, fill: str) -> str:
    return f'<rect x="{x}" y="{y}" width="{width}" height="{height}" fill="{fill}"/>'


def _colours(style: Style | None, back: str) -> tuple[str, str, str]:
    """Letters' colour, ground, and what else SVG is to know of a style."""
    if style is None:
        return "#e0e0e0", back, ""
    fore = style.color.get_truecolor().hex if style.color else "#e0e0e0"
    ground = style.bgcolor.get_truecolor().hex if style.bgcolor else back
    if style.reverse:
        fore, ground = ground, fore
    more = (' font-weight="bold"' if style.bold else "") + (' font-style="italic"' if style.italic else "")
    return fore, ground, more + (' opacity="0.6"' if style.dim else "")
