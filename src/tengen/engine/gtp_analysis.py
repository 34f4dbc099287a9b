"""Analysis over GTP: Leela Zero's and KataGo's commands, which go on until any line comes."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from tengen.agents.mcts.agent import MctsAgent
from tengen.engine.analysis import Judge, MoveRow, root_rows, with_points
from tengen.engine.analysis_text import AnalysisWish, allowed_mask, kata_line, lz_line, parse_wish
from tengen.engine.refusal import Refusal
from tengen.engine.status import mover_view
from tengen.envs.game import Floats, States

if TYPE_CHECKING:
    from tengen.agents.mcts.search import Search
    from tengen.engine.gtp_session import GtpSession

NAP_S = 0.05


class Reporter:
    """Prints what a search found, not more often than asked."""

    def __init__(self, session: "GtpSession", wish: AnalysisWish, is_kata: bool) -> None:
        self.session, self.wish, self.is_kata = session, wish, is_kata
        self.judge: Judge = session.player.judge()
        self.state: States = session.board.turned(wish.color)
        self.next_s = time.monotonic() + wish.interval_s
        self.reports = 0
        self._owners: Floats | None = None
        self._points: dict[int, float | None] = {}

    def is_due(self) -> bool:
        """Whether the interval is over."""
        return time.monotonic() >= self.next_s

    def report(self, search: "Search") -> None:
        """One line, where there is a move to tell of."""
        self.next_s = time.monotonic() + self.wish.interval_s
        rows = root_rows(search)
        rows = rows[: max(self.wish.most_moves, min(self.wish.least_moves, len(rows)))]
        if rows:
            self.reports += 1
            self.session.wire.send(self.line(search, rows) + "\n")

    def line(self, search: "Search", rows: list[MoveRow]) -> str:
        """The rows in the words of the command."""
        game = self.session.board.game
        if not self.is_kata:
            return lz_line(game.size, rows)
        from dataclasses import replace

        new = [row for row in rows if row.action not in self._points]
        for row in with_points(new, game, self.state, self.judge):
            self._points[row.action] = row.points
        rows = [replace(row, points=self._points[row.action]) for row in rows]
        owners, root = None, None
        if self.wish.ownership:
            if self._owners is None:
                self._owners = mover_view(self.judge.ownership(game, self.state), self.wish.color)
            owners = self._owners
        if self.wish.root_info:
            visits = sum(row.visits for row in rows)
            winrate = sum(row.visits * row.winrate for row in rows) / max(1, visits)
            root = (visits, winrate, rows[0].points)
        return kata_line(game.size, rows, owners, root)


def analyze(session: "GtpSession", words: list[str], is_kata: bool) -> str:
    """Report until a line comes or the controller goes."""
    wish = parse_wish(words, session.board.to_play, session.board.size)
    allowed = allowed_mask(wish, session.board.game.num_actions)
    analysis = session.player.analyse(session.board, wish.color, session.options.visits, allowed)
    reporter = Reporter(session, wish, is_kata)
    session.stream()
    search, wire = analysis.search, session.wire

    def stop() -> bool:
        if reporter.is_due():
            reporter.report(search)
        return wire.pending()

    analysis.run(stop)
    while not wire.pending():  # full: what was found is told again, as controllers expect
        wire.wait(max(0.0, min(NAP_S, reporter.next_s - time.monotonic())))
        if reporter.is_due():
            reporter.report(search)
    if not reporter.reports:
        reporter.report(search)
    return ""


def genmove_analyze(session: "GtpSession", words: list[str], is_kata: bool) -> str:
    """A move, with reports while the agent searches; agents that do not search only move."""
    wish = parse_wish(words, session.board.to_play, session.board.size)
    if wish.avoid or wish.allow is not None:
        raise Refusal("avoid and allow are for analysis, not for moves")
    reporter = Reporter(session, wish, is_kata)
    session.stream()

    def watch(agent: MctsAgent) -> None:
        if agent.search is not None and reporter.is_due():
            reporter.report(agent.search)

    try:
        words_, _ = session.genmove(wish.color, watch=watch)
    except Exception as error:  # the response has begun and cannot fail any more
        session.wire.send(f"# {' '.join(str(error).split())}\n")
        return "play resign"
    agent = session.player.agent
    if isinstance(agent, MctsAgent) and agent.search is not None and not reporter.reports:
        reporter.report(agent.search)
    return f"play {words_}"


def _both(
    work: Callable[["GtpSession", list[str], bool], str], is_kata: bool
) -> Callable[["GtpSession", list[str]], str]:
    return lambda session, words: work(session, words, is_kata)


COMMANDS = {
    "lz-analyze": _both(analyze, False),
    "kata-analyze": _both(analyze, True),
    "analyze": _both(analyze, True),  # Sabaki's names, which belong to no engine
    "genmove_analyze": _both(genmove_analyze, True),
    "lz-genmove_analyze": _both(genmove_analyze, False),
    "kata-genmove_analyze": _both(genmove_analyze, True),
}
