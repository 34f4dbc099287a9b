"""How agents think about a move under UCI: tree search, alpha-beta, and whatever only answers."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from tengen.agents.base import Agent
from tengen.agents.mcts.agent import MctsAgent
from tengen.agents.mcts.evaluators import NetworkLeaves
from tengen.agents.mcts.search import LeafEvaluator, Search
from tengen.agents.minimax.chess import ChessLimits, ChessMinimaxAgent, ChessSearcher, Variation
from tengen.agents.policy import PolicyAgent
from tengen.engine.analysis import Analysis, MoveRow, root_rows
from tengen.engine.uci_words import GoWish, Line, Score, score_of_value
from tengen.envs.chess.game import Chess
from tengen.envs.game import States

SLOT = np.zeros(1, np.int32)
REPORT_S = 0.5  # between two reports of a tree search
MOST_VISITS = 20_000  # of an open-ended tree search: its memory


@dataclass(frozen=True)
class Question:
    """A position to think about, and how."""

    start: States
    actions: Sequence[int]  # what led from start to the position
    state: States  # [1], open
    wish: GoWish
    lines: int = 1  # how many variations are wanted (MultiPV)
    allowed: tuple[int, ...] = ()  # actions that the first move must be among; all where empty
    analyse: bool = False

    @property
    def is_analysis(self) -> bool:
        """Whether more is wanted than a move."""
        return self.analyse or self.wish.infinite or self.lines > 1 or bool(self.allowed)


Report = Callable[[Sequence[Line]], None]


@dataclass
class Control:
    """What a search asks while it goes on, and where it reports."""

    stop: Callable[[], bool]
    report: Report
    seconds: Callable[[], float | None]  # for the whole move; None while there is no limit
    began: float = field(default_factory=time.monotonic)


class Thinker(Protocol):
    """An agent as the engine uses it."""

    def think(self, question: Question, control: Control) -> Sequence[int]:
        """The best line found, its first action what is played."""

    def new_game(self) -> None:
        """Forget what was thought."""

    def set_hash(self, megabytes: int) -> None:
        """How much may be remembered."""


class TreeThinker:
    """Tree search: its own rule and budget for a move, PUCT without an end for an analysis."""

    def __init__(self, agent: MctsAgent | PolicyAgent, game: Chess) -> None:
        self.agent, self.game = agent, game
        self.rate: float | None = None  # simulations a second, as measured
        self.new_game()

    def new_game(self) -> None:
        """See Thinker."""
        self.agent.start(self.game, 1)

    def set_hash(self, megabytes: int) -> None:
        """A tree's memory is its simulations."""

    def think(self, question: Question, control: Control) -> Sequence[int]:
        """See Thinker."""
        if question.is_analysis or not isinstance(self.agent, MctsAgent):
            return self._analyse(question, control)
        return self._search(self.agent, question, control)

    def _search(self, agent: MctsAgent, question: Question, control: Control) -> Sequence[int]:
        most = agent.config.simulations
        nodes, seconds = question.wish.number("nodes"), control.seconds()
        budget = min(most, nodes) if nodes > 0 else most
        if seconds is not None and self.rate is not None:
            budget = max(1, min(budget, int(0.9 * self.rate * seconds)))
        reporter = _TreeReporter(question, control)
        agent.budget = budget

        def stop() -> bool:
            search = agent.search
            return search is not None and reporter.look(search)

        agent.stop = stop
        try:
            action = int(agent.choose(question.state.copy(), SLOT)[0])
        finally:
            agent.stop, agent.budget = None, None
        assert agent.search is not None
        taken, done = time.monotonic() - control.began, int(agent.search.tree.simulations[0])
        if done >= 8 and taken > 0:
            self.rate = done / taken if self.rate is None else 0.7 * self.rate + 0.3 * done / taken
        return reporter.last(agent.search, action)

    def _analyse(self, question: Question, control: Control) -> Sequence[int]:
        allowed = None
        if question.allowed:
            allowed = np.zeros(self.game.num_actions, np.bool_)
            allowed[list(question.allowed)] = True
        nodes, leaves = question.wish.number("nodes"), self._leaves()
        at_once = 8 if leaves.observes else 1
        visits = MOST_VISITS
        if not question.wish.infinite:
            own = self.agent.config.simulations if isinstance(self.agent, MctsAgent) else 1
            visits = min(MOST_VISITS, nodes if nodes > 0 else own)
        analysis = Analysis(
            self.game, leaves, question.state, visits=max(1, visits), leaves=at_once, allowed=allowed
        )
        reporter = _TreeReporter(question, control)
        analysis.run(lambda: reporter.look(analysis.search))
        return reporter.last(analysis.search, analysis.best())

    def _leaves(self) -> LeafEvaluator:
        if isinstance(self.agent, MctsAgent):
            return self.agent.evaluator
        return NetworkLeaves(self.agent.network)


