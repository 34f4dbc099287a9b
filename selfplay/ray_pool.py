"""Ray actors that work for a learner: bounded calls in flight, dead actors replaced, faults explained."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from tengen.errors import MachineError, TengenError
from tengen.selfplay.actors_config import AUTO
from tengen.selfplay.capacity import cpus_here, lacking, machines_of_cluster, room
from tengen.selfplay.pulse import Pulse, with_pulse
from tengen.selfplay.ray_cluster import connect, disconnect, first_line
from tengen.selfplay.ray_health import LOOK_S as HEALTH_S
from tengen.selfplay.ray_health import Health
from tengen.selfplay.timed import Timed

START_TIMEOUT_S = 120.0
FAILURES = 10  # for each actor, without a single answer in between, before the run gives up
LOOK_S = 10.0  # between looks at the cluster: is it there, has it grown, is an actor silent
REST_S = 15.0  # at most, that an actor which failed again and again rests before it is asked once more
OUT_OF_REACH_S = 1.0  # that one rests which its machine's network does not reach
LACKS = "No module named"


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


class ActorPool:
    """Actors of one class, each with up to `in_flight` calls; who asks never waits for all.

    make_arguments(index, restarts): what the class is made with; an actor's successor has a new `restarts`.
    ask(actor, index): makes one call, of a method that is `timed`, and returns its reference. Whatever the
    actor needs travels with the call: nothing else is sent, so nothing else can pile up, and a replaced actor
    has it with its first call.

    check(answer): what is wrong with an answer, None where it can be learnt from. One that is wrong is
    dropped and its actor replaced.

    booked: CPUs and GPUs of the cluster that are not the actors' to have: the learner's.

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
        check: Callable[[Any], str | None] = lambda answer: None,
        booked: Mapping[str, float] | None = None,
    ) -> None:
        import ray

        self._ray = ray
        self.config = config
        self._class = actor_class
        self._make_arguments = make_arguments
        self._ask = ask
        self._check = check
        self._booked = booked or {}
        self._owns_cluster = not ray.is_initialized()
        if self._owns_cluster:
            connect(config.address, cpus_here(config))
        self._is_here = not config.address  # nobody will add machines to it
        self._health = Health(ray, config.address)
        self._pulse = Pulse(ray)
        self._follows = follows and config.workers == AUTO
        self.count = self._room() if config.workers == AUTO else int(config.workers)
        self.restarts = 0  # of actors, over the whole run
        self.rejected = 0  # answers, since they were last reported
        self.actors: dict[int, Any] = {}
        self.calls: dict[Any, int] = {}  # reference -> actor
        self._answered: set[int] = set()  # actors that have a place
        self._failures = 0  # since the last answer
        self._failed: dict[int, int] = {}  # actor -> failures since its last answer
        self._rests: dict[int, float] = {}  # actor -> when it may be asked again
        self._heard = time.monotonic()  # somebody
        self._looked = time.monotonic()
        self._said = ""
        self._busy_s = self._idle_s = 0.0

    def put(self, value: Any) -> Any:
        """Put a value where all actors can fetch it once a machine; its reference. Raises MachineError."""
        self._health.check()
        try:
            with in_reach():
                return self._ray.put(value)
        except self._ray.exceptions.RayError as error:
            raise MachineError(
                f"Ray's object store does not take more ({first_line(error)}); give its machine more of "
                "/dev/shm and disk, or let fewer calls be in flight (rollouts.in_flight)"
            ) from error

    def start(self) -> None:
        """Start the actors, unless they are there; waits until one is. Raises MachineError.

        On a cluster that was joined it waits for as long as it takes, and says what for.
        """
        if self.actors:
            return
        if self._is_here and (missing := lacking(self.config, self.count, self._resources())):
            raise MachineError(
                f"rollouts: {self.count} actors want {missing}; fewer workers, or less for each, would fit"
            )
        with in_reach():
            self.actors = {i: self._start(i) for i in range(self.count)}
            self._heard = time.monotonic()
            while not self._pulse.waited_for(LOOK_S):
                self._look_now()

    def _resources(self) -> dict[str, float]:
        has: dict[str, float] = dict(self._ray.cluster_resources())
        for unit, count in self._booked.items():
            has[unit] = max(0.0, has.get(unit, 0.0) - count)
        if not self.config.address and self.config.workers == AUTO:
            has["CPU"] = min(has.get("CPU", 0.0), cpus_here(self.config))  # the judge may have asked for more
        return has

    def _room(self) -> int:
        return room(self.config, self._resources(), machines_of_cluster())

    def _start(self, index: int) -> Any:
        self._answered.discard(index)
        actor_class = with_pulse(self._ray, self._class).options(
            num_cpus=self.config.cpus_per_worker,
            num_gpus=self.config.gpus_per_worker,
            scheduling_strategy="SPREAD" if self.config.placement == "spread" else "DEFAULT",
            max_restarts=0,  # replaced below, with new arguments
            max_task_retries=0,
            enable_task_events=False,  # nobody asks the head for a list of all calls, which would grow
        )
        actor = actor_class.remote(*self._make_arguments(index, self.restarts))
        self._pulse.begin(index, actor)
        return actor

    def idle(self) -> list[int]:
        """An actor's number for each call that it could take now."""
        outstanding, now = list(self.calls.values()), time.monotonic()
        return [
            index
            for index in self.actors
            if self._rests.get(index, 0.0) <= now
            for _ in range(self.config.in_flight - outstanding.count(index))
        ]

    def feed(self) -> None:
        """Keep every actor's queue at `in_flight` calls. Raises MachineError where the cluster has gone."""
        with in_reach():
            for index in self.idle():
                self._health.check()  # a learner's step may lie between this and the last one
                self.calls[self._ask(self.actors[index], index)] = index

    def next_answer(self) -> Any:
        """What the call answers that is first; None where there is none, but somebody could be asked.

        An actor that died, or whose answer is no good, is replaced. Raises MachineError if that is no help.
        """
        with in_reach():
            self._look()
            if not self.calls:
                time.sleep(0.2)  # all rest
                return None
            while not (ready := self._ray.wait(list(self.calls), num_returns=1, timeout=self._patience())[0]):
                self._look()
                if self.idle():
                    return None
            return self._fetch(ready[0], self.calls.pop(ready[0]))

    def _patience(self) -> float:
        """Seconds until something is to be done: a look, or somebody has rested."""
        now = time.monotonic()
        return min([LOOK_S, HEALTH_S, *(until - now for until in self._rests.values() if until > now)])

    def _fetch(self, reference: Any, index: int) -> Any:
        errors = self._ray.exceptions
        self._health.check()
        try:
            found: Timed = self._ray.get(reference)
        except errors.RayTaskError as error:
            raise fault_of(error, "a rollout actor") from error
        except errors.ActorUnavailableError:
            self._rests[index] = time.monotonic() + OUT_OF_REACH_S  # Ray, or its silence, will decide
            return None
        except errors.RayError as error:  # the actor died, or its machine did
            if index in self.actors:  # else it was let go
                self._fail(index, first_line(error), str(error), error)
            return None
        if (fault := self._check(found.answer)) is not None:
            self.rejected += 1
            self._fail(index, fault, "", None)
            return None
        self._failures = 0
        self._failed.pop(index, None)
        self._heard = time.monotonic()
        self._pulse.heard(index)
        self._answered.add(index)
        self._busy_s += found.busy_s
        self._idle_s += found.idle_s
        return found.answer

    def _fail(self, index: int, fault: str, whole: str, error: Exception | None) -> None:
        """Replace an actor; one that fails again and again comes back more and more slowly."""
        if LACKS in whole and not self._answered:
            module = whole.partition(LACKS)[2].strip(" '\n").partition("'")[0]
            raise MachineError(
                f"rollouts: a machine of the cluster has no module '{module}'; install the same Tengen on "
                "every machine, or send this one along with 'tengen cluster submit'"
            ) from error
        self._failures += 1
        if self._failures > FAILURES * len(self.actors):
            raise MachineError(f"Ray actors keep failing; the last one said: {fault}") from error
        times = self._failed[index] = self._failed.get(index, 0) + 1
        self._replace(index)
        self._rests[index] = time.monotonic() + (min(REST_S, 2.0 ** (times - 2)) if times > 1 else 0.0)

    def _replace(self, index: int) -> None:
        self.restarts += 1
        self._let_go(index)
        self.actors[index] = self._start(index)

    def _let_go(self, index: int) -> None:
        self.calls = {call: owner for call, owner in self.calls.items() if owner != index}
        with contextlib.suppress(Exception):
            self._ray.kill(self.actors.pop(index))
        self._pulse.forget(index)
        self._rests.pop(index, None)

    # --- the cluster --------------------------------------------------------------------------------------

    def _look(self) -> None:
        """Is the cluster there; every ten seconds, is an actor silent or without a place, is there room."""
        self._health.check()
        if time.monotonic() - self._looked >= LOOK_S:
            self._look_now()

    def _look_now(self) -> None:
        self._looked = time.monotonic()
        for index in self._pulse.look(self.actors):
            self._say(f"actor {index} has answered nothing for long; another one takes its place")
            self._replace(index)
        self._say_who_waits()
        if self._follows:
            self._follow()

    def _follow(self) -> None:
        """More actors where there is room, fewer where machines have left."""
        fits = self._room()
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

    def _say_who_waits(self) -> None:
        """Tell of actors without a place. Raises MachineError where nobody has one, or is going to."""
        waiting = len(self.actors.keys() - self._pulse.placed)
        if not waiting:
            self._said = ""
            return
        missing = lacking(self.config, self.count, self._resources())
        actors = f"{self.count} actor{'s' if self.count > 1 else ''}"
        said = f"waiting for Ray: {actors} want {missing}" if missing else ""
        self._say(said or f"waiting for Ray to start {waiting} of {actors}")
        if self._pulse.placed or not self._is_here:
            return
        if time.monotonic() - self._heard > START_TIMEOUT_S:
            raise MachineError(f"Ray started no rollout actor within {START_TIMEOUT_S:.0f} s")

    def _say(self, sentence: str) -> None:
        if sentence != self._said:
            print(sentence, file=sys.stderr, flush=True)
        self._said = sentence

    def stats(self) -> dict[str, float]:
        """Actors that play, their idle share since the last call, calls waiting at them, and restarts."""
        whole = self._busy_s + self._idle_s
        found = {
            "actors": float(len(self._answered & set(self.actors))),
            "idle_share": self._idle_s / whole if whole else 0.0,
            "calls_in_flight": float(len(self.calls)),
            "restarts": float(self.restarts),
            "rejected": float(self.rejected),
        }
        self.rejected = 0
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
        if self._health.is_cut_off:
            return  # Ray would end this process before it has said why; what is left ends with it
        for index in list(self.actors):
            self._let_go(index)
        if self._owns_cluster:
            disconnect()


@contextlib.contextmanager
def in_reach() -> Iterator[None]:
    """Turn the end of a connection, as Ray's client tells it, into a MachineError."""
    try:
        yield
    except ConnectionError as error:
        raise MachineError(
            f"the connection to the Ray cluster has ended ({first_line(error)}); start the cluster again, "
            "and go on with --resume"
        ) from error


def fault_of(error: Exception, who: str) -> TengenError:
    """What an actor's task raised: as it is where it is a sentence already, else as a MachineError."""
    cause = getattr(error, "cause", None) or error
    if isinstance(cause, TengenError):
        return cause
    return MachineError(f"{who} failed: {type(cause).__name__}: {first_line(cause)}")
