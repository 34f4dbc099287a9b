"""How a network goes down a loss: precision, clipping, optimizer, as both learners do it."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from tengen.agents.dqn.half_adam import HalfAdam
from tengen.agents.dqn.learner_config import OptimizerConfig
from tengen.agents.dqn.optimizers import (
    make_optimizer,
    optimizer_tensors,
    restore_optimizer,
    set_learning_rate,
)
from tengen.agents.dqn.precision import WorkingCopy
from tengen.errors import TengenError
from tengen.networks.hardware import choose_precision
from tengen.networks.q import QNetwork
from tengen.networks.threads import flushed_denormals, keep_freed_memory


class Descent:
    """Trains `network` in place, through `module`, which computes; `steps` counts."""

    def __init__(self, network: QNetwork, config: OptimizerConfig, device: torch.device) -> None:
        """`dtype` becomes the type that forward and backward passes are computed in."""
        keep_freed_memory()
        self.config = config
        self.network = network.to(device).train()
        self.steps = 0
        is_vector = network.config.torso == "mlp"  # too little work to gain by less precision
        self.dtype = torch.float32 if is_vector else choose_precision(config.precision, device)
        if self.dtype == torch.float16:  # the choice for acting on older GPUs; small gradients would vanish
            self.dtype = torch.float32
        self._copy = WorkingCopy(self.network, self.dtype, learns=True)
        self._optimizer = make_optimizer(config, self.network)
        self._adam = None
        has_penalty = bool(network.config.l1 or network.config.l2)
        if HalfAdam.fits(self._optimizer, self._copy) and not has_penalty:
            self._adam = HalfAdam(self._optimizer, self._copy, config.gradient_clip)

    @property
    def module(self) -> QNetwork:
        """What losses are to be computed by."""
        return self._copy.module

    def autocast(self) -> torch.autocast:
        """The context for computing losses; does nothing where the module itself is in the precision."""
        needed = self.dtype != torch.float32 and not self._copy.is_copy
        return torch.autocast(self._device.type, self.dtype, enabled=needed)

    def seed_layers(self, seed: int) -> None:
        """Let layers that draw for themselves, which is from torch's own generator, draw what follows."""
        config = self.network.config
        if config.dropout or config.drop_connect or config.pool == "stochastic":
            torch.manual_seed(seed)

    def step(self, loss: Tensor, progress: float) -> dict[str, float]:
        """One gradient step; returns loss, learning rate and the gradient's norm before clipping.

        Raises TengenError, and makes no step, when the loss is no number any more.
        """
        value = loss.item()
        if not math.isfinite(value):
            raise TengenError(
                f"the loss became {value} at step {self.steps + 1}; go on from the last checkpoint with "
                f"learner.learning_rate below {self.config.learning_rate:g}"
            )
        rate = set_learning_rate(self._optimizer, self.config, progress)
        self._copy.forget_gradients()
        with flushed_denormals():
            norm = self._plain_step(loss) if self._adam is None else self._half_step(loss, self._adam)
        self.steps += 1
        return {"loss": value, "learning_rate": rate, "gradient_norm": norm}

    def _half_step(self, loss: Tensor, adam: HalfAdam) -> float:
        loss.backward()
        norm = adam.step()
        if self.network.config.max_norm is not None:
            self.network.constrain()
            self._copy.pull()
        return norm

    def _plain_step(self, loss: Tensor) -> float:
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self._copy.push_gradients()
        penalty = self.network.penalty()
        if penalty is not None:
            penalty.backward()
        longest = self.config.gradient_clip or math.inf
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), longest)
        self._optimizer.step()
        self.network.constrain()
        self._copy.pull()
        return norm.item()

    def tensors(self) -> dict[str, Tensor]:
        """Weights and moments by name."""
        found = {f"network.{name}": value for name, value in self.network.state_dict().items()}
        return found | {
            f"optimizer.{name}": value for name, value in optimizer_tensors(self._optimizer).items()
        }

    def restore(self, tensors: Mapping[str, Tensor], steps: int) -> None:
        """Go on from the `tensors` of an equal descent after so many steps."""
        self.network.load_state_dict(under(tensors, "network."))
        self._copy.pull()
        restore_optimizer(self._optimizer, under(tensors, "optimizer."))
        if self._adam is not None:
            self._adam.forget()
        self.steps = steps

    @property
    def _device(self) -> torch.device:
        return next(self.network.parameters()).device


def under(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Those whose names begin with `prefix`, without it."""
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
