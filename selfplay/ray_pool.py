"""Ray actors that work for a learner: bounded calls in flight, dead actors replaced, faults explained."""

import contextlib
import functools
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple, ParamSpec, Protocol

from tengen.errors import MachineError, TengenError
from tengen.selfplay.actors_config import AUTO
from tengen.selfplay.capacity import cpus_here, lacking, room
from tengen.selfplay.ray_cluster import connect, first_line

START_TIMEOUT_S = 120.0
FAILURES = 10  # for each actor, without a single answer in between, before the run gives up
LOOK_S = 10.0  # between looks at the cluster: has it grown or shrunk, are actors waiting for a place


P = ParamSpec("P")


class PoolConfig(Protocol):
    """How many actors, what each takes of the machine, and where."""

    @property
    def workers(self) -> int | str: ...
    @property
    def address(self) -> str | None: ...
    @property
    def cpus_per_worker(self) -> float: ...
    @property
    def gpus_per_worker(self) -> float: ...
    @property
    def placement(self) -> str: ...
    @property
    def in_flight(self) -> int: ...


class Timed(NamedTuple):
    """An actor's answer, and how it spent its time since the one before."""

    answer: Any
    busy_s: float
    idle_s: float


def timed(call: Callable[P, Any]) -> Callable[P, Timed]:
    """A method of an actor whose answers say how long it worked, and how long it had waited for the call."""

    @functools.wraps(call)
    def with_times(*arguments: P.args, **more: P.kwargs) -> Timed:
        actor: Any = arguments[0]
        began = time.perf_counter()
        idle = began - getattr(actor, "_free_since", began)
        answer = call(*arguments, **more)
        actor._free_since = time.perf_counter()
        return Timed(answer, actor._free_since - began, idle)

    return with_times


