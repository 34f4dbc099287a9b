"""Searches that can be stopped, or hurried, wherever they look up from their work."""

import threading
from typing import TYPE_CHECKING

from tengen.agents.base import Agent
from tengen.envs.game import Floats, States
from tengen.ui.thinking.courtesy import COURTESY

if TYPE_CHECKING:
    from tengen.agents.mcts.agent import MctsAgent
    from tengen.agents.mcts.search import LeafEvaluator


class Stopped(Exception):
    """A search was told to stop; there is no answer."""


class Brake:
    """What a search asks now and then: whether anybody still wants the answer, and wants it now."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.hurry = threading.Event()
        self.evaluations = 0  # leaves that the present search has looked at; 0 where it does not count them

    def is_pulled(self) -> bool:
        """For a search that ends by itself with the best that it has."""
        COURTESY.stand_aside()
        return self.stop.is_set() or self.hurry.is_set()


class StoppableLeaves:
    """An evaluator of leaves with a brake."""

    def __init__(self, agent: "MctsAgent", brake: Brake) -> None:
        self.inner: LeafEvaluator = agent.evaluator
        self.agent, self.brake = agent, brake

    @property
    def observes(self) -> bool:
        """See `LeafEvaluator`."""
        return self.inner.observes

    def evaluate(self, states: States, observations: Floats) -> tuple[Floats, Floats]:
        """See `LeafEvaluator`. Raises Stopped."""
        COURTESY.stand_aside()
        brake = self.brake
        if brake.stop.is_set():
            raise Stopped
        brake.evaluations += len(states)
        search = self.agent.search
        if brake.hurry.is_set() and brake.evaluations > len(states) and search is not None:
            # What was found so far is the answer, after this batch.
            search.tree.budget[:] = search.tree.simulations.clip(min=1)
        return self.inner.evaluate(states, observations)


def make_stoppable(agent: Agent) -> Brake | None:
    """Put a brake into a search; None for an agent that does not search and can only be waited for."""
    from tengen.agents.mcts.agent import MctsAgent

    brake = Brake()
    if isinstance(agent, MctsAgent):
        agent.evaluator = StoppableLeaves(agent, brake)
        agent.search = None
    elif hasattr(agent, "stop"):  # alpha-beta, which need not be imported for this
        agent.stop = brake.is_pulled
    else:
        return None
    return brake
