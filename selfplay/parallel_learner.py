"""A learner on several devices: this process is rank 0, the other ranks are Ray actors.

Ray Train's TorchTrainer is not used: it wants to own the training loop, in workers that each read the data,
while here one loop collects games, owns the replay and steps; and it brings pandas and pyarrow. Plain actors
and torch's process groups are what is left of it, and a rank that died is replaced in mid-run.
"""

import contextlib
import copy
import logging
from collections.abc import Mapping
from typing import Any

import torch

from tengen.errors import MachineError, TengenError
from tengen.networks.heads import BoardNetwork
from tengen.selfplay import process_group
from tengen.selfplay.config import LearnerConfig
from tengen.selfplay.learner_places import lacking_ranks, rank_cpus, wait_for
from tengen.selfplay.ray_cluster import first_line
from tengen.selfplay.ray_pool import fault_of
from tengen.selfplay.replay import Batch
from tengen.selfplay.replica import RankActor, Replica, split

log = logging.getLogger(__name__)

PATIENCE_S = 60.0  # of a rank for the others, within a step
COMPILING_S = 900.0  # while they may be compiling
ECHOES = ("onnection", "imed out", "ead of", "ecv")  # of a rank's fault in what others say
TRIES = 3  # of one step, before the run gives up


class ParallelLearner(Replica):
    """Rank 0 of `devices` ranks, with the face of a `Learner`.

    A step that a rank does not survive is repeated, by new ranks that are given this one's state; training
    stops with a MachineError where that fails over and over.
    """

    def __init__(
        self,
        network: BoardNetwork,
        config: LearnerConfig,
        device: str | torch.device = "cpu",
        *,
        devices: int,
        compile: bool = False,
        slower: Mapping[str, float] | None = None,
        gpus: float = 0.0,
        local: bool = True,
        patience_s: float = PATIENCE_S,
    ) -> None:
        """Starts the other ranks' actors, on a Ray that is there: gpus of each; local: it is of this machine.

        Raises TengenError and MachineError in a sentence.
        """
        import ray

        process_group.backend_for(torch.device(device))
        self._ray = ray
        self.devices = devices
        self._gpus, self._local = gpus, local
        self._cpus = 1 if gpus else rank_cpus(config, local)
        self._address = process_group.LOOPBACK if local else ray.util.get_node_ip_address()
        self._patience_s = patience_s
        self._compile = compile and not config.sync_norm  # which would break the compiled graph at each norm
        config = config.model_copy(update={"threads": config.threads or (0 if gpus else self._cpus)})
        plain = copy.deepcopy(network).cpu()
        self._arguments: tuple[Any, ...] = (plain, config.model_dump(), slower)
        super().__init__(network, config, device, rank=0, slower=slower)
        self.booked = {"CPU": (devices - 1) * float(self._cpus), "GPU": (devices - 1) * gpus}
        self.restarts = 0  # of other ranks, over the run
        self._has_stepped = False
        self._actors: list[Any] = []
        self._hosts: list[str] = []
        self._is_together = False
        try:
            self._start()
        except BaseException:
            self.close()
            raise

    def _start(self) -> None:
        plain, config, slower = self._arguments
        actor_class = self._ray.remote(RankActor).options(
            num_cpus=self._cpus, num_gpus=self._gpus, max_restarts=0, max_task_retries=0
        )
        network = self._ray.put(plain)
        self._actors = [actor_class.remote(network, config, r, slower) for r in range(1, self.devices)]
        found = [self._placed(actor.where.remote()) for actor in self._actors]
        self._hosts = [process_group.LOOPBACK if self._local else host for host, _ in found]
        if others := {kind for _, kind in found} - {self.device.type}:
            raise TengenError(
                f"learner.devices: this process learns on {self.device.type}, other ranks on "
                f"{others.pop()}; start it on a machine that has a GPU"
            )

    def _placed(self, call: Any) -> Any:
        def missing() -> str:
            return lacking_ranks(self.devices, self._gpus, self._ray.cluster_resources())

        try:
            return wait_for(call, missing, local=self._local)
        except self._ray.exceptions.RayTaskError as error:
            raise fault_of(error, "a rank of the learner") from error

    def _gather(self) -> None:
        """Let all ranks have this one's state and form a group."""
        compile = self._compile
        patience = max(self._patience_s, COMPILING_S) if compile else self._patience_s
        meeting, store = process_group.convene(self._address, self.devices, patience)
        state = self._ray.put(self.tensors())
        calls = [
            actor.enter.remote(meeting, host, state, self.steps, compile)
            for actor, host in zip(self._actors, self._hosts, strict=True)
        ]
        self.enter(meeting, self._address, compile=compile, store=store)
        self._ray.get(calls, timeout=patience)
        self._is_together = True

    def step(self, batch: Batch, progress: float = 0.0) -> dict[str, float]:
        """See `Learner.step`; batches that cannot be dealt out evenly are a TengenError."""
        if len(batch.policy) % self.devices:
            raise TengenError(
                f"learner.batch_size: {len(batch.policy)} positions cannot be dealt out evenly to "
                f"{self.devices} devices"
            )
        parts, scored = split(batch, self.devices), float(batch.is_scored.sum())
        statistics = [buffer.clone() for buffer in self.network.buffers()]
        for tried in range(1, TRIES + 1):
            done, calls = self.steps, []
            try:
                if not self._is_together:
                    self._gather()
                calls = [
                    actor.step.remote(part, progress, scored)
                    for actor, part in zip(self._actors, parts[1:], strict=True)
                ]
                metrics = self.step_part(parts[0], progress, scored)
                self._has_stepped = True
                self._ray.get(calls, timeout=self._patience_s)
                return metrics
            except TengenError:  # every rank saw it
                with contextlib.suppress(Exception):
                    self._ray.get(calls, timeout=1.0)  # lest Ray prints theirs
                raise
            except Exception as error:
                reason = self._reason(error, calls)
                if self.steps > done:  # a rank fell behind after its gradients had come
                    self._replace(reason)
                    return metrics
                for buffer, before in zip(self.network.buffers(), statistics, strict=True):
                    buffer.copy_(before)
                if tried == TRIES:
                    raise MachineError(
                        f"the learner's devices failed {TRIES} times in a row; the last time: {reason}"
                    ) from error
                self._replace(reason)
        raise AssertionError("a step ends or fails")

    def _reason(self, error: Exception, calls: list[Any]) -> str:
        """What broke the step: another rank's fault, rather than that it could not be heard any more.

        Raises the fault where it is a sentence already.
        """
        process_group.leave()
        answered, _ = self._ray.wait(calls, num_returns=len(calls), timeout=1.0) if calls else ([], [])
        for call in answered:
            try:
                self._ray.get(call)
            except self._ray.exceptions.RayTaskError as fault:
                cause = getattr(fault, "cause", None) or fault
                if isinstance(cause, TengenError):
                    raise cause from error
                if not any(word in str(cause) for word in ECHOES):
                    return first_line(cause)
            except self._ray.exceptions.RayError as fault:
                return first_line(fault)
        return first_line(error)

    def _replace(self, reason: str) -> None:
        """New actors for all other ranks: one that hangs cannot be told from one that waits for it."""
        log.warning("the learner goes on with new ranks: %s", reason)
        if self._compile and not self._has_stepped:
            log.warning("the learner goes on without torch.compile, which may have been it")
            self._compile = False
        self.restarts += self.devices - 1
        self._drop()
        self._start()

    def _drop(self) -> None:
        for actor in self._actors:
            with contextlib.suppress(Exception):
                self._ray.kill(actor)
        self._actors = []
        self._is_together = False
        process_group.leave()

    def restore(self, tensors: Mapping[str, torch.Tensor], steps: int) -> None:
        """See `Learner.restore`; the other ranks take it up before their next step."""
        super().restore(tensors, steps)
        self._is_together = False

    def close(self) -> None:
        """Stop the other ranks, and give back what is held."""
        self._drop()
        super().close()
