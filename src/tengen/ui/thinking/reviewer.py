"""A whole game looked at by a search, one position after another."""

from collections.abc import Callable

from tengen.ui.model.review import Finding, Mistake, mistakes
from tengen.ui.model.tree import Node
from tengen.ui.thinking.analyst import Analyst, Insight

SIMULATIONS = 200  # a position, with a network
ROLLOUTS = 2000


class Reviewer:
    """Looks through a line of nodes; `progress` hears of each position, and of the mistakes found so far."""

    def __init__(
        self,
        analyst: Analyst,
        line: list[Node],
        progress: Callable[["Reviewer"], None],
        simulations: int | None = None,
    ) -> None:
        self.analyst, self.line, self.progress = analyst, line, progress
        self.simulations = simulations or (SIMULATIONS if analyst.network else ROLLOUTS)
        self.findings: list[Finding] = []
        self.fault = ""
        self.stopped = False
        self.total = len(line) - 1 + (not line[-1].is_terminal)

    @property
    def done(self) -> bool:
        """Whether every position has been looked at."""
        return len(self.findings) >= self.total or bool(self.fault) or self.stopped

    @property
    def mistakes(self) -> list[Mistake]:
        """What was found so far, the dearest first."""
        return mistakes(self.line, self.findings, self._final())

    def start(self) -> None:
        """Look at the first position."""
        if self.done:
            self.progress(self)
        else:
            self._next()

    def stop(self) -> None:
        """Look no further."""
        self.stopped = True
        self.analyst.stop()

    def _next(self) -> None:
        node = self.line[len(self.findings)]
        self.analyst.look(node.state, lambda insight: self._hear(node, insight), simulations=self.simulations)

    def _hear(self, node: Node, insight: Insight) -> None:
        if insight.fault:
            self.fault = insight.fault
        if not insight.done or self.stopped:
            return
        best = insight.candidates[0] if insight.candidates else None
        self.findings.append(
            Finding(insight.value, best.words if best else "", best.line_words if best else ())
        )
        node.think(insight.first_value, insight.simulations)
        self.progress(self)
        if not self.done:
            self._next()

    def _final(self) -> float | None:
        """Player 0's value where the line has ended by the rules."""
        from tengen.envs.position import Position

        last = self.line[-1]
        if not last.is_terminal:
            return None
        return Position(self.analyst.game, last.state).returns[0]
