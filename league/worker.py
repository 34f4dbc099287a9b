"""A thread that plays one job of a tournament after the other."""

import queue
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from tengen import __version__
from tengen.agents.base import Agent
from tengen.agents.registry import make_agent
from tengen.envs.game import Game
from tengen.errors import TengenError
from tengen.league.ending import Limits, forfeit
from tengen.league.entrants import Entrant
from tengen.league.store import StoredGame
from tengen.league.wave import Board, Ended, play_wave

KEPT = 4  # agents that a worker keeps for its next jobs: an engine is slow to start, a network to load


@dataclass(frozen=True)
class Job:
    """Games of one pairing to play side by side. The first player moves first where the number is even."""

    first: Entrant
    second: Entrant
    boards: tuple[Board, ...]
    keys: tuple[str, ...]  # of the scheduled games, in the order of boards
    slots: int  # games side by side


@dataclass(frozen=True)
class Report:
    """What a worker has to say: games that ended, or that it is free, or what went wrong."""

    worker: "Worker"
    job: Job | None = None
    ended: tuple[Ended, ...] = ()
    seeds: tuple[int, int] = (0, 0)
    versions: Mapping[str, str] = field(default_factory=dict)  # of players that say which they are
    error: BaseException | None = None

    @property
    def is_free(self) -> bool:
        """Whether the worker waits for its next job."""
        return not self.ended

    def games(self, event: str, seed: int) -> list[StoredGame]:
        """The games as the store keeps them."""
        if self.job is None:
            return []
        key_of = dict(zip((board.number for board in self.job.boards), self.job.keys, strict=True))
        found = []
        for ended in self.ended:
            players, seeds = (self.job.first, self.job.second), self.seeds
            if ended.board.first_agent_plays:
                players, seeds = players[::-1], seeds[::-1]
            details = {"versions": {"tengen": __version__, **self.versions}, "seeds": list(seeds)}
            found.append(
                StoredGame(
                    key=key_of[ended.board.number],
                    event=event,
                    game=self.worker.game.name,
                    first=players[0].name,
                    second=players[1].name,
                    first_id=players[0].id,
                    second_id=players[1].id,
                    outcome=ended.ending.outcome,
                    result=ended.ending.result,
                    reason=ended.ending.reason,
                    opening_plies=len(ended.board.opening),
                    actions=ended.actions,
                    seconds=ended.seconds,
                    seed=seed,
                    details=details | ended.ending.details,
                )
            )
        return found


class Worker(threading.Thread):
    """Takes jobs from `jobs` (None ends it) and reports to `reports`."""

    def __init__(
        self,
        game: Game,
        limits: Callable[[], Limits],
        reports: "queue.SimpleQueue[Report]",
        stop: threading.Event,
        seed: list[int],
    ) -> None:
        super().__init__(daemon=True)  # one that hangs in an agent must not keep the process alive
        self.game = game
        self.jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._make_limits = limits
        self._reports = reports
        self._stop_event = stop
        self._seed = seed
        self._agents: dict[str, tuple[Agent, int]] = {}  # content hash -> agent and its seed
        self._limits: Limits | None = None

    def run(self) -> None:
        """Play until told to end."""
        try:
            while (job := self.jobs.get()) is not None:
                error: BaseException | None = None
                try:
                    self._play(job)
                except BaseException as fault:
                    error = fault
                self._reports.put(Report(self, job, error=error))
        finally:
            self.close_agents()

    def close_agents(self) -> None:
        """Close what the agents hold; from another thread only where this one is stuck."""
        while self._agents:
            _, (agent, _) = self._agents.popitem()
            agent.close()
        if self._limits is not None and self._limits.referee is not None:
            self._limits.referee.close()

    def _play(self, job: Job) -> None:
        if self._limits is None:
            self._limits = self._make_limits()
        try:
            (first, seed), (second, other_seed) = self._agent(job.first), self._agent(job.second)
            for agent in (first, second):
                agent.start(self.game, min(job.slots, len(job.boards)))
        except TengenError as error:
            self._could_not_start(job, error)
            return
        versions = {
            player.name: str(agent.version)  # type: ignore[attr-defined]
            for player, agent in ((job.first, first), (job.second, second))
            if getattr(agent, "version", None)
        }
        wave = play_wave(
            self.game,
            (first, second),
            job.boards,
            slots=job.slots,
            limits=self._limits,
            stop=self._stop_event.is_set,
        )
        for ended in wave:
            self._reports.put(Report(self, job, tuple(ended), (seed, other_seed), versions))

    def _could_not_start(self, job: Job, error: TengenError) -> None:
        """An engine that does not come up loses, as one that dies does; other faults are the user's."""
        kind = getattr(error, "kind", None)
        if kind is None or self._limits is None:
            raise error
        ended = []
        for board in job.boards:
            absent = (
                board.first_agent_plays if job.first.id not in self._agents else 1 - board.first_agent_plays
            )
            ending = forfeit(self.game, absent, self._limits, str(kind), str(error))
            ended.append(Ended(board, board.opening, (0.0,) * len(board.opening), ending))
        self._reports.put(Report(self, job, tuple(ended)))

    def _agent(self, player: Entrant) -> tuple[Agent, int]:
        found = self._agents.pop(player.id, None)
        if found is None:
            while len(self._agents) >= KEPT:
                self._agents.pop(next(iter(self._agents)))[0].close()
            entropy = [*self._seed, int(player.id, 16)]
            seed = int(np.random.SeedSequence(entropy).generate_state(1)[0])
            found = make_agent(player.agent, self.game, seed=seed), seed
        self._agents[player.id] = found  # last: the oldest goes first
        return found
