"""A drawing of a network: a box for each layer that has weights, in the order of computation."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tengen.console import number
from tengen.errors import MachineError, TengenError
from tengen.files import atomic_path
from tengen.networks.describe import LayerRow

A_LINE = 10  # boxes side by side
COLORS = {"conv": "#9ecae1", "linear": "#fdd0a2", "bias": "#c7e9c0", "pool": "#dadaeb"}
AFTER = {"BatchNorm2d": "batch norm", "Identity": ""}
INCH = 1.25  # of a box


class Box(NamedTuple):
    """A layer with what follows it at once: norms, rectifiers."""

    row: LayerRow
    after: tuple[str, ...]


def boxes(rows: Sequence[LayerRow]) -> list[Box]:
    """Layers with weights or pooling; the others are told with the one before them."""
    found: list[Box] = []
    for row in rows:
        if _color(row.kind) or not found:
            found.append(Box(row, ()))
        else:
            last = found[-1]
            found[-1] = Box(last.row, (*last.after, row.kind))
    return found


def draw_network(rows: Sequence[LayerRow], title: str, path: Path) -> None:
    """Write a PNG: of each layer its kind, what comes out, parameters, and how many places a side it sees.

    A box is as tall as the board that it holds, and the wider the more channels it has. Raises TengenError
    where the name is not that of a PNG, MachineError without matplotlib or where it cannot be written.
    """
    if path.suffix.lower() != ".png":
        raise TengenError(f"--png {path}: must be a .png file")
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise MachineError(
            "a drawing needs matplotlib; install it with: pip install 'tengen[plots]'"
        ) from None
    found = boxes(rows)
    lines = -(-len(found) // A_LINE)
    figure = Figure(figsize=(INCH * (min(len(found), A_LINE) + 0.4), 2.6 * lines + 0.6), dpi=110)
    FigureCanvasAgg(figure)
    axes: Any = figure.add_axes((0.01, 0.01, 0.98, 1 - 0.5 / (2.6 * lines + 0.6)))
    axes.set_axis_off()
    axes.set_xlim(-0.6, min(len(found), A_LINE) - 0.4)
    axes.set_ylim(-2.6 * (lines - 1) - 1.5, 1.1)
    figure.text(0.02, 1 - 0.3 / (2.6 * lines + 0.6), title, fontsize=11, weight="bold")
    widest = max(_channels(box.row) for box in found)
    tallest = max(_side(box.row) for box in found)
    for place, box in enumerate(found):
        _draw(axes, box, place % A_LINE, -2.6 * (place // A_LINE), widest, tallest)
        if place % A_LINE and _part(box) == _part(found[place - 1]):
            arrow = {"arrowstyle": "->", "color": "#555555"}
            ends = (place % A_LINE - 0.55, -2.6 * (place // A_LINE))
            axes.annotate("", (ends[0] + 0.12, ends[1]), (ends[0] - 0.02, ends[1]), arrowprops=arrow)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png")


def _draw(axes: Any, box: Box, x: float, y: float, widest: int, tallest: int) -> None:
    from matplotlib.patches import Rectangle

    row = box.row
    width = 0.2 + 0.5 * _channels(row) / widest
    height = 0.3 + 1.1 * _side(row) / tallest
    axes.add_patch(
        Rectangle(
            (x - width / 2, y - height / 2),
            width,
            height,
            facecolor=_color(row.kind) or "#eeeeee",
            edgecolor="k",
        )
    )
    axes.text(x, y, "x".join(map(str, row.shape)), ha="center", va="center", fontsize=7, rotation=90)
    after = " ".join(AFTER.get(kind, kind) for kind in box.after)
    words = [_short(row.kind), after, f"{number(row.parameters)} weights", f"sees {row.receptive_field}"]
    axes.text(
        x, y - 0.78, "\n".join(word for word in words if word.strip()), ha="center", va="top", fontsize=6.5
    )
    axes.text(x, y + 0.76, row.name, ha="center", va="bottom", fontsize=5.5, color="#555555")


def _short(kind: str) -> str:
    return kind.replace("SymmetricConv2d", "tied conv").replace("Conv2d", "conv").replace("PointBias", "bias")


def _color(kind: str) -> str | None:
    lower = kind.lower()
    return next((color for word, color in COLORS.items() if word in lower), None)


def _part(box: Box) -> str:
    """The part of the network: what is in one part follows one another."""
    return box.row.name.partition(".")[0]


def _channels(row: LayerRow) -> int:
    return row.shape[0]


def _side(row: LayerRow) -> int:
    return max(row.shape[1:], default=1)
