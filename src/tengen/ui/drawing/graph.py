"""The chance to win over a game, as a bar and as a graph of dots."""

from collections.abc import Sequence

DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))  # of a Braille character: column, row
EIGHTHS = " ▏▎▍▌▋▊▉█"


def bar(share: float, width: int) -> str:
    """A bar whose left `share` is filled, in eighths of a character."""
    filled = round(max(0.0, min(1.0, share)) * width * 8)
    whole, rest = divmod(filled, 8)
    return ("█" * whole + (EIGHTHS[rest] if rest else "")).ljust(width)[:width]


def graph(values: Sequence[float | None], width: int, height: int) -> list[str]:
    """Values in [-1, 1] over the turns as lines of Braille; 1 is at the top, None leaves a gap."""
    columns, rows = 2 * width, 4 * height
    cells = [[0] * width for _ in range(height)]
    before: int | None = None
    for x in range(columns):
        value = _at(values, x / (columns - 1) * (len(values) - 1))
        if value is None:
            before = None
            continue
        row = min(rows - 1, max(0, round((1 - value) / 2 * (rows - 1))))
        for y in range(min(row, row if before is None else before), max(row, before or row) + 1):
            cells[y // 4][x // 2] |= DOTS[x % 2][y % 4]
        before = row
    return ["".join(chr(0x2800 + cell) if cell else " " for cell in line) for line in cells]


def _at(values: Sequence[float | None], where: float) -> float | None:
    """The value between two turns; None beside one that is not known."""
    low = int(where)
    if not 0 <= low < len(values):
        return None
    one, other = values[low], values[min(low + 1, len(values) - 1)]
    if where == low or one is None or other is None:
        return one if where - low < 0.5 else other
    return one + (other - one) * (where - low)
