"""Which games are played next, here and beside other processes on the same store."""

import itertools
import time
from collections.abc import Callable, Sequence

from tengen.league.claims import Claims
from tengen.league.jobs import Job
from tengen.league.schedule import Match
from tengen.league.tournament_config import TournamentConfig
from tengen.league.wave import Board
from tengen.machine import usable_cores

JOB = 4  # times `parallel` games in one job, since batches run dry only when the last of them are played
LOOK_S = 1.0  # between looks at the games of other processes


class Dispatch:
    """Hands out the games of a round, each claimed against other processes."""

    def __init__(
        self,
        config: TournamentConfig,
        openings: Sequence[Sequence[int]],
        matches: list[Match],
        claims: Claims,
        refresh: Callable[[], None],
    ) -> None:
        """refresh brings the matches up to what the store has."""
        self.config, self.openings, self.matches = config, openings, matches
        self.claims, self.refresh = claims, refresh
        self._looked = time.monotonic()

    def next_job(self) -> Job | None:
        """Games of the match that is furthest behind; None where all are done or being played."""
        while waiting := [match for match in self.matches if match.pending]:
            match = min(waiting, key=lambda match: match.progress)
            numbers = list(itertools.islice(match.pending, self._size(match, waiting)))
            for number in numbers:
                del match.pending[number]
            claimed = [number for number in numbers if self.claims.take(match.keys[number])]
            match.elsewhere.update(set(numbers) - set(claimed))
            self.refresh()  # another process may have finished some before they were claimed
            for number in [number for number in claimed if number in match.outcomes]:
                self.claims.drop(match.keys[number])
                claimed.remove(number)
            if claimed:
                return self._job(match, claimed)
        return None

    def look_elsewhere(self) -> None:
        """Once a second: has another process finished its games, or died over them?"""
        if time.monotonic() - self._looked < LOOK_S or not any(match.elsewhere for match in self.matches):
            return
        self._looked = time.monotonic()
        self.refresh()
        for match in self.matches:
            for number in sorted(match.elsewhere):
                if self.claims.take(match.keys[number]):
                    self.claims.drop(match.keys[number])
                    match.elsewhere.discard(number)
                    match.pending[number] = None

    def _size(self, match: Match, waiting: list[Match]) -> int:
        """One game of an engine or against the clock; of players in this process as many as fill batches."""
        if match.first.is_engine or match.second.is_engine or self.config.time.kind != "none":
            return 1
        left = sum(len(other.pending) for other in waiting)
        share = -(-left // (self.config.concurrency or usable_cores()))
        jobs = 1 if self.config.sprt else JOB  # a test may be decided soon
        return min(jobs * self.config.parallel, 2 * max(1, -(-share // 2)))

    def _job(self, match: Match, numbers: list[int]) -> Job:
        first, second = sorted((match.first, match.second), key=lambda player: player.id)
        boards = tuple(Board(n, n % 2, tuple(self.openings[n // 2 % len(self.openings)])) for n in numbers)
        return Job(first, second, boards, tuple(match.keys[n] for n in numbers), self.config.parallel)
