"""How many actors there is room for, and what is lacking."""

from collections.abc import Iterable, Mapping
from typing import Protocol, TypeVar

from pydantic import BaseModel

from tengen.machine import usable_cores
from tengen.selfplay.actors_config import AUTO

LEAST_CPUS = 0.1  # that an actor is taken to need where it asks for none, so that "auto" has an end


class Wants(Protocol):
    """What actors are wanted."""

    @property
    def workers(self) -> int | str: ...
    @property
    def cpus_per_worker(self) -> float: ...
    @property
    def gpus_per_worker(self) -> float: ...


def room(
    wants: Wants, has: Mapping[str, float], machines: Iterable[Mapping[str, float]] | None = None
) -> int:
    """Actors that fit into what a cluster has in all, whole ones on each of its machines; 1 at least."""
    fits = _fits(wants, has)
    if machines is not None:
        fits = min(fits, sum(_fits(wants, machine) for machine in machines))
    return max(1, fits)


def _fits(wants: Wants, has: Mapping[str, float]) -> int:
    fits = has.get("CPU", 0.0) / max(wants.cpus_per_worker, LEAST_CPUS)
    each, gpus = wants.gpus_per_worker, has.get("GPU", 0.0)
    if each >= 1:
        fits = min(fits, gpus / each)
    elif each:  # an actor's share is of one GPU
        whole = int(gpus + 1e-6)
        fits = min(fits, whole * int(1 / each + 1e-6) + int((gpus - whole) / each + 1e-6))
    return int(fits + 1e-6)


def machines_of_cluster() -> list[Mapping[str, float]]:
    """What each machine has of the cluster that this process is in."""
    import ray

    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def cpus_here(wants: Wants) -> float:
    """CPUs that a Ray started on this machine is told it has: enough for the actors, whatever there are."""
    if wants.workers == AUTO:
        return float(usable_cores())
    return int(wants.workers) * wants.cpus_per_worker


def lacking(wants: Wants, count: int, has: Mapping[str, float]) -> str:
    """What `count` actors want and the cluster's machines do not have, in words; "" where nothing is."""
    words = []
    for unit, each in (("CPU", wants.cpus_per_worker), ("GPU", wants.gpus_per_worker)):
        if count * each > has.get(unit, 0.0) + 1e-6:
            words.append(f"{count * each:g} {unit}s of which the cluster has {has.get(unit, 0.0):g}")
    return " and ".join(words)


def fixed(wants: Wants) -> int:
    """How many workers a configuration says, "auto" having been settled."""
    assert wants.workers != AUTO, "workers: auto is settled before"
    return int(wants.workers)


C = TypeVar("C", bound=BaseModel)


def settled(config: C) -> C:
    """A configuration with the workers that "auto" means now, for learners whose replay has a place for each.

    Joins the cluster, if there is one to join. Raises MachineError.
    """
    rollouts = getattr(config, "rollouts", None)
    if rollouts is None or getattr(rollouts, "workers", 0) != AUTO:
        return config
    has: Mapping[str, float] = {"CPU": usable_cores(), "GPU": _gpus()}
    machines = [has]
    if rollouts.address:
        import ray

        from tengen.selfplay.ray_cluster import connect

        connect(rollouts.address, 0)
        has, machines = ray.cluster_resources(), machines_of_cluster()
    found = rollouts.model_copy(update={"workers": room(rollouts, has, machines)})
    return config.model_copy(update={"rollouts": found})


def _gpus() -> int:
    import torch

    return torch.cuda.device_count()
