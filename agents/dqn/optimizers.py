"""Optimizers by configuration, among them RMSProp as the DQN papers had it."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from tengen.agents.dqn.learner_config import OptimizerConfig
from tengen.errors import TengenError
from tengen.networks.layers.decay import decay_groups
from tengen.networks.lean import spare_the_compiler

#: What Adam and its kin keep of a weight.
ADAMS = {"exp_avg", "exp_avg_sq", "step"}


class CentredRMSProp(torch.optim.Optimizer):
    """Steps of learning_rate * gradient / sqrt(E[g^2] - E[g]^2 + epsilon), with momentum if so configured.

    As in the program published with Mnih et al. 2015. torch's RMSprop adds its epsilon outside the root,
    which at the paper's 0.01 makes steps ten times longer where gradients are small.
    """

    def __init__(
        self, params: Any, lr: float, decay: float = 0.95, momentum: float = 0.0, epsilon: float = 0.01
    ) -> None:
        super().__init__(params, {"lr": lr, "decay": decay, "momentum": momentum, "epsilon": epsilon})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """One step along the gradients that are there."""
        for group in self.param_groups:
            parameters = [p for p in group["params"] if p.grad is not None]
            if not parameters:
                continue
            gradients: list[Tensor] = [p.grad for p in parameters]
            means, squares, steps = (
                [self._slot(p, name) for p in parameters] for name in ("mean", "square", "step")
            )
            share = 1 - group["decay"]
            torch._foreach_lerp_(means, gradients, share)
            torch._foreach_mul_(squares, group["decay"])
            torch._foreach_addcmul_(squares, gradients, gradients, share)
            spread = torch._foreach_addcmul(squares, means, means, -1.0)
            torch._foreach_clamp_min_(spread, 0.0)  # a variance of nothing may round to below
            torch._foreach_add_(spread, group["epsilon"])
            torch._foreach_sqrt_(spread)
            if group["momentum"]:
                torch._foreach_mul_(steps, group["momentum"])
                torch._foreach_addcdiv_(steps, gradients, spread, group["lr"])
                torch._foreach_sub_(parameters, steps)
            else:
                torch._foreach_addcdiv_(parameters, gradients, spread, -group["lr"])

    def _slot(self, parameter: Tensor, name: str) -> Tensor:
        state = self.state[parameter]
        if name not in state:
            state[name] = torch.zeros_like(parameter)
        slot: Tensor = state[name]
        return slot


def make_optimizer(config: OptimizerConfig, network: nn.Module) -> torch.optim.Optimizer:
    """The configured optimizer over all of the network's parameters."""
    spare_the_compiler()
    rate = config.learning_rate
    if config.optimizer == "rmsprop":
        rms = config.rmsprop
        return CentredRMSProp(network.parameters(), rate, rms.decay, rms.momentum, rms.epsilon)
    if config.optimizer == "radam":
        return torch.optim.RAdam(network.parameters(), lr=rate, eps=config.adam_eps, foreach=True)
    if config.optimizer == "adam":
        return torch.optim.Adam(network.parameters(), lr=rate, eps=config.adam_eps, fused=True)
    groups = decay_groups(network, config.weight_decay)
    return torch.optim.AdamW(groups, lr=rate, eps=config.adam_eps, fused=True)


def set_learning_rate(optimizer: torch.optim.Optimizer, config: OptimizerConfig, progress: float) -> float:
    """Give the optimizer the rate for `progress` (0 to 1) of the run; returns it."""
    rate, final = config.learning_rate, config.final_learning_rate
    if final is not None:
        rate += (final - rate) * min(1.0, max(0.0, progress))
    for group in optimizer.param_groups:
        group["lr"] = rate
    return rate


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The state of the optimizer by "<parameter's number>.<name>"."""
    return {
        f"{i}.{key}": value
        for i, slot in optimizer.state_dict()["state"].items()
        for key, value in slot.items()
        if isinstance(value, Tensor)
    }


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Take over what `optimizer_tensors` gave. Raises TengenError where that is another kind's."""
    ours = {"mean", "square", "step"} if isinstance(optimizer, CentredRMSProp) else ADAMS
    if tensors and (saved := {name.partition(".")[2] for name in tensors}) != ours:
        raise TengenError(
            f"the saved optimizer keeps {', '.join(sorted(saved))} of each weight, this run's "
            f"{', '.join(sorted(ours))}: learner.optimizer should stay as it was"
        )
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    state: dict[int, dict[str, Any]] = {}
    for name, value in tensors.items():
        index, _, key = name.partition(".")
        if value.ndim:
            # Fused optimizers walk weights and moments in memory order; files hold no strides.
            value = torch.empty_like(parameters[int(index)]).copy_(value)
        state.setdefault(int(index), {})[key] = value.clone() if value.ndim == 0 else value
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
