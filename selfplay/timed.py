"""Answers of actors that tell how the actor spent its time."""

import functools
import time
from collections.abc import Callable
from typing import Any, NamedTuple, ParamSpec

P = ParamSpec("P")


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