class _TreeReporter:
    """Looks at a tree between its rounds: whether to stop, and whether it is time to report."""

    def __init__(self, question: Question, control: Control) -> None:
        self.question, self.control = question, control
        self.next_s = time.monotonic() + REPORT_S
        self.depth = question.wish.number("depth")

    def look(self, search: Search) -> bool:
        """Whether to stop."""
        control = self.control
        if time.monotonic() >= self.next_s:
            self.next_s = time.monotonic() + REPORT_S
            control.report(self._lines(search))
        seconds = control.seconds()
        if seconds is not None and time.monotonic() - control.began > seconds:
            return True
        if self.depth > 0 and not self.question.wish.infinite:
            rows = root_rows(search)
            if rows and len(rows[0].line) >= self.depth:
                return True
        return control.stop()

    def last(self, search: Search, action: int) -> Sequence[int]:
        """Report what was found, what is played first; returns its line."""
        lines = self._lines(search, action)
        self.control.report(lines)
        return lines[0].actions

    def _lines(self, search: Search, action: int | None = None) -> list[Line]:
        rows = root_rows(search)
        if action is not None:
            found = next((row for row in rows if row.action == action), None)
            if found is None:  # a search that was stopped at once
                found = MoveRow(
                    action, 1, (1 + float(search.result(SLOT).values[0])) / 2, 1.0, 0.0, (action,)
                )
            rows = [found, *(row for row in rows if row.action != action)]
        deepest = max((len(row.line) for row in rows), default=1)
        nodes = max(1, int(search.tree.simulations[0]))
        return [
            Line(row.line, score_of_value(2 * row.winrate - 1), len(row.line), nodes, deepest)
            for row in rows[: self.question.lines]
        ]


class AlphaBetaThinker:
    """Alpha-beta: as deep as the agent string says, or as `go` does."""

    def __init__(self, agent: ChessMinimaxAgent, game: Chess) -> None:
        self.agent, self.game = agent, game

    def new_game(self) -> None:
        """See Thinker."""
        self.agent.searcher.forget()

    def set_hash(self, megabytes: int) -> None:
        """See Thinker."""
        entries = megabytes * 2**20 // 16
        self.agent.searcher = ChessSearcher(self.agent.evaluation, entries.bit_length() - 1)

    def think(self, question: Question, control: Control) -> Sequence[int]:
        """See Thinker."""
        wish, own = question.wish, self.agent.limits
        depth, nodes, seconds = wish.number("depth"), wish.number("nodes"), control.seconds()
        if wish.number("mate") > 0:
            depth = depth or 2 * wish.number("mate") - 1
        if depth <= 0 and not (wish.infinite or nodes > 0):
            depth = own.depth
            if seconds is None and not question.wish.ponder:
                nodes, seconds = own.nodes, own.seconds or None

        def stop() -> bool:
            allowed = control.seconds() if seconds is None else seconds
            if allowed is not None and time.monotonic() - control.began > allowed:
                return True
            return control.stop()

        def told(found: Sequence[Variation]) -> None:
            control.report([line_of(variation) for variation in found])

        limits = ChessLimits(depth=max(0, depth), nodes=max(0, nodes))
        found = self.agent.searcher.find(
            question.state,
            limits,
            keep_table=wish.number("depth") <= 0,
            stop=stop,
            lines=question.lines,
            allowed=question.allowed,
            on_depth=told,
        )
        told(found)
        return found[0].actions


def line_of(found: Variation) -> Line:
    """A variation as `info` tells it."""
    score = Score(0, found.mate) if found.mate is not None else Score(found.value)
    return Line(found.actions, score, found.depth, found.nodes, found.deepest)


class PlainThinker:
    """An agent that only answers."""

    def __init__(self, agent: Agent, game: Chess) -> None:
        self.agent, self.game = agent, game
        self.new_game()

    def new_game(self) -> None:
        """See Thinker."""
        self.agent.start(self.game, 1)

    def set_hash(self, megabytes: int) -> None:
        """It remembers nothing of ours."""

    def think(self, question: Question, control: Control) -> Sequence[int]:
        """See Thinker; the first of the moves that are allowed where it answers with another."""
        agent = self.agent
        if agent.needs_history:
            agent.follow(0, question.start, question.actions)
        tell, seconds = getattr(agent, "tell_time", None), control.seconds()
        if tell is not None and seconds is not None:
            tell(0, move_s=seconds)
        action = int(agent.choose(question.state.copy(), SLOT)[0])
        values = agent.last_values
        score = None if values is None else score_of_value(float(values[0]))
        if action < 0 or (question.allowed and action not in question.allowed):  # UCI knows no resignation
            allowed, score = question.allowed, None
            if not allowed:
                mask = self.game.new_mask(1)
                self.game.legal_mask(question.state, mask)
                allowed = tuple(int(a) for a in np.flatnonzero(mask[0]))
            action = allowed[0]
        control.report([Line((action,), score, 1, 1)])
        return (action,)


def thinker_of(agent: Agent, game: Chess) -> Thinker:
    """How an agent thinks."""
    if isinstance(agent, MctsAgent | PolicyAgent):
        return TreeThinker(agent, game)
    if isinstance(agent, ChessMinimaxAgent):
        return AlphaBetaThinker(agent, game)
    return PlainThinker(agent, game)
