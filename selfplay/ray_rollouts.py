"""Self-play in Ray actors: bounded calls in flight, weights by one put a version, dead actors replaced."""

import contextlib
import logging
from typing import Any

import numpy as np

from tengen.errors import MachineError
from tengen.selfplay.config import TrainConfig
from tengen.selfplay.games import Games
from tengen.selfplay.rollouts import Player, Rates, Weights, worker_seed

START_TIMEOUT_S = 120.0


class RayPlayer:
    """A `Player` in an actor. The weights come as an object reference, which Ray resolves to arrays."""

    def __init__(self, config: dict[str, Any], seed: int) -> None:
        self._player = Player(TrainConfig.model_validate(config), seed)

    def publish(self, weights: Weights, version: int) -> None:
        """See `Player.publish`."""
        self._player.publish(weights, version)

    def collect(self, positions: int) -> tuple[Games, dict[str, float]]:
        """See `Player.collect`."""
        return self._player.collect(positions)

    def state(self) -> dict[str, Any]:
        """See `SelfPlayWorker.state`."""
        return self._player.worker.state()

    def restore(self, state: dict[str, Any]) -> None:
        """See `SelfPlayWorker.restore`."""
        self._player.worker.restore(state)


class RayRollouts:
    """`rollouts.workers` actors, each with up to `in_flight` calls; the learner never waits for all."""

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
        self.restarts = 0
        # One answer brings this share of an update, so that answers come about once an update from each actor.
        self._share = max(1, rollouts.positions_per_update // rollouts.workers)
        self._actors = [self._start(i) for i in range(rollouts.workers)]
        self._calls: dict[Any, int] = {}  # reference -> actor
        self._waiting = 0  # positions that answers brought beyond what was asked for

    def _start(self, index: int) -> Any:
        rollouts = self.config.rollouts
        actor_class = self._ray.remote(RayPlayer).options(
            num_cpus=rollouts.cpus_per_worker,
            num_gpus=rollouts.gpus_per_worker,
            max_restarts=0,  # replaced below, with weights and a new seed
            max_task_retries=0,
        )
        seed = worker_seed(self.config.seed, index + 1000 * self.restarts)
        actor = actor_class.remote(self.config.model_dump(), seed)
        if self._weights is not None:
            actor.publish.remote(self._weights, self._version)
        return actor

    def _feed(self) -> None:
        """Keep every actor's queue at `in_flight` calls."""
        outstanding = list(self._calls.values())
        for index, actor in enumerate(self._actors):
            for _ in range(self.config.rollouts.in_flight - outstanding.count(index)):
                self._calls[actor.collect.remote(self._share)] = index

    def collect(self) -> Games:
        """See `Rollouts.collect`; returns when the actors have recorded an update's worth of positions."""
        wanted = self.config.rollouts.positions_per_update
        parts: list[Games] = []
        while self._waiting < wanted:
            self._feed()
            ready, _ = self._ray.wait(list(self._calls), num_returns=1)
            for reference in ready:
                index = self._calls.pop(reference)
                answer = self._fetch(reference, index)
                if answer is not None:
                    games, counts = answer
                    parts.append(games)
                    self._waiting += int(counts["recorded"])
                    self._rates.add(games, counts, self._version)
        self._waiting -= wanted
        self._feed()  # actors play on while the learner learns
        return Games.concatenate(parts) if parts else Games.none(0, 0)

    def _fetch(self, reference: Any, index: int) -> tuple[Games, dict[str, float]] | None:
        """The answer, or None where the call was lost; an actor that died is replaced."""
        errors = self._ray.exceptions
        try:
            games, counts = self._ray.get(reference)
            return games, counts
        except errors.ActorUnavailableError:
            return None  # the next round asks again
        except errors.ActorDiedError as error:
            if self.restarts > 10 * len(self._actors):
                raise MachineError(
                    f"Ray actors keep dying; the last one said: {first_line(error)}"
                ) from error
            self.restarts += 1
            self._calls = {ref: owner for ref, owner in self._calls.items() if owner != index}
            self._actors[index] = self._start(index)
            return None
        except errors.RayTaskError as error:
            raise MachineError(f"a rollout actor failed: {first_line(error.cause)}") from error

    def publish(self, weights: Weights, version: int) -> None:
        self._version = version
        self._weights = self._ray.put(dict(weights))
        for actor in self._actors:
            actor.publish.remote(self._weights, version)

    def stats(self) -> dict[str, float]:
        return {**self._rates.take(), "restarts": float(self.restarts)}

    def state(self) -> list[dict[str, Any]]:
        """Streams are not fetched: an actor may be busy for long, and a new seed serves as well."""
        return []

    def restore(self, states: list[dict[str, Any]]) -> None:
        """Actors of a resumed run draw from streams of their own that the old run never used."""
        self.restarts += 1
        for actor in self._actors:
            self._ray.kill(actor)
        self._actors = [self._start(i) for i in range(len(self._actors))]

    def close(self) -> None:
        for actor in self._actors:
            with contextlib.suppress(Exception):
                self._ray.kill(actor)
        if self._owns_cluster:
            self._ray.shutdown()


def connect(address: str | None, cpus: float) -> None:
    """Join the cluster at `address`, or start one here with room for the actors. Raises MachineError."""
    import ray

    options: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    try:
        if address:
            ray.init(address=address, **options)
        else:
            ray.init(num_cpus=max(1, int(np.ceil(cpus))), include_dashboard=False, **options)
    except (ConnectionError, RuntimeError, ValueError) as error:
        where = f"cannot join the Ray cluster at {address}" if address else "cannot start Ray on this machine"
        raise MachineError(f"{where}: {first_line(error)}") from error


def first_line(error: BaseException) -> str:
    """What an exception says, in a line."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
