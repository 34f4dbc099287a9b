"""How many actors there is room for, and what is lacking."""

from collections.abc import Mapping
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


def room(wants: Wants, has: Mapping[str, float]) -> int:
    """Actors that fit into a cluster's resources; 1 at least."""
    fits = has.get("CPU", 0.0) / max(wants.cpus_per_worker, LEAST_CPUS)
    if wants.gpus_per_worker:
        fits = min(fits, has.get("GPU", 0.0) / wants.gpus_per_worker)
    return max(1, int(fits + 1e-6))


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
    if rollouts.address:
        import ray

        from tengen.selfplay.ray_cluster import connect

        connect(rollouts.address, 0)
        has = ray.cluster_resources()
    found = rollouts.model_copy(update={"workers": room(rollouts, has)})
    return config.model_copy(update={"rollouts": found})


def _gpus() -> int:
    import torch

    return torch.cuda.device_count()
