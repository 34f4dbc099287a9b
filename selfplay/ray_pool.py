"""Ray actors that work for a learner: bounded calls in flight, dead actors replaced, faults explained."""

import contextlib
import time
from collections.abc import Callable
from typing import Any, Protocol

from tengen.errors import MachineError, TengenError
from tengen.selfplay.ray_cluster import connect, first_line

START_TIMEOUT_S = 120.0
FAILURES = 10  # for each actor, without a single answer in between, before the run gives up


class PoolConfig(Protocol):
    """How many actors, what each takes of the machine, and where."""

    @property
    def workers(self) -> int: ...
    @property
    def address(self) -> str | None: ...
    @property
    def cpus_per_worker(self) -> float: ...
    @property
    def gpus_per_worker(self) -> float: ...
    @property
    def in_flight(self) -> int: ...


class ActorPool:
    """`workers` actors of one class, each with up to `in_flight` calls; who asks never waits for all.

    make_arguments(index, restarts): what the class is made with; an actor's successor has a new `restarts`.
    ask(actor, index): makes one call and returns its reference. Whatever the actor needs travels with the
    call: nothing else is sent, so nothing else can pile up, and a replaced actor has it with its first call.
    """

    def __init__(
        self,
        actor_class: type,
        config: PoolConfig,
        make_arguments: Callable[[int, int], tuple[Any, ...]],
        ask: Callable[[Any, int], Any],
    ) -> None:
        import ray

        self._ray = ray
        self.config = config
        self._class = actor_class
        self._make_arguments = make_arguments
        self._ask = ask
        self._owns_cluster = not ray.is_initialized()
        if self._owns_cluster:
            connect(config.address, config.workers * config.cpus_per_worker)
        self.restarts = 0  # of actors, over the whole run
        self.actors: list[Any] = []
        self.calls: dict[Any, int] = {}  # reference -> actor
        self._failures = 0  # since the last answer

    def put(self, value: Any) -> Any:
        """Put a value where all actors can fetch it once a machine; its reference."""
        return self._ray.put(value)

    def start(self) -> None:
        """Start the actors, unless they are there; waits until they are. Raises MachineError."""
        if self.actors:
            return
        self.actors = [self._start(i) for i in range(self.config.workers)]
        waiting = [actor.ready.remote() for actor in self.actors]
        ready, missing = self._ray.wait(waiting, num_returns=len(waiting), timeout=START_TIMEOUT_S)
        if missing:
            resources = self._ray.cluster_resources()
            raise MachineError(
                f"Ray started {len(ready)} of {len(waiting)} rollout actors within {START_TIMEOUT_S:.0f} s; "
                f"each wants {self.config.cpus_per_worker:g} CPUs and {self.config.gpus_per_worker:g} GPUs, "
                f"and the cluster has {resources.get('CPU', 0):g} and {resources.get('GPU', 0):g}"
            )

    def _start(self, index: int) -> Any:
        actor_class = self._ray.remote(self._class).options(
            num_cpus=self.config.cpus_per_worker,
            num_gpus=self.config.gpus_per_worker,
            max_restarts=0,  # replaced below, with new arguments
            max_task_retries=0,
        )
        return actor_class.remote(*self._make_arguments(index, self.restarts))

    def feed(self) -> None:
        """Keep every actor's queue at `in_flight` calls."""
        outstanding = list(self.calls.values())
        for index, actor in enumerate(self.actors):
            for _ in range(self.config.in_flight - outstanding.count(index)):
                self.calls[self._ask(actor, index)] = index

    def next_answer(self) -> Any:
        """What the call answers that is first; None where it was lost, and an actor that died is replaced."""
        ready, _ = self._ray.wait(list(self.calls), num_returns=1)
        return self._fetch(ready[0], self.calls.pop(ready[0]))

    def _fetch(self, reference: Any, index: int) -> Any:
        errors = self._ray.exceptions
        try:
            answer = self._ray.get(reference)
        except errors.RayTaskError as error:
            raise fault_of(error, "a rollout actor") from error
        except errors.ActorUnavailableError as error:
            self._count_failure(error)
            time.sleep(0.2)  # out of reach for a moment: the next round asks again
            return None
        except errors.RayError as error:  # the actor died, or its machine did
            self._count_failure(error)
            self._replace(index)
            return None
        self._failures = 0
        return answer

    def _count_failure(self, error: Exception) -> None:
        self._failures += 1
        if self._failures > FAILURES * len(self.actors):
            raise MachineError(f"Ray actors keep failing; the last one said: {first_line(error)}") from error

    def _replace(self, index: int) -> None:
        self.restarts += 1
        self.calls = {call: owner for call, owner in self.calls.items() if owner != index}
        with contextlib.suppress(Exception):
            self._ray.kill(self.actors[index])
        self.actors[index] = self._start(index)

    def state(self) -> list[dict[str, Any]]:
        """Streams are not fetched: an actor may be busy for long, and a seed never used serves as well."""
        return [{"restarts": self.restarts}]

    def restore(self, states: list[dict[str, Any]]) -> None:
        """Let the actors, not started yet, draw from streams that the old run never used."""
        self.restarts = 1 + max((int(state.get("restarts", 0)) for state in states), default=0)

    def close(self) -> None:
        """Stop the actors, and Ray if it was started for them."""
        for actor in self.actors:
            with contextlib.suppress(Exception):
                self._ray.kill(actor)
        self.actors, self.calls = [], {}
        if self._owns_cluster:
            self._ray.shutdown()


def fault_of(error: Exception, who: str) -> TengenError:
    """What an actor's task raised: as it is where it is a sentence already, else as a MachineError."""
    cause = getattr(error, "cause", None) or error
    if isinstance(cause, TengenError):
        return cause
    return MachineError(f"{who} failed: {type(cause).__name__}: {first_line(cause)}")


class Pooled:
    """What rollouts by a pool of actors leave to it."""

    pool: ActorPool

    def state(self) -> list[dict[str, Any]]:
        """See `ActorPool.state`."""
        return self.pool.state()

    def restore(self, states: list[dict[str, Any]]) -> None:
        """See `ActorPool.restore`."""
        self.pool.restore(states)

    def close(self) -> None:
        """See `ActorPool.close`."""
        self.pool.close()
