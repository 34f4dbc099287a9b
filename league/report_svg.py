"""Drawings for the league's page: curves with error bands and a payoff matrix, as inline SVG.

Colours are classes of the page's style sheet, so that light and dark are its business.
"""

import math
from collections.abc import Sequence
from html import escape

from tengen.league.nash import Payoff
from tengen.league.report import Curve, History

WIDTH, HEIGHT = 760, 340
LEFT, RIGHT, TOP, BOTTOM = 56, 14, 12, 44
COLOURS = 8  # classes c0 .. c7; curves beyond are not drawn
MOST_CELLS = 30  # players of a payoff matrix
CELL_W, CELL_H, NAME_W = 40, 24, 230


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round numbers from low to high, at most so many."""
    span = high - low
    if not span > 0:
        return [low]
    step = 10 ** math.floor(math.log10(span / most))
    step *= next(factor for factor in (1, 2, 5, 10, 20) if span / (step * factor) <= most - 1)
    return [k * step for k in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


def drawn_curves(history: History) -> list[Curve]:
    """Those that have a colour: the ones with a course before those that are one level."""
    return sorted(history.curves, key=lambda curve: len(curve.points) < 2)[:COLOURS]


def chart(history: History) -> str:
    """Curves of Elo with their 95 % bands; a curve of one point is a level across."""
    curves = drawn_curves(history)
    points = [point for curve in curves for point in curve.points]
    times = [p.x for curve in curves if len(curve.points) > 1 for p in curve.points] or [0.0, 1.0]
    x_low, x_high = min(times), max(times)
    x_high = x_high if x_high > x_low else x_low + 1
    elos = [p.elo for p in points]
    reach = max(100.0, max(elos) - min(elos))
    y_low = max(min(p.elo - p.error for p in points), min(elos) - reach / 2)  # a band may be endless
    y_high = min(max(p.elo + p.error for p in points), max(elos) + reach / 2)
    y_high = y_high if y_high > y_low else y_low + 1

    def x(value: float) -> str:
        return f"{LEFT + (value - x_low) / (x_high - x_low) * (WIDTH - LEFT - RIGHT):.1f}"

    def y(value: float) -> str:
        inside = min(max(value, y_low), y_high)
        return f"{TOP + (y_high - inside) / (y_high - y_low) * (HEIGHT - TOP - BOTTOM):.1f}"

    out = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="Elo over {escape(history.axis)}">']
    for value in ticks(y_low, y_high):
        out.append(f'<path class="grid" d="M{LEFT} {y(value)}H{WIDTH - RIGHT}"/>')
        out.append(f'<text class="tick" x="{LEFT - 6}" y="{y(value)}" dy=".32em" text-anchor="end">')
        out.append(f"{value:g}</text>")
    for value in ticks(x_low, x_high, 8):
        out.append(f'<path class="grid" d="M{x(value)} {HEIGHT - BOTTOM}v5"/>')
        out.append(f'<text class="tick" x="{x(value)}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">')
        out.append(f"{value:,g}</text>" if abs(value) < 1e4 else f"{value:,.0f}</text>")
    out.append(f'<text class="tick" x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 6}" text-anchor="middle">')
    out.append(f'{escape(history.axis)}</text><text class="tick" x="{LEFT + 4}" y="{TOP + 10}">Elo</text>')
    for k, curve in enumerate(curves):
        course = [(x(p.x), p) for p in curve.points]
        if len(course) == 1:
            course = [(x(x_low), curve.points[0]), (x(x_high), curve.points[0])]
        upper = [f"{at} {y(p.elo + p.error)}" for at, p in course]
        lower = [f"{at} {y(p.elo - p.error)}" for at, p in reversed(course)]
        level = " level" if len(curve.points) == 1 else ""
        out.append(f'<path class="band c{k}{level}" d="M{"L".join(upper + lower)}Z"/>')
        line = "L".join(f"{at} {y(p.elo)}" for at, p in course)
        out.append(f'<path class="line c{k}{level}" d="M{line}"/>')
        for at, p in course:
            words = f"{p.name}: {p.elo:.0f} +- {p.error:.0f}"
            out.append(f'<circle class="dot c{k}{level}" cx="{at}" cy="{y(p.elo)}" r="3">')
            out.append(f"<title>{escape(words)}</title></circle>")
    return "".join(out) + "</svg>"


def heat_map(matrix: Payoff) -> str:
    """Points a game of the row's player against the column's, in per cent; empty where they never met."""
    n = min(len(matrix.names), MOST_CELLS)
    width, height = NAME_W + n * CELL_W + 2, (n + 1) * CELL_H + 2
    out = [f'<svg viewBox="0 0 {width} {height}" style="max-width:{width}px" role="img" ']
    out.append('aria-label="payoff matrix">')
    for j in range(n):
        out.append(f'<text class="tick" x="{NAME_W + (j + 0.5) * CELL_W}" y="{CELL_H - 7}" ')
        out.append(f'text-anchor="middle">{j + 1}<title>{escape(matrix.names[j])}</title></text>')
    for i in range(n):
        top = (i + 1) * CELL_H
        name = matrix.names[i]
        out.append(f'<text class="name" x="{NAME_W - 8}" y="{top + CELL_H / 2}" dy=".32em" ')
        out.append(f'text-anchor="end">{escape(_short(name))} <tspan class="tick">{i + 1}</tspan>')
        out.append(f"<title>{escape(name)}</title></text>")
        out += [_cell(matrix, i, j, NAME_W + j * CELL_W, top) for j in range(n)]
    return "".join(out) + "</svg>"


def _cell(matrix: Payoff, i: int, j: int, x: float, y: float) -> str:
    box = f'x="{x + 1}" y="{y + 1}" width="{CELL_W - 2}" height="{CELL_H - 2}" rx="2"'
    games = int(matrix.games[i, j])
    if i == j or not games:
        return f'<rect class="{"self" if i == j else "unmet"}" {box}/>'
    score = float(matrix.score[i, j])
    side, depth = ("won" if score >= 0.5 else "lost"), abs(score - 0.5) * 1.5
    words = f"{matrix.names[i]} against {matrix.names[j]}: {score:.1%} of {games:,} games"
    return (
        f'<g><rect class="{side}" fill-opacity="{depth:.2f}" {box}/><text class="cell" '
        f'x="{x + CELL_W / 2}" y="{y + CELL_H / 2}" dy=".32em" text-anchor="middle">{100 * score:.0f}</text>'
        f"<title>{escape(words)}</title></g>"
    )


def _short(name: str, most: int = 30) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"


def legend(curves: Sequence[Curve]) -> str:
    """The names of the curves beside their colours."""
    items = (f'<li><i class="c{k}"></i>{escape(curve.name)}</li>' for k, curve in enumerate(curves))
    return f'<ul class="legend">{"".join(items)}</ul>'
