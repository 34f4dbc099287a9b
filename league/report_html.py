"""The league's page: one file that opens without a network."""

import json
from collections.abc import Iterable
from html import escape
from pathlib import Path
from string import Template

from tengen.league.report import History, Report
from tengen.league.report_replay import replayable
from tengen.league.report_svg import MOST_CELLS, chart, drawn_curves, heat_map, legend
from tengen.league.result_files import clean_name

TEMPLATE = Path(__file__).with_name("report.html")
MOST_OPENINGS = 24


def page(report: Report) -> str:
    """The whole page as text."""
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        title=escape(clean_name(report.title)),
        summary=escape(summary(report)),
        standings=_standings(report),
        scale=_scale(report),
        histories="".join(map(_history, report.histories)),
        payoff=heat_map(report.payoff) + _left_out(len(report.payoff.names), MOST_CELLS, "players"),
        openings=_openings(report),
        games=_script_json(_games(report)),
    )


def summary(report: Report) -> str:
    """ "600 games, 3 void, 2 that repeat another move by move; 8 players"."""
    words = [f"{report.games:,} games"]
    words += [f"{report.void:,} void"] if report.void else []
    words += [f"{report.repeats:,} that repeat another move by move"] if report.repeats else []
    return f"{', '.join(words)}; {len(report.standings.ratings)} players"


def _scale(report: Report) -> str:
    """What the ratings are relative to, as markup."""
    held = [f"{escape(name)} is held at {elo:g}" for name, elo in report.anchors.items()]
    words = ", ".join(held) or "the mean of all players is 0"
    if report.cycles:
        words += (
            "; Nash is the share in the mixture of players that nobody beats, alpha-rank the share of time "
            "that an evolving population spends with each"
        )
    return words


def _standings(report: Report) -> str:
    roles, cycles = report.roles, report.cycles
    rows = (
        (
            *(str(rank), r.name, *([roles.get(r.name, "")] if roles else [])),
            *(f"{r.elo:.0f}", f"± {r.error:.0f}", f"{r.games:,}", f"{r.score:.1%}"),
            *((f"{cycles.nash[rank - 1]:.0%}", f"{cycles.alpha_rank[rank - 1]:.0%}") if cycles else ()),
        )
        for rank, r in enumerate(report.standings.ratings, 1)
    )
    head = ["#", "player", *(["role"] if roles else []), "Elo", "95 %", "games", "score"]
    head += ["Nash", "alpha-rank"] if cycles else []
    return _table(head, rows, words=(1, 2) if roles else (1,))


def _history(history: History) -> str:
    curves = drawn_curves(history)
    more = _left_out(len(history.curves), len(curves), "curves")
    drawn = f"<div class=wide>{chart(history)}</div>"
    return f"<figure>{drawn}<figcaption>{legend(curves)}{more}</figcaption></figure>"


def _openings(report: Report) -> str:
    rows = (
        (opening.game, opening.turns or "(none)", f"{opening.games:,}", f"{opening.score:.1%}")
        for opening in report.openings[:MOST_OPENINGS]
    )
    head = ("game", "opening", "games", "score of the first player")
    return _table(head, rows, words=(0, 1)) + _left_out(len(report.openings), MOST_OPENINGS, "openings")


def _table(head: Iterable[str], rows: Iterable[tuple[str, ...]], words: tuple[int, ...]) -> str:
    """A table; columns other than `words` hold numbers."""

    def line(cells: Iterable[str], tag: str) -> str:
        marks = ("" if k in words else " class=n" for k in range(99))
        inner = (f"<{tag}{mark}>{escape(cell)}</{tag}>" for cell, mark in zip(cells, marks, strict=False))
        return f"<tr>{''.join(inner)}</tr>"

    body = "".join(line(row, "td") for row in rows)
    return f"<table><thead>{line(head, 'th')}</thead><tbody>{body}</tbody></table>"


def _left_out(count: int, shown: int, what: str) -> str:
    return f'<p class="note">{shown} of {count:,} {what} are shown.</p>' if count > shown else ""


def _games(report: Report) -> dict[str, object]:
    ids = list(report.names)
    kinds: dict[str, object] = {}
    rows = replayable(report.kept, {id_: k for k, id_ in enumerate(ids)}, kinds)  # type: ignore[arg-type]
    return {
        "players": [report.names[id_] for id_ in ids],
        "boards": kinds,
        "games": rows,
        "all": len(report.kept),
    }


def _script_json(value: object) -> str:
    """JSON that may stand in a script element: nothing in it can end the element or open a comment."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=True)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
