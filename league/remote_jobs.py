"""Jobs played in other processes; where one dies, another plays the games that it had not ended."""

import abc
import contextlib
import ctypes
import multiprocessing
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from multiprocessing.connection import Connection
from typing import Any

from tengen.errors import MachineError, TengenError
from tengen.league.jobs import Job, JobPlayer, Played, Stop
from tengen.league.tournament_config import TournamentConfig

DEATHS = 3  # in a row, with no game ended in between, before the tournament gives up
LOOK_S = 0.1  # between looks whether to stop
PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of linux/prctl.h


class Died(Exception):
    """Who played is gone, and why."""


class RemotePlayer(abc.ABC):
    """What processes and actors have in common."""

    where: str  # "process", "Ray actor"

    def play(self, job: Job, stop: Stop) -> Iterator[Played]:
        """See `Plays.play`."""
        deaths = 0
        while job.boards and not stop():
            try:
                for played in self._stream(job, stop):
                    deaths = 0
                    job = _without(job, played)
                    yield played
                return
            except Died as death:
                self.close()
                deaths += 1
                if deaths == DEATHS:
                    raise MachineError(
                        f"the {self.where} that plays '{job.first.name}' against '{job.second.name}' died "
                        f"{DEATHS} times in a row ({death}); the games finished so far are kept"
                    ) from None

    @abc.abstractmethod
    def _stream(self, job: Job, stop: Stop) -> Iterator[Played]:
        """Games as they end. Raises Died."""

    @abc.abstractmethod
    def close(self) -> None:
        """End who plays."""


def _without(job: Job, played: Played) -> Job:
    """What is left of a job."""
    ended = {one.board.number for one in played.ended}
    left = [
        (board, key) for board, key in zip(job.boards, job.keys, strict=True) if board.number not in ended
    ]
    return replace(job, boards=tuple(b for b, _ in left), keys=tuple(k for _, k in left))


class ProcessPlayer(RemotePlayer):
    """Plays in a process of its own, which ends with this one."""

    where = "process"

    def __init__(self, config: TournamentConfig, seed: list[int]) -> None:
        self.config, self.seed = config, seed
        self._starts = 0
        self._process: Any = None
        self._pipe: Connection | None = None

    def _stream(self, job: Job, stop: Stop) -> Iterator[Played]:
        try:
            pipe = self._started()
            pipe.send(job)
            told = False
            while True:
                while not pipe.poll(LOOK_S):
                    if stop() and not told:
                        pipe.send(None)
                        told = True
                said = pipe.recv()
                if said is None:
                    return
                if isinstance(said, TengenError):
                    raise said
                yield said
        except (EOFError, OSError):
            raise Died(self._how()) from None

    def _started(self) -> Connection:
        if self._pipe is None:
            context = multiprocessing.get_context("spawn")  # a fork would inherit other threads' locks
            self._pipe, theirs = context.Pipe()
            seed = [*self.seed, self._starts]  # another life must not repeat what the last one drew
            self._starts += 1
            self._process = context.Process(
                target=_serve, args=(theirs, os.getpid(), self.config, seed), daemon=True
            )
            self._process.start()
            theirs.close()
        return self._pipe

    def _how(self) -> str:
        if self._process is None:
            return "it did not start"
        self._process.join(5)
        code = self._process.exitcode
        return f"by signal {-code}" if code is not None and code < 0 else f"with exit status {code}"

    def close(self) -> None:
        """End the process; it closes its agents first, unless it is stuck."""
        pipe, process = self._pipe, self._process
        self._pipe = self._process = None
        if pipe is not None:
            pipe.close()
        if process is not None:
            process.join(10)
            if process.is_alive():
                process.kill()
                process.join()


def _serve(pipe: Connection, parent: int, config: TournamentConfig, seed: list[int]) -> None:
    """The process: jobs come, games go; whatever comes while it plays means stop."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the parent says when to stop
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PARENT_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        return  # it died before the signal was asked for
    player = player_here(config, seed)
    with contextlib.suppress(EOFError, OSError):
        while True:
            job = pipe.recv()
            if job is None:  # a stop that came after the last game
                continue
            try:
                for played in player.play(job, pipe.poll):
                    pipe.send(played)
            except TengenError as error:
                pipe.send(sentence(error))
            pipe.send(None)
    player.close()


def player_here(config: TournamentConfig, seed: list[int]) -> JobPlayer:
    """Plays in this process, one of several that share the cores."""
    import torch

    from tengen.envs.registry import make_game

    torch.set_num_threads(1)
    return JobPlayer(make_game(config.game), config, seed)


def sentence(error: TengenError) -> TengenError:
    """An error as it can travel: classes of their own ask for more than words when they are made again."""
    kind = MachineError if error.exit_code == MachineError.exit_code else TengenError
    return kind(str(error))
