"""A learner with the devices that the configuration gives it."""

import contextlib
import sys
from collections.abc import Mapping

import torch

from tengen.errors import MachineError, TengenError
from tengen.networks.hardware import choose_device
from tengen.networks.heads import BoardNetwork
from tengen.selfplay.actors_config import AUTO, ActorsConfig
from tengen.selfplay.capacity import cpus_here, fixed
from tengen.selfplay.config import LearnerConfig
from tengen.selfplay.learner import Learner
from tengen.selfplay.learner_places import (
    Seat,
    extra_cpus,
    gpus_of_this_machine,
    lacking_ranks,
    settled_devices,
)
from tengen.selfplay.ray_cluster import connect, disconnect


def make_learner(
    network: BoardNetwork,
    config: LearnerConfig,
    *,
    compile: bool = False,
    slower: Mapping[str, float] | None = None,
    rollouts: ActorsConfig | None = None,
    address: str | None = None,
) -> Learner:
    """The learner of a run, with its places in the Ray cluster of the rollouts, or at `address`.

    Made before the rollouts and closed after them: it has its GPU first, and a Ray that it started serves
    both. Without Ray, where neither the configuration nor another claim on its GPU asks for it. Raises
    TengenError and MachineError.
    """
    device = choose_device("auto")
    actors = rollouts if rollouts is not None and rollouts.workers != 0 else None
    address = address if rollouts is None else rollouts.address
    has_rivals = actors is not None and device.type == "cuda" and config.gpus > 0
    no_gpus = device.type == "cpu" and not address and not _is_on_ray()
    is_one = config.devices == 1 or (config.devices == AUTO and no_gpus)
    if is_one and not has_rivals:
        return Learner(network, config, device, compile=compile, slower=slower)
    if not is_one and (address or "").startswith("ray://"):
        raise TengenError(
            f"learner.devices: the devices of a learner talk to each other, which they cannot through "
            f"{address}; start on a machine of the cluster (address auto), or by tengen cluster submit"
        )
    import ray

    with contextlib.ExitStack() as held:
        if not ray.is_initialized():
            connect(address, (cpus_here(actors) if actors else 0) + extra_cpus(config))
            held.callback(disconnect)
        local = not address
        has = ray.cluster_resources()
        own = gpus_of_this_machine()
        devices = settled_devices(config, actors, has)
        if devices > 1 and has.get("GPU", 0.0) and not own:
            raise TengenError(
                f"learner.devices={devices}: the cluster has GPUs, but the machine of this command, where "
                "the first of the learner's devices is, has none; start it on one that has"
            )
        gpus = 1.0 if own else 0.0
        if local and (lacks := lacking_ranks(devices, gpus, has)):
            raise MachineError(lacks)
        playing = 0.0 if actors is None or actors.workers == AUTO else fixed(actors) * actors.gpus_per_worker
        wanted = playing + config.gpus + (devices - 1) * gpus
        if local and own and config.gpus and wanted > own:
            raise MachineError(
                f"rollouts and learner want {wanted:g} GPUs of which this machine has {own:g}; "
                "a smaller rollouts.gpus_per_worker or learner.gpus would fit"
            )
        seat = None
        if own and config.gpus:
            seat = Seat(config.gpus, local=local)
            held.callback(seat.close)
            if device.type == "cuda":
                device = torch.device("cuda", seat.index())
        learner: Learner
        if devices == 1:
            learner = Learner(network, config, device, compile=compile, slower=slower)
        else:
            from tengen.selfplay.parallel_learner import ParallelLearner

            learner = ParallelLearner(
                network,
                config,
                device,
                devices=devices,
                compile=compile,
                slower=slower,
                gpus=gpus,
                local=local,
            )
        if seat is not None:
            learner.booked["GPU"] = learner.booked.get("GPU", 0.0) + seat.share
        learner.held = held.pop_all()
    return learner


def _is_on_ray() -> bool:
    ray = sys.modules.get("ray")
    return ray is not None and bool(ray.is_initialized())
