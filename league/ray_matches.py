"""Matches of an evaluation in a Ray actor, at a share of the machine and beside training."""

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tengen.league.judge_matches import MatchesHere, MatchesLost, Pair, Stop
from tengen.league.match import MatchResult
from tengen.selfplay.capacity import cpus_here
from tengen.selfplay.config import TrainConfig
from tengen.selfplay.learner_places import extra_cpus
from tengen.selfplay.ray_cluster import connect, disconnect, first_line, own_gpus_only
from tengen.selfplay.ray_pool import START_TIMEOUT_S, fault_of

ASK_EVERY_S = 0.5  # whether to stop


class Stopped(Exception):
    """Nobody waits for the answer any more."""


class MatchesActor:
    """`MatchesHere` in an actor."""

    def __init__(self, config: dict[str, Any], league: str, here: str) -> None:
        self._config, self._league, self._here = config, league, here

    def ready(self) -> None:
        """Answers when the actor is there."""

    def play(self, pairs: Sequence[Pair], games: int, seed: int) -> list[MatchResult]:
        """See `MatchesHere.play`; agents are found from the folder that training was started in."""
        own_gpus_only()
        with contextlib.suppress(OSError):
            os.chdir(self._here)
        config = TrainConfig.model_validate(self._config)
        threads = config.evaluation.threads or max(1, int(config.evaluation.cpus))
        return MatchesHere(config, Path(self._league), threads).play(pairs, games, seed)


class MatchesOnRay:
    """`Matches` in one actor that takes `evaluation.cpus`; checkpoints are read where they lie.

    Made before the rollouts and closed after them, so that a Ray that is started here has room for both and
    outlives them. One that is there already is joined and left as it was.
    """

    def __init__(self, config: TrainConfig, league: Path) -> None:
        import ray

        self._ray = ray
        self.config = config
        self.league = league
        self.actor: Any = None
        self._owns_cluster = not ray.is_initialized()
        if self._owns_cluster:
            rollouts = config.rollouts
            cpus = config.evaluation.cpus + cpus_here(rollouts) + extra_cpus(config.learner)
            connect(rollouts.address, cpus)

    def play(self, pairs: Sequence[Pair], games: int, seed: int, stop: Stop) -> list[MatchResult]:
        """See `Matches.play`; no matches where it was stopped. A dead actor is replaced at the next call."""
        try:
            if self.actor is None:
                self._start(stop)
            found: list[MatchResult] = self._answer(self.actor.play.remote(list(pairs), games, seed), stop)
        except Stopped:
            self._drop()
            return []
        except self._ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, MatchesLost):
                raise error.cause from None
            raise fault_of(error, "the judge's actor") from error
        except self._ray.exceptions.RayError as error:
            self._drop()
            raise MatchesLost(f"its actor died: {first_line(error)}") from error
        return found

    def _start(self, stop: Stop) -> None:
        cpus = self.config.evaluation.cpus
        actor_class = self._ray.remote(MatchesActor).options(
            num_cpus=cpus, max_restarts=0, max_task_retries=0
        )
        self.actor = actor_class.remote(self.config.model_dump(), str(self.league.resolve()), os.getcwd())
        try:
            self._answer(self.actor.ready.remote(), stop, START_TIMEOUT_S)
        except TimeoutError:
            self._drop()
            has = self._ray.cluster_resources().get("CPU", 0)
            raise MatchesLost(
                f"Ray gave its actor no place within {START_TIMEOUT_S:.0f} s; evaluation.cpus is {cpus:g}, "
                f"and the cluster has {has:g} CPUs in all"
            ) from None

    def _answer(self, call: Any, stop: Stop, limit_s: float = float("inf")) -> Any:
        """What the call answers. Raises Stopped once `stop` says True, and TimeoutError."""
        waited = 0.0
        while not self._ray.wait([call], timeout=ASK_EVERY_S)[0]:
            waited += ASK_EVERY_S
            if stop():
                raise Stopped
            if waited >= limit_s:
                raise TimeoutError
        return self._ray.get(call)

    def _drop(self) -> None:
        with contextlib.suppress(Exception):
            self._ray.kill(self.actor)
        self.actor = None

    def close(self) -> None:
        """Stop the actor, and Ray if it was started for it."""
        if self.actor is not None:
            self._drop()
        if self._owns_cluster:
            disconnect()
