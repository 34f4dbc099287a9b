"""The analysis of the position that is shown: hints, best moves and their lines, owners of points."""

from collections.abc import Callable
from dataclasses import dataclass

from tengen.errors import IllegalMove
from tengen.ui.model.session import Session
from tengen.ui.model.tree import Node
from tengen.ui.thinking.analyst import Analyst, Insight

HINT = 400  # simulations, with a network
HINT_ROLLOUTS = 4000


@dataclass
class Shown:
    """What is to be seen beside the position."""

    analysis: bool = False
    heat: bool = False
    ownership: bool = False


class Looking:
    """The part of a table that looks at positions."""

    session: Session
    analyst: Analyst
    shown: Shown
    insight: Insight | None
    insight_of: Node | None
    candidate: int | None
    hinted: Node | None
    changed: Callable[[], None]
    refresh: Callable[[], None]
    say: Callable[..., None]
    _looked: tuple[Node, bool, bool] | None

    def _look(self) -> None:
        """Let the analysis look at the position that is shown."""
        node = self.session.tree.current
        territory = self.shown.ownership or (self.session.marks_dead and not self.session.dead)
        wanted = self.shown.analysis or self.shown.ownership or self.shown.heat
        if self.insight_of is not node:
            self.insight, self.candidate = None, None
        if not wanted and self.hinted is not node:
            if self._looked is not None:
                self.analyst.stop()
            self._looked = None
            return
        key = (node, territory, self.shown.analysis)
        if self._looked == key or node.is_terminal:
            return
        self._looked = key
        few = HINT if self.analyst.network else HINT_ROLLOUTS
        if not self.shown.analysis:
            few = few if self.hinted is node else 1
        self.analyst.look(
            node.state,
            lambda insight: self._hear(node, insight),
            simulations=None if self.shown.analysis else few,
            territory=territory,
        )

    def _hear(self, node: Node, insight: Insight) -> None:
        self.insight, self.insight_of = insight, node
        if insight.fault:
            self.say(insight.fault, fault=True)
        elif insight.simulations > 1:
            node.think(insight.first_value, insight.simulations)
            if insight.done and self.hinted is node and insight.candidates:
                best = insight.candidates[0]
                self.say(f"hint: {best.words}, {(best.value + 1) / 2:.0%} to win")
        self.changed()

    def hint(self) -> None:
        """Say what a search would play here."""
        if self.session.tree.current.is_terminal:
            raise IllegalMove("the game is over here; there is nothing to hint at")
        self.hinted = self.session.tree.current
        self.say("thinking about a hint ...")
        self._looked = None
        self.refresh()

    def choose_candidate(self, step: int) -> None:
        """Show the line of the next (1) or the last (-1) of the best moves."""
        count = (
            len(self.insight.candidates)
            if self.insight and self.insight_of is self.session.tree.current
            else 0
        )
        if not count and (self.shown.analysis or self.hinted is self.session.tree.current):
            raise IllegalMove("the analysis is getting ready, or has nothing to say here")
        if not count:
            raise IllegalMove("turn the analysis on to see the best moves")
        self.candidate = (
            (-1 if step < 0 else 0) % count if self.candidate is None else (self.candidate + step) % count
        )
        self.changed()

    def follow(self) -> bool:
        """Play the first turn of the line that is shown, as a variation; whether there was one."""
        if self.candidate is None or self.insight is None or self.insight_of is not self.session.tree.current:
            return False
        line = self.insight.candidates[self.candidate].line
        self.session.tree.play(line[0])  # to look at: the game stays where it is
        self.say("a variation; End goes back to the game")
        self.refresh()
        return True
