"""An agent that thinks beside the screen, and can be told to stop."""

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tengen.agents.base import RESIGN, Agent
from tengen.envs.game import Game, States
from tengen.envs.position import Position
from tengen.ui.thinking.courtesy import leave_in_peace
from tengen.ui.thinking.interruptible import Brake, Stopped, make_stoppable
from tengen.ui.thinking.worker import Deliver, Worker, in_words


@dataclass(frozen=True)
class Task:
    """A position that an answer is wanted for."""

    start: States
    actions: tuple[int, ...]
    state: States
    left_s: tuple[float, float] | None = None  # the mover's and the other's time
    increment_s: float = 0.0


@dataclass(frozen=True)
class Reply:
    """What came of a task: a turn, a resignation, or a fault."""

    actions: tuple[int, ...] = ()
    resigns: bool = False
    value: float | None = None  # for the side to move
    fault: str = ""
    seconds: float = 0.0


class Opponent:
    """One agent in one thread. Answers to tasks that were cancelled are dropped."""

    def __init__(
        self, spec: str, game: Game, deliver: Deliver, *, seed: int = 0, least_s: float = 0.0
    ) -> None:
        """The agent is made in the thread, at `warm_up` or when it is needed; a reply takes `least_s`."""
        self.spec, self.game, self.seed = spec, game, seed
        self._deliver, self._least_s = deliver, least_s
        self._worker = Worker(f"opponent {spec}")
        self._agent: Agent | None = None
        self._brake: Brake | None = None
        self._wanted = 0  # number of the task that an answer is wanted for
        self._count = 0
        self._busy = False  # whether the thread is at work on a task, wanted or not

    @property
    def is_thinking(self) -> bool:
        """Whether an answer is still to come."""
        return self._wanted > 0

    @property
    def evaluations(self) -> int:
        """Leaves that the present search has looked at; 0 where the agent does not tell."""
        return self._brake.evaluations if self._brake is not None and self.is_thinking else 0

    @property
    def can_hurry(self) -> bool:
        """Whether `move_now` is heard."""
        return self._brake is not None

    def warm_up(self, done: Callable[[str], None] | None = None) -> None:
        """Make the agent now; `done` is told of a fault, "" if there is none."""

        def job() -> None:
            fault = ""
            try:
                self._ready()
            except Exception as error:
                fault = in_words(error)
            if done is not None:
                self._deliver(lambda: done(fault))

        self._worker.do(job)

    def ask(self, task: Task, done: Callable[[Reply], None]) -> None:
        """Let it think; `done` is called with its reply unless it is cancelled before."""
        self.cancel()
        if self._brake is not None:
            self._brake.hurry.clear()
        self._count += 1
        number = self._wanted = self._count

        def job() -> None:
            if self._wanted != number:
                return
            self._busy = True
            reply = self._reply(task, number)
            self._busy = False
            if reply is not None:
                time.sleep(max(0.0, self._least_s - reply.seconds))
                self._deliver(lambda: finish(reply))

        def finish(reply: Reply) -> None:
            if self._wanted == number:
                self._wanted = 0
                done(reply)

        self._worker.do(job)

    def cancel(self) -> None:
        """Nobody wants the answer any more."""
        if self._wanted:
            self._wanted = 0
            if self._brake is not None:
                self._brake.stop.set()

    def move_now(self) -> None:
        """Answer with what the search has found so far."""
        if self._brake is not None:
            self._brake.hurry.set()

    def close(self, wait_s: float = 0.0) -> None:
        """Stop thinking and let go of the agent; a program that is still at work on an answer is killed."""
        self.cancel()
        kill = getattr(self._agent, "kill", None)
        if self._busy and kill is not None:
            kill()

        def job() -> None:
            if self._agent is not None:
                with contextlib.suppress(Exception):  # it is on its way out
                    self._agent.close()

        self._worker.do(job)
        self._worker.close(wait_s)

    # --- in the thread -------------------------------------------------------------------------------------

    def _ready(self) -> Agent:
        from tengen.agents.registry import make_agent

        if self._agent is None:
            agent = make_agent(self.spec, self.game, seed=self.seed)
            self._brake = make_stoppable(agent)
            agent.start(self.game, 1)
            self._agent = agent
            leave_in_peace()
        return self._agent

    def _reply(self, task: Task, number: int) -> Reply | None:
        """The turn for a task; None if it was stopped."""
        begun = time.monotonic()
        try:
            agent = self._ready()
            if self._brake is not None:
                self._brake.stop.clear()
                self._brake.evaluations = 0
            if self._wanted != number:
                return None
            return self._turn(agent, task, begun)
        except Stopped:
            return None
        except Exception as error:  # whatever an agent does, the game stays
            return Reply(fault=in_words(error), seconds=time.monotonic() - begun)

    def _turn(self, agent: Agent, task: Task, begun: float) -> Reply:
        position = Position(self.game, task.state)
        player = position.to_play
        value: float | None = None
        while position.to_play == player and not position.is_terminal:
            if agent.needs_history:
                agent.follow(0, task.start, [*task.actions, *position.actions])
            tell = getattr(agent, "tell_time", None)
            if tell is not None and task.left_s is not None:
                tell(0, left_s=task.left_s, increment_s=task.increment_s)
            action = int(agent.choose(position.state.copy(), np.zeros(1, np.int64))[0])
            if action == RESIGN:
                return Reply(resigns=True, seconds=time.monotonic() - begun)
            if value is None and agent.last_values is not None and len(agent.last_values):
                value = float(agent.last_values[0])
            position.apply(action)
        return Reply(tuple(position.actions), value=value, seconds=time.monotonic() - begun)
