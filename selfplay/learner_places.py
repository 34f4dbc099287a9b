"""What a learner takes of a Ray cluster: a share of its own process's GPU, and places for its other ranks.

Ray knows nothing of the GPU that the process of a command uses. A placement group on this machine holds it,
so that no actor is given it; which GPU that is, a task inside the group is told by Ray. Nobody sends
CUDA_VISIBLE_DEVICES anywhere: Ray sets it for its actors.
"""

import contextlib
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

from tengen.errors import MachineError
from tengen.machine import usable_cores
from tengen.selfplay.actors_config import AUTO, ActorsConfig
from tengen.selfplay.config import DevicesConfig

LOOK_S = 10.0  # between two looks at what is waited for
PLACE_TIMEOUT_S = 120.0  # on a Ray that was started here


def rank_cpus(config: DevicesConfig, local: bool) -> int:
    """CPUs of a rank that has no GPU: its share of this machine; on a cluster one, unless told."""
    told = int(getattr(config, "threads", 0))
    devices = 1 if config.devices == AUTO else int(config.devices)
    return told or (max(1, usable_cores() // devices) if local else 1)


def extra_cpus(config: DevicesConfig) -> int:
    """CPUs that a Ray started on this machine needs for the learner's other ranks."""
    if config.devices == AUTO:
        return max(0, _gpus_here() - 1)
    return (int(config.devices) - 1) * rank_cpus(config, local=True)


def settled_devices(config: DevicesConfig, rollouts: ActorsConfig | None, has: Mapping[str, float]) -> int:
    """How many devices learn: what the configuration says, or all GPUs that the rollouts leave.

    Rollouts of `workers: auto` that want GPUs take all but one. A batch is dealt out evenly.
    """
    if config.devices != AUTO:
        return int(config.devices)
    left = has.get("GPU", 0.0)
    if rollouts is not None and rollouts.gpus_per_worker:
        left = 1 if rollouts.workers == AUTO else left - int(rollouts.workers) * rollouts.gpus_per_worker
    size = int(getattr(config, "batch_size", 1))
    return next((n for n in range(int(max(1, left)), 1, -1) if size % n == 0), 1)


class Seat:
    """The share of this process's GPU that Ray holds for it. Raises MachineError where it cannot have it."""

    def __init__(self, share: float, *, local: bool) -> None:
        import ray

        self._ray = ray
        self.share = share
        address = ray.util.get_node_ip_address()
        bundle = {"GPU": share, f"node:{address}": 0.001}
        self._group = ray.util.placement_group([bundle], strategy="STRICT_PACK")
        try:
            if local and gpus_of_this_machine() < share:
                raise MachineError(_lacking_gpu(ray, share, address))
            wait_for(self._group.ready(), lambda: _lacking_gpu(ray, share, address), local=local)
            strategy = ray.util.scheduling_strategies.PlacementGroupSchedulingStrategy(self._group)
            ask = ray.remote(_gpu_ids).options(num_cpus=0, num_gpus=share, scheduling_strategy=strategy)
            self.gpu = str(ray.get(ask.remote(), timeout=PLACE_TIMEOUT_S)[0])
        except BaseException:
            self.close()
            raise

    def index(self) -> int:
        """The GPU's number as torch counts here. Raises MachineError where this process cannot see it."""
        setting = os.environ.get("CUDA_VISIBLE_DEVICES", "")
        visible = [name.strip() for name in setting.split(",") if name.strip()]
        if not visible:
            return int(self.gpu)
        if self.gpu in visible:
            return visible.index(self.gpu)
        raise MachineError(
            f"learner: Ray holds GPU {self.gpu} for it, which CUDA_VISIBLE_DEVICES={setting} hides; "
            "start Ray and tengen with the same setting"
        )

    def close(self) -> None:
        """Give the GPU back."""
        with contextlib.suppress(Exception):
            self._ray.util.remove_placement_group(self._group)


def gpus_of_this_machine() -> float:
    """GPUs that Ray counts on the machine of this process."""
    import ray

    here = ray.get_runtime_context().get_node_id()
    nodes = [node for node in ray.nodes() if node["Alive"] and node["NodeID"] == here]
    return float(sum(node["Resources"].get("GPU", 0.0) for node in nodes))


def wait_for(reference: Any, missing: Callable[[], str], *, local: bool) -> Any:
    """What the call answers; says what is lacking while it waits.

    missing: in words, "" for nothing. On a Ray that was started here and will not grow, it waits for
    PLACE_TIMEOUT_S. Raises MachineError.
    """
    import ray

    waited, said = 0.0, ""
    while not ray.wait([reference], timeout=LOOK_S)[0]:
        waited += LOOK_S
        lacks = missing() or "waiting for Ray to find the learner a place"
        if lacks != said:
            print(lacks, file=sys.stderr, flush=True)
            said = lacks
        if local and waited >= PLACE_TIMEOUT_S:
            raise MachineError(f"Ray gave the learner no place within {PLACE_TIMEOUT_S:.0f} s; {lacks}")
    return ray.get(reference)


def lacking_ranks(devices: int, gpus: float, has: Mapping[str, float]) -> str:
    """What several devices want and the cluster does not have, in words; "" where nothing is."""
    if gpus and devices > has.get("GPU", 0.0):
        return (
            f"learner.devices={devices} wants {devices} GPUs of which the cluster has "
            f"{has.get('GPU', 0.0):g}; fewer devices would fit, or more machines"
        )
    return ""


def _lacking_gpu(ray: Any, share: float, address: str) -> str:
    free = float(ray.available_resources().get("GPU", 0.0))
    return (
        f"the learner wants {share:g} of a GPU of this machine ({address}), and {free:g} GPUs of the cluster "
        "are free; learner.gpus can be smaller"
    )


def _gpu_ids() -> list[Any]:
    import ray

    return list(ray.get_gpu_ids())


def _gpus_here() -> int:
    import torch

    return torch.cuda.device_count()
