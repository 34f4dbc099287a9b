"""Searches that can be stopped, or hurried, between two batches of leaves."""

import threading
import time
from typing import TYPE_CHECKING, Any

from tengen.agents.base import Agent
from tengen.envs.game import Floats, States
from tengen.ui.thinking.courtesy import COURTESY

if TYPE_CHECKING:
    from tengen.agents.mcts.search import LeafEvaluator


class Stopped(Exception):
    """A search was told to stop; there is no answer."""


class StoppableLeaves:
    """An evaluator of leaves that first looks whether anybody still wants the answer."""

    def __init__(self, inner: "LeafEvaluator", agent: Any) -> None:
        self.inner = inner
        self.agent = agent
        self.stop = threading.Event()
        self.hurry = threading.Event()
        self.deadline: float | None = None  # on time.monotonic()'s clock
        self.evaluations = 0

    @property
    def observes(self) -> bool:
        """See `LeafEvaluator`."""
        return self.inner.observes

    def evaluate(self, states: States, observations: Floats) -> tuple[Floats, Floats]:
        """See `LeafEvaluator`. Raises Stopped."""
        COURTESY.stand_aside()
        if self.stop.is_set():
            raise Stopped
        self.evaluations += len(states)
        late = self.deadline is not None and time.monotonic() > self.deadline
        if (late or self.hurry.is_set()) and self.evaluations > len(states):
            search = self.agent.search
            if search is not None:  # what was found so far is the answer, after this batch
                search.tree.budget[:] = search.tree.simulations.clip(min=1)
        return self.inner.evaluate(states, observations)


def make_stoppable(agent: Agent) -> StoppableLeaves | None:
    """Put a stop into a tree search; None for an agent that is none and can only be waited for."""
    from tengen.agents.mcts.agent import MctsAgent

    if not isinstance(agent, MctsAgent):
        return None
    leaves = StoppableLeaves(agent.evaluator, agent)
    agent.evaluator = leaves
    agent.search = None
    return leaves
