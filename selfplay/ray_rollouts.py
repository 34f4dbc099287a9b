"""Self-play in Ray actors: bounded calls in flight, weights by one put a version, dead actors replaced."""

import contextlib
import time
from typing import Any

from tengen.errors import MachineError, TengenError
from tengen.selfplay.config import TrainConfig
from tengen.selfplay.games import Games
from tengen.selfplay.ray_cluster import connect, first_line
from tengen.selfplay.rollouts import Player, Rates, Weights, worker_seed

START_TIMEOUT_S = 120.0
FAILURES = 10  # for each actor, without a single answer in between, before the run gives up
SEEDS_APART = 100_000  # seeds of an actor's successors lie so far apart; more actors than that are not meant


class RayPlayer:
    """A `Player` in an actor, made with the first call so that its faults are that call's answer."""

    def __init__(self, config: dict[str, Any], seed: int) -> None:
        self._config = config
        self._seed = seed
        self._player: Player | None = None
        self._version: int | None = None

    def ready(self) -> None:
        """Answers when the actor is there."""

    def collect(self, positions: int, weights: Weights, version: int) -> tuple[Games, dict[str, float]]:
        """See `SelfPlayWorker.collect`; by these weights, which Ray fetches once a machine."""
        if self._player is None:
            self._player = Player(TrainConfig.model_validate(self._config), self._seed)
        if version != self._version:
            self._player.publish(weights, version)
            self._version = version
        return self._player.collect(positions)


class RayRollouts:
    """`rollouts.workers` actors, each with up to `in_flight` calls; the learner never waits for all.

    Every call carries a reference to the newest weights: nothing else is sent, so nothing else can pile up,
    and a replaced actor has its weights with its first call.
    """

    def __init__(self, config: TrainConfig) -> None:
        import ray

        self._ray = ray
        self.config = config
        rollouts = config.rollouts
        self._owns_cluster = not ray.is_initialized()
        if self._owns_cluster:
            connect(rollouts.address, rollouts.workers * rollouts.cpus_per_worker)
        self._version = 0
        self._weights: Any = None
        self._rates = Rates()
        self.restarts = 0  # of actors, over the whole run: each has a seed that no other had
        self._failures = 0  # since the last answer
        # One answer brings this share of an update: about one comes from each actor every update.
        self._share = max(1, rollouts.positions_per_update // rollouts.workers)
        self._actors: list[Any] = []
        self._calls: dict[Any, int] = {}  # reference -> actor
        self._waiting = 0  # positions that answers brought beyond what was asked for

    def publish(self, weights: Weights, version: int) -> None:
        """See `Rollouts.publish`; the first call starts the actors."""
        self._version = version
        self._weights = self._ray.put(dict(weights))
        if not self._actors:
            self._start_all()

    def _start_all(self) -> None:
        self._actors = [self._start(i) for i in range(self.config.rollouts.workers)]
        waiting = [actor.ready.remote() for actor in self._actors]
        ready, missing = self._ray.wait(waiting, num_returns=len(waiting), timeout=START_TIMEOUT_S)
        if missing:
            resources = self._ray.cluster_resources()
            rollouts = self.config.rollouts
            raise MachineError(
                f"Ray started {len(ready)} of {len(waiting)} rollout actors within {START_TIMEOUT_S:.0f} s; "
                f"each wants {rollouts.cpus_per_worker:g} CPUs and {rollouts.gpus_per_worker:g} GPUs, and "
                f"the cluster has {resources.get('CPU', 0):g} and {resources.get('GPU', 0):g}"
            )

    def _start(self, index: int) -> Any:
        rollouts = self.config.rollouts
        actor_class = self._ray.remote(RayPlayer).options(
            num_cpus=rollouts.cpus_per_worker,
            num_gpus=rollouts.gpus_per_worker,
            max_restarts=0,  # replaced below, with a new seed
            max_task_retries=0,
        )
        seed = worker_seed(self.config.seed, index + SEEDS_APART * self.restarts)
        return actor_class.remote(self.config.model_dump(), seed)

    def _feed(self) -> None:
        """Keep every actor's queue at `in_flight` calls."""
        outstanding = list(self._calls.values())
        for index, actor in enumerate(self._actors):
            for _ in range(self.config.rollouts.in_flight - outstanding.count(index)):
                call = actor.collect.remote(self._share, self._weights, self._version)
                self._calls[call] = index

    def collect(self) -> Games:
        """See `Rollouts.collect`; returns when the actors have recorded an update's worth of positions."""
        wanted = self.config.rollouts.positions_per_update
        parts: list[Games] = []
        while self._waiting < wanted:
            self._feed()
            parts += self._next_answer()
        self._waiting -= wanted
        self._feed()  # actors play on while the learner learns
        return Games.concatenate(parts) if parts else Games.none(0, 0)

    def rest(self) -> Games:
        """Wait for the calls under way; the actors then rest until the next `collect`."""
        parts: list[Games] = []
        while self._calls:
            parts += self._next_answer()
        return Games.concatenate(parts) if parts else Games.none(0, 0)

    def _next_answer(self) -> list[Games]:
        """The games of the call that is answered first; nothing where it was lost."""
        ready, _ = self._ray.wait(list(self._calls), num_returns=1)
        answer = self._fetch(ready[0], self._calls.pop(ready[0]))
        if answer is None:
            return []
        games, counts = answer
        self._waiting += int(counts["recorded"])
        self._rates.add(games, counts, self._version)
        return [games]

    def _fetch(self, reference: Any, index: int) -> tuple[Games, dict[str, float]] | None:
        """The answer, or None where the call was lost; an actor that died is replaced."""
        errors = self._ray.exceptions
        try:
            games, counts = self._ray.get(reference)
        except errors.RayTaskError as error:
            cause = getattr(error, "cause", None) or error
            if isinstance(cause, TengenError):
                raise cause from None
            raise MachineError(
                f"a rollout actor failed: {type(cause).__name__}: {first_line(cause)}"
            ) from error
        except errors.ActorUnavailableError as error:
            self._count_failure(error)
            time.sleep(0.2)  # out of reach for a moment: the next round asks again
            return None
        except errors.RayError as error:  # the actor died, or its machine did
            self._count_failure(error)
            self._replace(index)
            return None
        self._failures = 0
        return games, counts

    def _count_failure(self, error: Exception) -> None:
        self._failures += 1
        if self._failures > FAILURES * len(self._actors):
            raise MachineError(f"Ray actors keep failing; the last one said: {first_line(error)}") from error

    def _replace(self, index: int) -> None:
        self.restarts += 1
        self._calls = {call: owner for call, owner in self._calls.items() if owner != index}
        with contextlib.suppress(Exception):
            self._ray.kill(self._actors[index])
        self._actors[index] = self._start(index)

    def stats(self) -> dict[str, float]:
        """See `Rollouts.stats`; and how often an actor was replaced."""
        return {**self._rates.take(), "restarts": float(self.restarts)}

    def state(self) -> list[dict[str, Any]]:
        """Streams are not fetched: an actor may be busy for long, and a seed never used serves as well."""
        return [{"restarts": self.restarts}]

    def restore(self, states: list[dict[str, Any]]) -> None:
        """Let the actors, not started yet, draw from streams that the old run never used."""
        self.restarts = 1 + max((int(state.get("restarts", 0)) for state in states), default=0)

    def close(self) -> None:
        """Stop the actors, and Ray if it was started for them."""
        for actor in self._actors:
            with contextlib.suppress(Exception):
                self._ray.kill(actor)
        self._actors, self._calls = [], {}
        if self._owns_cluster:
            self._ray.shutdown()
