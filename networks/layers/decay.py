"""What keeps weights small: decay in the loss, and a bound on a unit's weights."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn


def decayed(module: nn.Module) -> Iterator[nn.Parameter]:
    """The parameters that decay: matrices and kernels; neither biases, gains of a norm, nor learned noise."""
    for name, parameter in module.named_parameters():
        if parameter.dim() > 1 and not name.endswith("_sigma"):
            yield parameter


def elastic_net(module: nn.Module, l1: float, l2: float) -> Tensor:
    """l1 * sum |w| + l2 / 2 * sum w^2 over the decaying weights (Zou & Hastie 2005), a scalar for the loss.

    With l2 = 0 it is the lasso (Tibshirani 1996), with l1 = 0 ridge regression, whose gradient is l2 * w.
    """
    total = next(module.parameters()).new_zeros(())
    for weight in decayed(module):
        if l1:
            total = total + l1 * weight.abs().sum()
        if l2:
            total = total + l2 / 2 * weight.square().sum()
    return total


@torch.no_grad()
def limit_norms(module: nn.Module, longest: float) -> None:
    """Shorten the incoming weights of each unit to the length `longest`, in place, where they are longer.

    After an optimiser's step; max-norm regularisation (Srebro & Shraibman 2005; Srivastava 2014, 5.1).
    """
    for weight in decayed(module):
        # [out, ...], or of a locally connected layer [places, taps, out].
        incoming = 1 if weight.dim() == 3 else tuple(range(1, weight.dim()))
        length = torch.linalg.vector_norm(weight, dim=incoming, keepdim=True)
        weight.mul_(longest / length.clamp(min=longest))


def decay_groups(module: nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """Parameter groups of an optimiser: `weight_decay` for what decays, none for the rest."""
    weights = list(decayed(module))
    chosen = {id(weight) for weight in weights}
    rest = [parameter for parameter in module.parameters() if id(parameter) not in chosen]
    return [{"params": weights, "weight_decay": weight_decay}, {"params": rest, "weight_decay": 0.0}]
