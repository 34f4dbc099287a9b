"""Jobs of a tournament played in Ray actors, on this machine or a cluster."""

import contextlib
import os
from collections.abc import Iterator
from typing import Any

from tengen.errors import MachineError, TengenError
from tengen.league.jobs import Job, JobPlayer, Played, Stop
from tengen.league.remote_jobs import LOOK_S, Died, RemotePlayer, player_here, sentence
from tengen.league.tournament_config import TournamentConfig
from tengen.machine import usable_cores
from tengen.selfplay.ray_cluster import connect, disconnect, first_line
from tengen.selfplay.ray_pool import START_TIMEOUT_S


class JobActor:
    """`JobPlayer` in an actor."""

    def __init__(self, config: dict[str, Any], seed: list[int], here: str) -> None:
        self._config, self._seed, self._here = config, seed, here
        self._player: JobPlayer | None = None

    def ready(self) -> None:
        """Answers when the actor is there."""

    def play(self, job: Job) -> Iterator[Played | TengenError]:
        """Games as they end; files are found from the folder that the tournament was started in."""
        try:
            if self._player is None:
                with contextlib.suppress(OSError):
                    os.chdir(self._here)
                self._player = player_here(TournamentConfig.model_validate(self._config), self._seed)
            yield from self._player.play(job, lambda: False)
        except TengenError as error:
            yield sentence(error)


class RayJobs:
    """The cluster: started for the tournament, or joined and left as it was."""

    def __init__(self, config: TournamentConfig) -> None:
        import ray

        self.ray = ray
        self.config = config
        self._owns_cluster = not ray.is_initialized()
        if self._owns_cluster:
            wanted = (config.concurrency or usable_cores()) * config.cpus
            connect(config.address, wanted)
        has = ray.cluster_resources().get("CPU", 0)
        self.places = max(1, int(has // config.cpus)) if config.cpus else usable_cores()

    def player(self, seed: list[int]) -> "RayPlayer":
        """One actor, which is started with its first job."""
        return RayPlayer(self, seed)

    def close(self) -> None:
        """Stop Ray if it was started for the tournament."""
        if self._owns_cluster:
            disconnect()


class RayPlayer(RemotePlayer):
    """Plays in an actor."""

    where = "Ray actor"

    def __init__(self, cluster: RayJobs, seed: list[int]) -> None:
        self._cluster, self._ray = cluster, cluster.ray
        self._seed = seed
        self._starts = 0
        self._actor: Any = None

    def _stream(self, job: Job, stop: Stop) -> Iterator[Played]:
        try:
            if self._actor is None:
                self._start(stop)
            games = self._actor.play.options(num_returns="streaming").remote(job)
            while not stop():
                if not self._ray.wait([games], timeout=LOOK_S)[0]:
                    continue
                try:
                    said = self._ray.get(next(games))
                except StopIteration:
                    return
                if isinstance(said, TengenError):
                    raise said
                yield said
            self.close()  # what it has begun, nobody waits for
        except self._ray.exceptions.RayTaskError as error:
            cause = getattr(error, "cause", None) or error
            raise MachineError(
                f"a Ray actor of the tournament failed: {type(cause).__name__}: {first_line(cause)}"
            ) from error
        except self._ray.exceptions.RayError as error:
            raise Died(first_line(error)) from None

    def _start(self, stop: Stop) -> None:
        config = self._cluster.config
        seed = [*self._seed, self._starts]
        self._starts += 1
        made = self._ray.remote(JobActor).options(num_cpus=config.cpus, max_restarts=0, max_task_retries=0)
        self._actor = made.remote(config.model_dump(), seed, os.getcwd())
        ready, waited = self._actor.ready.remote(), 0.0
        while not stop() and not self._ray.wait([ready], timeout=LOOK_S)[0]:
            waited += LOOK_S
            if waited >= START_TIMEOUT_S:
                has = self._ray.cluster_resources().get("CPU", 0)
                raise MachineError(
                    f"Ray gave an actor of the tournament no place within {START_TIMEOUT_S:.0f} s; "
                    f"each wants {config.cpus:g} CPUs, and the cluster has {has:g} in all"
                )

    def close(self) -> None:
        """End the actor, and with it the engines that it runs."""
        actor, self._actor = self._actor, None
        if actor is not None:
            with contextlib.suppress(Exception):
                self._ray.kill(actor)
