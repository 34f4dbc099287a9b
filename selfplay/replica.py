"""One of several learners that make every step together, each on its part of the batch."""

import contextlib
import os
import threading
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor

from tengen.errors import TengenError
from tengen.networks.heads import BoardNetwork
from tengen.networks.synced_norm import synced
from tengen.networks.threads import flushed_denormals
from tengen.networks.threads import threads as intra_op_threads
from tengen.selfplay import process_group
from tengen.selfplay.compiling import compiled
from tengen.selfplay.config import LearnerConfig
from tengen.selfplay.learner import Learner
from tengen.selfplay.process_group import Meeting
from tengen.selfplay.replay import Batch

FAREWELL_S = 0.3  # between a fault of a rank and its end
MASKED = ("ownership_loss", "score_loss")  # means over the games of a batch that were played to their end


class Replica(Learner):
    """A learner that is process `rank` of a group.

    Gradients are averaged before they are clipped, so that all make the same step and weights never travel.
    They travel at once, after the backward pass: a few MB, for which overlapping the two as torch's
    DistributedDataParallel does saves little, while its pending operations and hooks hang or outlive a group
    that broke. Batch norm is of the whole batch with `sync_norm`, else of each part, and its running
    statistics are averaged. Only process 0 has averaged weights worth reading.
    """

    def __init__(
        self,
        network: BoardNetwork,
        config: LearnerConfig,
        device: str | torch.device = "cpu",
        *,
        rank: int,
        slower: Mapping[str, float] | None = None,
    ) -> None:
        self.rank = rank
        if config.sync_norm:
            synced(network, torch.device(device))
        super().__init__(network, config, device, slower=slower)
        self._masked_share = 1.0
        self._averaged = torch.zeros(0)
        self._statistics = [b for b in self.network.buffers() if b.is_floating_point()]

    def enter(
        self, meeting: Meeting, own_ip: str, *, compile: bool, store: dist.TCPStore | None = None
    ) -> None:
        """Join the group; all have the same state."""
        process_group.join(meeting, self.rank, self.device, own_ip, store)
        self._forward = compiled(self.network) if compile else self.network

    def step_part(self, part: Batch, progress: float, scored: float) -> dict[str, float]:
        """A step on one's part of the batch; `scored` positions of the whole are scored.

        Returns the losses of the whole batch.
        """
        world = dist.get_world_size()
        self._masked_share = world * max(1.0, float(part.is_scored.sum())) / max(1.0, scored)
        with intra_op_threads(self.threads), flushed_denormals(), self._on_device():
            return self._step(part, progress)

    def _losses(self, batch: Batch) -> dict[str, Tensor]:
        parts = super()._losses(batch)
        # Of the ranks' means the mean is taken, and few games of a part may have been scored.
        for name in MASKED:
            parts[name] = parts[name] * self._masked_share
        return parts

    def _totals(self, parts: Mapping[str, Tensor]) -> dict[str, float]:
        """Means over all ranks, for all the same: that a loss is no number is noted by everyone at once."""
        own = [part.detach().float().reshape(1).to(self.device) for part in parts.values()]
        statistics = [] if self.config.sync_norm else self._statistics
        shared = torch.cat(own + [b.flatten() for b in statistics])
        dist.all_reduce(shared)
        shared /= dist.get_world_size()
        self._averaged = shared[len(own) :]
        return dict(zip(parts, shared[: len(own)].tolist(), strict=True))

    def _share_gradients(self) -> None:
        gradients = [p.grad for p in self.network.parameters() if p.grad is not None]
        shared = torch.cat([gradient.flatten() for gradient in gradients])
        dist.all_reduce(shared)
        shared /= dist.get_world_size()
        for gradient, mean in zip(gradients, shared.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(mean.view_as(gradient))

    def _follow(self) -> None:
        start = 0
        for buffer in () if self.config.sync_norm else self._statistics:  # the backward pass needed them
            buffer.copy_(self._averaged[start : start + buffer.numel()].view_as(buffer))
            start += buffer.numel()
        if self.rank == 0:
            super()._follow()

    def _on_device(self) -> contextlib.AbstractContextManager[Any]:
        return torch.cuda.device(self.device) if self.device.type == "cuda" else contextlib.nullcontext()


class RankActor:
    """A `Replica` in an actor: ranks from 1 on. A fault is its call's answer, and ends the process."""

    def __init__(
        self, network: BoardNetwork, config: dict[str, Any], rank: int, slower: Mapping[str, float] | None
    ) -> None:
        from tengen.networks.hardware import choose_device
        from tengen.selfplay.ray_cluster import own_gpus_only

        own_gpus_only()
        self._replica = Replica(
            network, LearnerConfig.model_validate(config), choose_device("auto"), rank=rank, slower=slower
        )

    def where(self) -> tuple[str, str]:
        """The machine's address, and the kind of its device."""
        import ray

        return ray.util.get_node_ip_address(), self._replica.device.type

    def enter(
        self, meeting: Meeting, own_ip: str, tensors: Mapping[str, Tensor], steps: int, compile: bool
    ) -> None:
        """Take up a learner's state and join the group."""
        self._replica.restore(tensors, steps)
        self._replica.enter(meeting, own_ip, compile=compile)

    def step(self, part: Batch, progress: float, scored: float) -> None:
        """See `Replica.step_part`."""
        try:
            self._replica.step_part(_writable(part), progress, scored)
        except TengenError:  # all ranks have it
            raise
        except BaseException:
            # Its connections break with it, so that nobody waits for it; the answer is on its way by then.
            threading.Timer(FAREWELL_S, os._exit, (1,)).start()
            raise


def split(batch: Batch, count: int) -> list[Batch]:
    """A batch as so many parts of one size."""
    size = len(batch.policy) // count
    fields = vars(batch)
    return [
        Batch(**{name: array[i * size : (i + 1) * size] for name, array in fields.items()})
        for i in range(count)
    ]


def _writable(batch: Batch) -> Batch:
    """A batch that came through Ray, as it was: own memory, observations channels-last."""
    own = {name: np.array(array) for name, array in vars(batch).items()}
    own["observations"] = np.ascontiguousarray(own["observations"].transpose(0, 2, 3, 1)).transpose(
        0, 3, 1, 2
    )
    return Batch(**own)
