"""An agent at a board of Go whose size, komi and time may change under it."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tengen.agents.base import RESIGN, Agent
from tengen.agents.mcts.agent import MctsAgent
from tengen.agents.mcts.evaluators import NetworkLeaves, RolloutLeaves
from tengen.agents.mcts.search import LeafEvaluator
from tengen.agents.policy import PolicyAgent
from tengen.agents.random import RandomAgent
from tengen.agents.registry import make_agent, parse_agent
from tengen.engine.analysis import Analysis, Judge
from tengen.engine.board import GoBoard
from tengen.envs.game import States
from tengen.envs.go.game import Go
from tengen.errors import TengenError

SLOT = np.zeros(1, np.int32)
KINDS_WITH_NETWORKS = ("mcts", "policy")


@dataclass(frozen=True)
class Choice:
    """What an agent answers."""

    action: int  # or RESIGN
    winrate: float | None  # of the side that moves, where the agent says


class Player:
    """Makes the agent that a string names, again where a new size demands it, and asks it for moves."""

    def __init__(self, spec: str, game: Go, seed: int = 0) -> None:
        """Raises TengenError where the string is wrong or names no player of this game."""
        self.spec, self.seed = spec, seed
        self.own_size = _size_of_network(spec)
        self.agent: Agent | None = None
        self.game = game
        self.rate: float | None = None  # simulations a second, as measured
        self.use(game)

    def can_play(self, game: Go) -> bool:
        """Whether the agent plays on boards of this size: a network on that it was made for."""
        return self.own_size in (0, game.size)

    def use(self, game: Go) -> None:
        """Get ready for a game. Raises TengenError where the agent cannot play it, and changes nothing."""
        if not self.can_play(game):
            raise TengenError(f"agent '{self.spec}' was made for boards of {self.own_size} lines")
        agent = self.agent
        kept = isinstance(agent, MctsAgent | PolicyAgent | RandomAgent) and self.game.size == game.size
        if agent is None or (not kept and self.game is not game):
            made = make_agent(self.spec, game, seed=self.seed)
            self.close()
            agent = made
        agent.start(game, 1)
        agent.game = game
        if isinstance(agent, MctsAgent) and isinstance(agent.evaluator, RolloutLeaves):
            agent.evaluator.game = game
        self.agent, self.game = agent, game

    def choose(
        self,
        board: GoBoard,
        color: int,
        seconds: float | None = None,
        *,
        closed: Callable[[], bool] = lambda: False,
        watch: Callable[[MctsAgent], None] | None = None,
    ) -> Choice:
        """A move for a colour, in `seconds` where the agent is a tree search.

        `closed` ends a search early; `watch` is called between its rounds.
        """
        state = board.turned(color)
        agent = self._ready(board)
        if agent.needs_history:
            agent.follow(0, board.start, board.path(color))
        if not isinstance(agent, MctsAgent):
            action = self._ask(agent, state)
        else:
            action = self._search(agent, state, seconds, closed, watch)
        if action == RESIGN:
            return Choice(RESIGN, None)
        if not board.game.new_mask(1).shape[1] > action >= 0:
            raise TengenError(f"agent '{self.spec}' answered with action {action}, which does not exist")
        value = None if agent.last_values is None else (1.0 + float(agent.last_values[0])) / 2
        return Choice(action, value)

    def warm_up(self) -> None:
        """Let what is compiled at its first use be compiled now, not on somebody's clock."""
        board = GoBoard(self.game)
        if isinstance(self.agent, MctsAgent):
            self.choose(board, 0, 0.0)
            self.analyse(board, 0, 1)
        Judge(None, playouts=1).by_playouts(self.game, board.turned(0))
        self.rate = None
        if self.agent is not None:
            self.agent.start(self.game, 1)

    def ponder(self, board: GoBoard, color: int, stop: Callable[[], bool]) -> None:
        """Search where the other side is to move, until `stop`; what is found serves the next `choose`."""
        agent = self._ready(board)
        if isinstance(agent, MctsAgent):
            state = board.turned(color)
            agent.budget, agent.stop = None, stop
            try:
                agent.think(state, SLOT)
            finally:
                agent.stop = None

    def leaves(self) -> LeafEvaluator:
        """What an analysis asks: the agent's network, or random games where it has none."""
        if isinstance(self.agent, MctsAgent):
            return self.agent.evaluator
        if isinstance(self.agent, PolicyAgent):
            return NetworkLeaves(self.agent.network)
        return RolloutLeaves(self.game, self.seed)

    def judge(self) -> Judge:
        """Who owns the points, by the agent's network where it has one."""
        leaves = self.leaves()
        network = leaves.network if isinstance(leaves, NetworkLeaves) else None
        return Judge(network if hasattr(network, "outlook") else None, self.seed)  # type: ignore[arg-type]

    def analyse(
        self, board: GoBoard, color: int, visits: int, allowed: "np.ndarray | None" = None
    ) -> Analysis:
        """A new analysis of the position with a colour to move."""
        self._ready(board)
        leaves = self.leaves()
        at_once = 8 if leaves.observes else 1
        return Analysis(
            board.game, leaves, board.turned(color), visits=visits, leaves=at_once, allowed=allowed
        )

    def close(self) -> None:
        """Release the agent."""
        agent, self.agent = self.agent, None
        if agent is not None:
            agent.close()

    def _ready(self, board: GoBoard) -> Agent:
        board.turned(0)  # may give the game more room, which is another game to the agent
        if self.agent is None or self.game is not board.game:
            self.use(board.game)
        assert self.agent is not None
        return self.agent

    def _ask(self, agent: Agent, state: States) -> int:
        try:
            return int(agent.choose(state, SLOT)[0])
        except TengenError:
            self.close()  # a program that died is started again for the next move
            raise

    def _search(
        self,
        agent: MctsAgent,
        state: States,
        seconds: float | None,
        closed: Callable[[], bool],
        watch: Callable[[MctsAgent], None] | None,
    ) -> int:
        begun = time.monotonic()
        until = None if seconds is None else begun + seconds
        most = agent.config.simulations
        agent.budget = most
        if seconds is not None and self.rate is not None:
            agent.budget = max(1, min(most, int(0.9 * self.rate * seconds)))

        def stop() -> bool:
            if watch is not None:
                watch(agent)
            return closed() or (until is not None and time.monotonic() > until)

        agent.stop = stop
        try:
            action = int(agent.choose(state, SLOT)[0])
        finally:
            agent.stop, agent.budget = None, None
        taken = time.monotonic() - begun
        done = int(agent.search.tree.simulations[0]) if agent.search is not None else 0
        if done >= 8 and taken > 0:
            self.rate = done / taken if self.rate is None else 0.7 * self.rate + 0.3 * done / taken
        return action


def _size_of_network(spec: str) -> int:
    """The size of the board that an agent's network was made for, 0 for agents that play on any."""
    parsed = parse_agent(spec)
    if parsed.kind not in KINDS_WITH_NETWORKS or not parsed.target:
        return 0
    from tengen.envs.registry import make_game
    from tengen.networks.checkpoint_files import read_state
    from tengen.networks.paths import STATE, find_checkpoint

    name = str(read_state(find_checkpoint(parsed.target) / STATE).get("game", ""))
    game = make_game(name) if name.startswith("go") else None
    return game.size if isinstance(game, Go) else 0
