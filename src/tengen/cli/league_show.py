"""The part of `tengen league` that shows a league: standings, payoff, history."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tengen.league.nash import Payoff
    from tengen.league.report import History, Report

MOST_PLAYERS = 40  # rows of the payoff matrix on a terminal
MOST_MOMENTS = 12  # lines of the history of a run
FEW_MOMENTS = 3  # of one player
MOST_CURVES = 12
CELL = 5  # columns of a score, with the space before it
LEAST_NAME = 12


def show(path: Path, html: str | None, anchors: Mapping[str, float], *, as_json: bool) -> int:
    """Print the league of a store, anchors held at their Elo, and write its page."""
    from tengen.console import emit_json, table
    from tengen.files import atomic_write_text, check_writable
    from tengen.league.report import gather

    if html is not None:
        check_writable(html)
    report = gather(path, anchors)
    _standings(report)
    _payoff(report.payoff)
    if report.histories:
        history = report.histories[0]
        table(["player", history.axis, "elo", "+-"], _moments(history), title="\nHistory")
    if html is not None:
        from tengen.league.report_html import page

        atomic_write_text(html, page(report))
        print(f"\nthe page is in {html}")
    if as_json:
        emit_json(report.to_json() | ({"html": html} if html is not None else {}))
    return 0


def _standings(report: "Report") -> None:
    from tengen.console import table
    from tengen.league.report_html import summary

    roles, cycles = report.roles, report.cycles
    head = ["rank", "name", *(["role"] if roles else []), "elo", "+-", "games", "score"]
    head += ["nash", "alpha"] if cycles else []
    rows = [
        [
            *(rank, r.name, *([roles.get(r.name, "")] if roles else [])),
            *(round(r.elo), round(r.error), r.games, f"{r.score:.1%}"),
            *((f"{cycles.nash[rank - 1]:.0%}", f"{cycles.alpha_rank[rank - 1]:.0%}") if cycles else ()),
        ]
        for rank, r in enumerate(report.standings.ratings, 1)
    ]
    table(head, rows)
    print(f"{summary(report)}; errors are 95 %")
    if cycles:
        print("nash: share of the mixture that nobody beats; alpha: alpha-rank")


def _payoff(matrix: "Payoff") -> None:
    """Blocks of as many columns as fit beside the names."""
    from tengen.console import PLAIN_WIDTH, is_terminal

    width = PLAIN_WIDTH
    if is_terminal(sys.stdout):
        width = max(20, os.get_terminal_size(sys.stdout.fileno()).columns)
    n = min(len(matrix.names), MOST_PLAYERS)
    number = len(str(n))
    longest = max(len(name) for name in matrix.names[:n])
    name_width = max(min(longest, width - number - 1 - n * CELL), min(longest, LEAST_NAME))
    fits = max(1, (width - name_width - number - 1) // CELL)
    print("\nPayoff: per cent that the row's player scores against the column's, by rank")
    for begin in range(0, n, fits):
        columns = range(begin, min(n, begin + fits))
        if begin:
            print()
        print(" " * (number + 1 + name_width) + "".join(f"{j + 1:{CELL}d}" for j in columns))
        for i in range(n):
            cells = "".join(f"{_score(matrix, i, j):>{CELL}}" for j in columns)
            print(f"{i + 1:{number}d} {matrix.names[i][:name_width]:<{name_width}}{cells}".rstrip())
    if len(matrix.names) > n:
        print(f"the first {n} of {len(matrix.names)} players; --json has all")


def _score(matrix: "Payoff", i: int, j: int) -> str:
    if i == j:
        return "-"
    return f"{100 * matrix.score[i, j]:.0f}" if matrix.games[i, j] else ""


def _moments(history: "History") -> list[list[object]]:
    """Lines of the table: of a long curve some points, the last among them."""
    rows: list[list[object]] = []
    for curve in history.curves[:MOST_CURVES]:
        is_run = len({point.name for point in curve.points}) > 1
        points = curve.points
        stride = -(-len(points) // (MOST_MOMENTS if is_run else FEW_MOMENTS))
        for point in points[::-1][::stride][::-1]:
            at = f"{point.x:,.0f}" if "games" in history.axis else f"{point.x:,.2f}"
            constant = len(curve.points) == 1 and point.x == 0
            rows.append([point.name, "" if constant else at, round(point.elo), round(point.error)])
    return rows
