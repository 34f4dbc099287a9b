"""Whether actors that owe an answer are still there."""

from collections.abc import Mapping
from typing import Any

GROUP = "pulse"  # of an actor's methods: `ready` is answered in a thread of its own, beside whatever it plays
SILENT_LOOKS = 6  # in a row in which an actor answered nothing, before it is given up


def with_pulse(ray: Any, actor_class: type) -> Any:
    """The class as one of Ray's actors whose `ready` has a thread of its own.

    Told in the class, and not with each call, since Ray's client takes it in no other way.
    """
    ray.method(concurrency_group=GROUP)(actor_class.ready)  # type: ignore[attr-defined]
    return ray.remote(concurrency_groups={GROUP: 1})(actor_class)


class Pulse:
    """Finds actors whose process answers nothing any more.

    Ray notices a process that ends and, after a while, a machine that does not answer; a process that hangs
    on a machine that is well it does not. Time is counted in looks and not in seconds, so that nobody is
    given up because this process slept.
    """

    def __init__(self, ray: Any) -> None:
        self._ray = ray
        self._calls: dict[int, Any] = {}  # actor -> the call that it has not answered yet
        self._silent: dict[int, int] = {}  # actor that has a place -> looks since it was heard

    def begin(self, index: int, actor: Any) -> None:
        """A new actor has this number; nothing is expected of it before it has a place."""
        self._silent.pop(index, None)
        self._ask(index, actor)

    @property
    def placed(self) -> set[int]:
        """Actors that have a place."""
        return set(self._silent)

    def waited_for(self, seconds: float) -> bool:
        """Whether any actor has a place within so many seconds."""
        calls = {call: index for index, call in self._calls.items()}
        for call in self._ray.wait(list(calls), num_returns=1, timeout=seconds)[0] if calls else []:
            self._take(calls[call], call)
        return bool(self._silent)

    def forget(self, index: int) -> None:
        """Nobody has this number any more."""
        self._calls.pop(index, None)
        self._silent.pop(index, None)

    def heard(self, index: int) -> None:
        """An actor has answered something else."""
        self._silent[index] = 0

    def look(self, actors: Mapping[int, Any]) -> list[int]:
        """Actors that have been silent for long; the others are asked again, if they have answered."""
        calls = {call: index for index, call in self._calls.items()}
        answered = self._ray.wait(list(calls), num_returns=len(calls), timeout=0)[0] if calls else []
        for call in answered:
            self._take(calls[call], call)
        for index, actor in actors.items():
            if index in self._silent:
                self._silent[index] += 1
            if index not in self._calls:
                self._ask(index, actor)
        return [index for index, looks in self._silent.items() if looks > SILENT_LOOKS]

    def _ask(self, index: int, actor: Any) -> None:
        self._calls[index] = actor.ready.remote()

    def _take(self, index: int, call: Any) -> None:
        del self._calls[index]
        try:
            self._ray.get(call)
            self._silent[index] = 0
        except self._ray.exceptions.RayTaskError:
            self._silent[index] = 0
        except self._ray.exceptions.RayError:  # it died, which its other calls tell, or is out of reach
            self._silent.setdefault(index, 0)
