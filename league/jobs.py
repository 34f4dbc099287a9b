"""Jobs of a tournament: some games of one pairing, and who plays them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from tengen.agents.base import Agent
from tengen.agents.registry import make_agent
from tengen.envs.game import Game
from tengen.errors import TengenError
from tengen.league.ending import GoReferee, Limits, forfeit
from tengen.league.entrants import Entrant
from tengen.league.tournament_config import TournamentConfig
from tengen.league.wave import Board, Ended, play_wave

KEPT = 4  # agents that are kept for the next jobs: an engine is slow to start, a network to load

Stop = Callable[[], bool]


@dataclass(frozen=True)
class Job:
    """Games of one pairing to play side by side. The first player moves first where the number is even."""

    first: Entrant
    second: Entrant
    boards: tuple[Board, ...]
    keys: tuple[str, ...]  # of the scheduled games, in the order of boards
    slots: int  # games side by side


@dataclass(frozen=True)
class Played:
    """Games of a job that ended."""

    ended: tuple[Ended, ...]
    seeds: tuple[int, int] = (0, 0)  # of the first and the second player
    versions: Mapping[str, str] = field(default_factory=dict)  # of players that say which they are


class Plays(Protocol):
    """Who plays jobs: here, in a process, or in a Ray actor."""

    def play(self, job: Job, stop: Stop) -> Iterator[Played]:
        """The games of a job as they end; those in flight are dropped once stop says True."""
        ...

    def close(self) -> None:
        """Release agents, processes, actors."""
        ...


class JobPlayer:
    """Plays in the thread that asks."""

    def __init__(self, game: Game, config: TournamentConfig, seed: list[int]) -> None:
        self.game, self.config = game, config
        self._seed = seed
        self._agents: dict[str, tuple[Agent, int]] = {}  # content hash -> agent and its seed
        self._limits: Limits | None = None

    def play(self, job: Job, stop: Stop) -> Iterator[Played]:
        """See `Plays.play`."""
        if self._limits is None:
            self._limits = self._make_limits()
        limits = self._limits
        try:
            (first, seed), (second, other_seed) = self._agent(job.first), self._agent(job.second)
            for agent in (first, second):
                agent.start(self.game, min(job.slots, len(job.boards)))
        except TengenError as error:
            yield self._without_a_player(job, limits, error)
            return
        versions = {
            player.name: str(agent.version)  # type: ignore[attr-defined]
            for player, agent in ((job.first, first), (job.second, second))
            if getattr(agent, "version", None)
        }
        wave = play_wave(self.game, (first, second), job.boards, slots=job.slots, limits=limits, stop=stop)
        for ended in wave:
            yield Played(tuple(ended), (seed, other_seed), versions)

    def close(self) -> None:
        """Close what the agents hold; from another thread only where the playing one is stuck."""
        while self._agents:
            _, (agent, _) = self._agents.popitem()
            agent.close()
        if self._limits is not None and self._limits.referee is not None:
            self._limits.referee.close()

    def _make_limits(self) -> Limits:
        """What games may do; a referee is an engine, so that each player has its own."""
        config = self.config
        name = config.adjudication.referee
        referee = GoReferee(name, config.seed) if name else None
        return Limits(config.time, config.adjudication, config.faults, referee)

    def _without_a_player(self, job: Job, limits: Limits, error: TengenError) -> Played:
        """An engine that does not come up loses, as one that dies does; other faults are the user's."""
        kind = getattr(error, "kind", None)
        if kind is None:
            raise error
        ended = []
        for board in job.boards:
            absent = (
                board.first_agent_plays if job.first.id not in self._agents else 1 - board.first_agent_plays
            )
            ending = forfeit(self.game, absent, limits, str(kind), str(error))
            ended.append(Ended(board, board.opening, (0.0,) * len(board.opening), ending))
        return Played(tuple(ended))

    def _agent(self, player: Entrant) -> tuple[Agent, int]:
        found = self._agents.pop(player.id, None)
        if found is None:
            while len(self._agents) >= KEPT:
                self._agents.pop(next(iter(self._agents)))[0].close()
            entropy = [*self._seed, int(player.id, 16)]
            seed = int(np.random.SeedSequence(entropy).generate_state(1)[0])
            found = make_agent(player.agent, self.game, seed=seed), seed
            if self.config.time.kind != "none" and not player.is_engine:
                self._warm(found[0])
        self._agents[player.id] = found  # last: the oldest goes first
        return found

    def _warm(self, agent: Agent) -> None:
        """Let an agent choose before its clock runs: the first call of a kernel compiles or loads it."""
        start = self.game.new_states(1)
        agent.start(self.game, 1)
        if agent.needs_history:
            agent.follow(0, start, [])
        if tell := getattr(agent, "tell_time", None):
            tell(0, move_s=0.0)
        agent.choose(start, np.zeros(1, np.int64))
