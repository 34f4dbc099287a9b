"""A tournament as it goes: a table that is drawn anew on a terminal, now and then a line elsewhere."""

import sys
import time
from types import TracebackType
from typing import Any, Self, TextIO

from tengen.console import LINE_INTERVAL_S, duration, is_terminal, number
from tengen.league.ratings import RatingList
from tengen.league.tournament import Tournament

DRAW_S = 1.0  # between two drawings; a rating list takes longer than a game of some players
COLUMNS = ("player", "Elo", "+-", "LOS", "games", "score")


class Live:
    """Shows a tournament on standard error. A context manager; `show` may be called at any time."""

    def __init__(self, stream: TextIO | None = None, interval_s: float = LINE_INTERVAL_S) -> None:
        self._stream = stream or sys.stderr
        self._interval_s = interval_s
        self._live: Any = None
        self._started = self._last = time.monotonic()

    def __enter__(self) -> Self:
        self._started = self._last = time.monotonic()
        if is_terminal(self._stream):
            from rich.console import Console
            from rich.live import Live as RichLive

            self._live = RichLive(console=Console(file=self._stream), auto_refresh=False, transient=True)
            self._live.start()
            self._last = 0.0
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, tournament: Tournament) -> None:
        """Draw, if it is time."""
        now = time.monotonic()
        if now - self._last < (DRAW_S if self._live is not None else self._interval_s):
            return
        self._last = now
        facts = self._facts(tournament, now)
        found = tournament.tally.ratings()
        if self._live is None:
            print(f"{_title(tournament)}: {facts}{_leader(found)}", file=self._stream, flush=True)
            return
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        drawn = Table(title=Text(_title(tournament)), title_justify="left", header_style="bold")
        for index, column in enumerate(COLUMNS):
            drawn.add_column(
                column, justify="right" if index else "left", overflow="fold", no_wrap=bool(index)
            )
        for row in rows(found):
            drawn.add_row(*(Text("" if cell is None else number(cell)) for cell in row))
        self._live.update(Group(drawn, Text(facts)), refresh=True)

    def _facts(self, tournament: Tournament, now: float) -> str:
        done, total = tournament.done, tournament.total
        facts = [f"{done:,}/{total:,} games"]
        rate = tournament.new_games / max(1e-9, now - self._started)
        if rate > 0:
            facts.append(f"{number(rate)}/s" if rate >= 1 else f"{number(60 * rate)}/min")
            facts.append(f"{duration((total - done) / rate)} left")
        return ", ".join(facts)


def rows(found: RatingList | None) -> list[list[Any]]:
    """The rating list as rows of COLUMNS. LOS: the probability to be better than the next."""
    table: list[list[Any]] = []
    for i, rating in enumerate(found.ratings if found else ()):
        los: Any = None
        if found is not None and i + 1 < len(found.ratings):
            chance = float(found.superiority[i, i + 1])
            los = None if chance != chance else f"{chance:.1%}"
        row = [rating.name, round(rating.elo), round(rating.error), los, rating.games, f"{rating.score:.1%}"]
        table.append(row)
    return table


def _title(tournament: Tournament) -> str:
    config = tournament.config
    return f"{config.format} of {config.game}"


def _leader(found: RatingList | None) -> str:
    if found is None:
        return ""
    best = found.ratings[0]
    return f", first {best.name} {best.elo:.0f} +-{best.error:.0f}"
