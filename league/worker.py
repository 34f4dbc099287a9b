"""A thread that has one job of a tournament played after the other."""

import queue
import threading
from dataclasses import dataclass

from tengen import __version__
from tengen.league.jobs import Job, Played, Plays
from tengen.league.store import StoredGame


@dataclass(frozen=True)
class Report:
    """What a worker has to say: games that ended, or that it is free, or what went wrong."""

    worker: "Worker"
    job: Job | None = None
    played: Played | None = None
    error: BaseException | None = None

    @property
    def is_free(self) -> bool:
        """Whether the worker waits for its next job."""
        return self.played is None

    def games(self, event: str, game: str, seed: int) -> list[StoredGame]:
        """The games as the store keeps them."""
        if self.job is None or self.played is None:
            return []
        key_of = dict(zip((board.number for board in self.job.boards), self.job.keys, strict=True))
        found = []
        for ended in self.played.ended:
            players, seeds = (self.job.first, self.job.second), self.played.seeds
            if ended.board.first_agent_plays:
                players, seeds = players[::-1], seeds[::-1]
            details = {"versions": {"tengen": __version__, **self.played.versions}, "seeds": list(seeds)}
            found.append(
                StoredGame(
                    key=key_of[ended.board.number],
                    event=event,
                    game=game,
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
    """Takes jobs from `jobs` (None ends it), has them played and reports to `reports`."""

    def __init__(self, player: Plays, reports: "queue.SimpleQueue[Report]", stop: threading.Event) -> None:
        super().__init__(daemon=True)  # one that hangs in an agent must not keep the process alive
        self.jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self.player = player
        self._reports = reports
        self._stop_event = stop

    def run(self) -> None:
        """Play until told to end."""
        try:
            while (job := self.jobs.get()) is not None:
                error: BaseException | None = None
                try:
                    for played in self.player.play(job, self._stop_event.is_set):
                        self._reports.put(Report(self, job, played))
                except BaseException as fault:
                    error = fault
                self._reports.put(Report(self, job, error=error))
        finally:
            self.player.close()