class ActorPool:
    """Actors of one class, each with up to `in_flight` calls; who asks never waits for all.

    make_arguments(index, restarts): what the class is made with; an actor's successor has a new `restarts`.
    ask(actor, index): makes one call, of a method that is `timed`, and returns its reference. Whatever the
    actor needs travels with the call: nothing else is sent, so nothing else can pile up, and a replaced actor
    has it with its first call.

    With workers=auto the pool has as many actors as the cluster has room for; where it `follows`, actors come
    and go with its machines. Actors that find no place are waited for, and it is said what they lack.
    """

    def __init__(
        self,
        actor_class: type,
        config: PoolConfig,
        make_arguments: Callable[[int, int], tuple[Any, ...]],
        ask: Callable[[Any, int], Any],
        *,
        follows: bool = False,
    ) -> None:
        import ray

        self._ray = ray
        self.config = config
        self._class = actor_class
        self._make_arguments = make_arguments
        self._ask = ask
        self._owns_cluster = not ray.is_initialized()
        if self._owns_cluster:
            connect(config.address, cpus_here(config))
        self._follows = follows and config.workers == AUTO
        self.count = room(config, self._resources()) if config.workers == AUTO else int(config.workers)
        self.restarts = 0  # of actors, over the whole run
        self.actors: dict[int, Any] = {}
        self.calls: dict[Any, int] = {}  # reference -> actor
        self._answered: set[int] = set()  # actors that have a place
        self._failures = 0  # since the last answer
        self._looked = time.monotonic()
        self._said = ""
        self._busy_s = self._idle_s = 0.0

    def put(self, value: Any) -> Any:
        """Put a value where all actors can fetch it once a machine; its reference."""
        return self._ray.put(value)

    def start(self) -> None:
        """Start the actors, unless they are there; waits until one is. Raises MachineError.

        On a cluster that was joined it waits for as long as it takes, and says what for.
        """
        if self.actors:
            return
        fixed = self._owns_cluster and not self.config.address
        if fixed and (missing := lacking(self.config, self.count, self._resources())):
            raise MachineError(
                f"rollouts: {self.count} actors want {missing}; fewer workers, or less for each, would fit"
            )
        self.actors = {i: self._start(i) for i in range(self.count)}
        calls = [actor.ready.remote() for actor in self.actors.values()]
        began = time.monotonic()
        while not self._ray.wait(calls, num_returns=1, timeout=LOOK_S)[0]:
            self._say_what_is_lacking()
            if fixed and time.monotonic() - began > START_TIMEOUT_S:
                raise MachineError(f"Ray started no rollout actor within {START_TIMEOUT_S:.0f} s")

    def _resources(self) -> dict[str, float]:
        has: dict[str, float] = dict(self._ray.cluster_resources())
        if not self.config.address and self.config.workers == AUTO:
            has["CPU"] = min(has.get("CPU", 0.0), cpus_here(self.config))  # the judge may have asked for more
        return has

    def _start(self, index: int) -> Any:
        self._answered.discard(index)
        actor_class = self._ray.remote(self._class).options(
            num_cpus=self.config.cpus_per_worker,
            num_gpus=self.config.gpus_per_worker,
            scheduling_strategy="SPREAD" if self.config.placement == "spread" else "DEFAULT",
            max_restarts=0,  # replaced below, with new arguments
            max_task_retries=0,
        )
        return actor_class.remote(*self._make_arguments(index, self.restarts))

    def feed(self) -> None:
        """Keep every actor's queue at `in_flight` calls."""
        self._look()
        outstanding = list(self.calls.values())
        for index, actor in self.actors.items():
            for _ in range(self.config.in_flight - outstanding.count(index)):
                self.calls[self._ask(actor, index)] = index

    def next_answer(self) -> Any:
        """What the call answers that is first; None where it was lost, and an actor that died is replaced."""
        while not (ready := self._ray.wait(list(self.calls), num_returns=1, timeout=LOOK_S)[0]):
            if not self._answered:
                self._say_what_is_lacking()
            self._look()
        return self._fetch(ready[0], self.calls.pop(ready[0]))

    def _fetch(self, reference: Any, index: int) -> Any:
        errors = self._ray.exceptions
        try:
            answer: Timed = self._ray.get(reference)
        except errors.RayTaskError as error:
            raise fault_of(error, "a rollout actor") from error
        except errors.ActorUnavailableError as error:
            self._count_failure(error)
            time.sleep(0.2)  # out of reach for a moment: the next round asks again
            return None
        except errors.RayError as error:  # the actor died, or its machine did
            if index in self.actors:  # else it was let go
                self._count_failure(error)
                self._replace(index)
            return None
        self._failures = 0
        self._answered.add(index)
        self._busy_s += answer.busy_s
        self._idle_s += answer.idle_s
        return answer.answer

    def _count_failure(self, error: Exception) -> None:
        self._failures += 1
        if self._failures > FAILURES * len(self.actors):
            raise MachineError(f"Ray actors keep failing; the last one said: {first_line(error)}") from error

    def _replace(self, index: int) -> None:
        self.restarts += 1
        self._let_go(index)
        self.actors[index] = self._start(index)

    def _let_go(self, index: int) -> None:
        self.calls = {call: owner for call, owner in self.calls.items() if owner != index}
        with contextlib.suppress(Exception):
            self._ray.kill(self.actors.pop(index))

    # --- the cluster --------------------------------------------------------------------------------------

    def _look(self) -> None:
        """Every ten seconds: more actors where there is room, fewer where machines have left."""
        if not self._follows or time.monotonic() - self._looked < LOOK_S:
            return
        self._looked = time.monotonic()
        fits = room(self.config, self._resources())
        for index in sorted(set(self.actors) - self._answered, reverse=True):
            if len(self.actors) > fits:  # it lost its place, and there is none for it
                self._let_go(index)
        index = 0
        while len(self.actors) < fits:
            if index not in self.actors:
                self.restarts += 1  # whoever had this number before drew other games
                self.actors[index] = self._start(index)
            index += 1
        self.count = len(self.actors)

    def _say_what_is_lacking(self) -> None:
        missing = lacking(self.config, self.count, self._resources())
        actors = f"{self.count} actor{'s' if self.count > 1 else ''}"
        said = f"waiting for Ray: {actors} want {missing}" if missing else ""
        said = said or f"waiting for Ray to start {actors}"
        if said != self._said:
            print(said, file=sys.stderr, flush=True)
        self._said = said

    def stats(self) -> dict[str, float]:
        """Actors that play, their idle share since the last call, calls waiting at them, and restarts."""
        whole = self._busy_s + self._idle_s
        found = {
            "actors": float(len(self._answered & set(self.actors))),
            "idle_share": self._idle_s / whole if whole else 0.0,
            "calls_in_flight": float(len(self.calls)),
            "restarts": float(self.restarts),
        }
        self._busy_s = self._idle_s = 0.0
        return found

    def state(self) -> list[dict[str, Any]]:
        """Streams are not fetched: an actor may be busy for long, and a seed never used serves as well."""
        return [{"restarts": self.restarts}]

    def restore(self, states: list[dict[str, Any]]) -> None:
        """Let the actors, not started yet, draw from streams that the old run never used."""
        self.restarts = 1 + max((int(state.get("restarts", 0)) for state in states), default=0)

    def close(self) -> None:
        """Stop the actors, and Ray if it was started for them."""
        for index in list(self.actors):
            self._let_go(index)
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
