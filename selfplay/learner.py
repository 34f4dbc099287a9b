"""The network's teacher: losses, optimizer, learning-rate schedule, moving average of the weights."""

import contextlib
import logging
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from tengen.errors import TengenError
from tengen.machine import usable_cores
from tengen.networks.hardware import cpu_bf16
from tengen.networks.heads import BoardNetwork, NetworkOutput
from tengen.networks.threads import flushed_denormals
from tengen.networks.threads import threads as intra_op_threads
from tengen.networks.weights import network_weights
from tengen.selfplay import losses
from tengen.selfplay.compiling import compiled
from tengen.selfplay.config import LearnerConfig
from tengen.selfplay.replay import Batch

log = logging.getLogger(__name__)


class Learner:
    """Trains `network` in place; `average` is the copy that acts, is saved and is evaluated."""

    def __init__(
        self,
        network: BoardNetwork,
        config: LearnerConfig,
        device: str | torch.device = "cpu",
        *,
        compile: bool = False,
        slower: Mapping[str, float] | None = None,
    ) -> None:
        """`compile` makes steps a third faster on a CPU, after a minute or two in the first one.

        slower: factors of the learning rate for some of the parameters, by name.
        """
        self.config = config
        self.device = torch.device(device)
        self.network = network.to(self.device)
        decay = config.average_decay
        self.average = AveragedModel(self.network, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True)
        # Indices are no averages: rounding would make other ones of them.
        self._indices = [
            pair
            for pair in zip(self.average.module.buffers(), self.network.buffers(), strict=True)
            if not pair[0].is_floating_point()
        ]
        self.steps = 0
        self.booked: dict[str, float] = {}  # CPUs and GPUs of a Ray cluster that others cannot have
        self.held = contextlib.ExitStack()
        factors = slower or {}
        groups = []
        for factor in sorted({1.0, *factors.values()}, reverse=True):
            alike = [p for name, p in self.network.named_parameters() if factors.get(name, 1.0) == factor]
            matrices = [p for p in alike if p.ndim > 1]
            vectors = [p for p in alike if p.ndim <= 1]  # biases and norms are not decayed
            groups.append({"params": matrices, "weight_decay": config.weight_decay, "factor": factor})
            groups.append({"params": vectors, "weight_decay": 0.0, "factor": factor})
        self.optimizer: torch.optim.Optimizer
        self.threads = config.threads or usable_cores()
        if config.optimizer == "adamw":
            self.optimizer = torch.optim.AdamW(groups, lr=config.learning_rate, fused=True)
        else:
            self.optimizer = torch.optim.SGD(
                groups, lr=config.learning_rate, momentum=config.momentum, nesterov=config.momentum > 0
            )
        self._forward: Callable[[Tensor], NetworkOutput] = compiled(self.network) if compile else self.network
        self._area = network.spec.height * network.spec.width
        self._low_precision = self.device.type == "cuda" or cpu_bf16() is not None

    def learning_rate(self, progress: float) -> float:
        """Warm-up by steps, then a half cosine from the first to the final rate; progress in [0, 1]."""
        config = self.config
        warm = min(1.0, (self.steps + 1) / max(1, config.warmup_steps))
        cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, max(0.0, progress))))
        return warm * (
            config.final_learning_rate + (config.learning_rate - config.final_learning_rate) * cosine
        )

    def step(self, batch: Batch, progress: float = 0.0) -> dict[str, float]:
        """One step of the optimizer; returns the losses.

        Raises TengenError, and makes no step, when the loss is no number any more.
        """
        with intra_op_threads(self.threads), flushed_denormals():
            if self.steps or self._forward is self.network:
                return self._step(batch, progress)
            try:
                return self._step(batch, progress)
            except TengenError:
                raise
            except Exception as error:  # whatever a compiler may come up with; training goes on without
                log.warning(
                    "the learner goes on without torch.compile: %s",
                    (str(error).splitlines() or [type(error).__name__])[0],
                )
                self._forward = self.network
                return self._step(batch, progress)

    def _step(self, batch: Batch, progress: float) -> dict[str, float]:
        for group in self.optimizer.param_groups:
            group["lr"] = group["factor"] * self.learning_rate(progress)
        self.network.train()
        parts = self._losses(batch)
        config = self.config
        loss = (
            config.policy_weight * parts["policy_loss"]
            + config.value_weight * parts["value_loss"]
            + config.ownership_weight * parts["ownership_loss"]
            + config.score_weight * parts["score_loss"]
        )
        metrics = self._totals({**parts, "loss": loss})
        if not math.isfinite(metrics["loss"]):
            raise TengenError(
                f"the loss became {metrics['loss']} at step {self.steps + 1}; go on from the last checkpoint "
                f"with learner.learning_rate below {config.learning_rate:g}"
            )
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self._share_gradients()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), config.gradient_clip)
        self.optimizer.step()
        self._follow()
        self.steps += 1
        return metrics

    def _totals(self, parts: Mapping[str, Tensor]) -> dict[str, float]:
        return {name: part.detach().item() for name, part in parts.items()}

    def _share_gradients(self) -> None:
        """Between the backward pass and clipping."""

    def _follow(self) -> None:
        """The average follows the network."""
        self.average.update_parameters(self.network)
        for averaged, own in self._indices:
            averaged.copy_(own)

    def _losses(self, batch: Batch) -> dict[str, Tensor]:
        targets = losses.Targets(
            policy=self._tensor(batch.policy),
            value=self._tensor(batch.value),
            ownership=self._tensor(batch.ownership),
            score=self._tensor(batch.score) / self._area,
            is_scored=self._tensor(batch.is_scored),
        )
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self._low_precision):
            output = self._forward(self._tensor(batch.observations))
        parts = {
            "policy_loss": losses.policy_loss(output.policy.float(), targets.policy),
            "value_loss": losses.value_loss(output.value.float(), targets.value),
            "ownership_loss": torch.zeros(()),
            "score_loss": torch.zeros(()),
        }
        if output.ownership is not None and output.score is not None:
            parts["ownership_loss"] = losses.ownership_loss(
                output.ownership.float(), targets.ownership, targets.is_scored
            )
            parts["score_loss"] = losses.score_loss(output.score.float(), targets.score, targets.is_scored)
        return parts

    def _tensor(self, array: NDArray[np.float32]) -> Tensor:
        return torch.from_numpy(array).to(self.device)

    def acting(self) -> BoardNetwork:
        """The network that acts and is saved: the averaged one, or the latest without averaging."""
        network: BoardNetwork = self.average.module if self.config.average_decay else self.network  # type: ignore[assignment]
        return network

    def weights(self) -> dict[str, NDArray[np.float32]]:
        """The acting network's weights as arrays by name."""
        return network_weights(self.acting())

    def tensors(self) -> dict[str, Tensor]:
        """Everything that a resumed learner needs: raw weights, averages, moments.

        On a CPU they are what it goes on learning with, not copies.
        """
        found = {f"network.{name}": value for name, value in self.network.state_dict().items()}
        found |= {f"average.{name}": value for name, value in self.average.state_dict().items()}
        for i, slot in self.optimizer.state_dict()["state"].items():
            found |= {
                f"optimizer.{i}.{key}": value for key, value in slot.items() if isinstance(value, Tensor)
            }
        return {name: value.detach().cpu().contiguous() for name, value in found.items()}

    def restore(self, tensors: Mapping[str, Tensor], steps: int) -> None:
        """Go on from `tensors` of an earlier learner of the same shape."""

        def under(prefix: str) -> dict[str, Tensor]:
            return {
                name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)
            }

        self.network.load_state_dict(under("network."))
        self.average.load_state_dict(under("average."))
        state: dict[int, dict[str, Any]] = {}
        parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
        for name, value in under("optimizer.").items():
            index, _, key = name.partition(".")
            if value.ndim:
                # The fused optimizer walks weights and moments in memory order; files hold no strides.
                value = torch.empty_like(parameters[int(index)]).copy_(value)
            state.setdefault(int(index), {})[key] = value
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": state})
        self.steps = steps

    def close(self) -> None:
        """Let go of whatever the learner holds besides memory."""
        self.held.close()
