"""The matches of an evaluation: who the players are, and where they play."""

import contextlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, Protocol

from tengen.agents.base import Agent
from tengen.agents.engines.faults import EngineFault
from tengen.agents.mcts.agent import MctsAgent
from tengen.agents.mcts.config import SearchConfig
from tengen.agents.mcts.evaluators import NetworkLeaves
from tengen.agents.registry import make_agent
from tengen.envs import make_game
from tengen.league.ending import Limits
from tengen.league.manager import Member
from tengen.league.match import MatchResult, play_match
from tengen.machine import usable_cores
from tengen.networks.checkpoint import load_checkpoint
from tengen.networks.evaluator import NetworkEvaluator
from tengen.selfplay.config import TrainConfig

Stop = Callable[[], bool]


class Pair(NamedTuple):
    """A match to play."""

    label: str
    first: Member
    second: Member


class MatchesLost(Exception):
    """Whoever played the matches of an evaluation is gone, and the games with it."""


class Matches(Protocol):
    """A place where matches are played."""

    def play(self, pairs: Sequence[Pair], games: int, seed: int, stop: Stop) -> list[MatchResult]:
        """Every pair's match; once `stop` says True they end early. Raises MatchesLost."""

    def close(self) -> None:
        """Give the place up."""


class MatchesHere:
    """Matches in threads of this process."""

    def __init__(self, config: TrainConfig, folder: Path, threads: int | None = None) -> None:
        """folder: the league's, from which its members' checkpoints are found."""
        self.config = config
        self.folder = folder
        self.game = make_game(config.game)
        self.threads = _threads(config) if threads is None else threads

    def play(
        self, pairs: Sequence[Pair], games: int, seed: int, stop: Stop | None = None
    ) -> list[MatchResult]:
        """See `Matches.play`; so many at once as there are threads."""

        def match(pair: Pair) -> MatchResult:
            with contextlib.ExitStack() as closing:
                players = []
                for member in (pair.first, pair.second):
                    players.append(self._player(member))
                    closing.callback(players[-1].close)
                return play_match(
                    self.game, players[0], players[1], games, seed=seed, stop=stop, limits=Limits()
                )

        with ThreadPoolExecutor(self.threads) as pool:
            return list(pool.map(match, pairs))

    def close(self) -> None:
        """Nothing is held between matches."""

    def _player(self, member: Member) -> Agent:
        if not member.is_snapshot:
            try:
                return make_agent(member.agent, self.game, seed=self.config.seed)
            except EngineFault as fault:  # one that dies later loses its game
                raise MatchesLost(str(fault)) from fault
        network, _ = load_checkpoint(self.folder / member.agent, self.game)
        leaves = NetworkLeaves(NetworkEvaluator(network, threads=1))
        seed = self.config.seed + member.update
        return MctsAgent(member.name, self.game, leaves, judged_search(self.config), seed=seed)


def judged_search(config: TrainConfig) -> SearchConfig:
    """The search by which snapshots play when they are rated."""
    simulations = config.evaluation.simulations
    rule = config.search.rule if simulations else "puct"
    return SearchConfig(rule=rule, simulations=max(1, simulations), considered=16)


def _threads(config: TrainConfig) -> int:
    evaluation = config.evaluation
    share = usable_cores() // 4 if evaluation.beside else usable_cores()
    return evaluation.threads or max(1, share)
