"""The copy of a network that computes in bfloat16 while the weights that learn stay float32."""

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized

from tengen.networks.conv_relu import JoinedTorso
from tengen.networks.layers.noisy import NoisyLinear
from tengen.networks.q import QNetwork


def can_be_halved(network: QNetwork) -> bool:
    """Whether the network may compute in bfloat16: no running statistics, no weights made of others."""
    return not any(
        isinstance(module, nn.modules.batchnorm._BatchNorm) or is_parametrized(module)
        for module in network.modules()
    )


class WorkingCopy:
    """`module` computes; `network` holds the weights. One and the same where the precision is float32.

    The output layers stay float32: values of 10 would otherwise be 0.06 apart, more than what an action is
    better than another. Against autocast this casts each weight once a step, not in every pass, and keeps
    gradients in half the memory.
    """

    def __init__(self, network: QNetwork, dtype: torch.dtype, *, learns: bool) -> None:
        """learns: whether gradients will be asked for."""
        self.network = network
        self.is_copy = dtype != torch.float32 and can_be_halved(network)
        self.module = network
        if not self.is_copy:
            if not learns:
                network.requires_grad_(False)
            return
        self.module = copy.deepcopy(network).to(dtype).requires_grad_(learns)
        for buffer, theirs in zip(self.module.buffers(), network.buffers(), strict=True):
            buffer.data = theirs.data.clone()  # quantiles, atoms: few numbers, exact
        if self.module.embedding is not None:
            self.module.embedding.float()
        for stream in (self.module.head.advantage, self.module.head.value):
            if stream is not None:
                stream[-1].float().register_forward_pre_hook(_as_float32)
        for layer in self.module.modules():
            if isinstance(layer, NoisyLinear):
                layer.noise_in.data = layer.noise_in.to(layer.weight.dtype)
                layer.noise_out.data = layer.noise_out.to(layer.weight.dtype)
        if JoinedTorso.fits(self.module.torso, dtype):
            self.module.torso = JoinedTorso(self.module.torso)  # type: ignore[arg-type, assignment]
        self._theirs: list[Tensor] = list(network.parameters())
        self._ours: list[Tensor] = list(self.module.parameters())
        self._gradients: list[Tensor] = []  # in float32, made when first asked for

    def parameters(self) -> list[nn.Parameter]:
        """Those of the network that learns."""
        return list(self.network.parameters())

    def pairs(self) -> dict[Tensor, Tensor]:
        """The copy's parameter for each of the network's."""
        return dict(zip(self._theirs, self._ours, strict=True))

    def pull(self) -> None:
        """Take the network's weights, after it has stepped."""
        if self.is_copy:
            with torch.no_grad():
                torch._foreach_copy_(self._ours, self._theirs)

    def forget_gradients(self) -> None:
        """Before a backward pass."""
        for parameter in self.module.parameters():
            parameter.grad = None

    def push_gradients(self) -> None:
        """Give the network the gradients of a backward pass, in float32."""
        if not self.is_copy:
            return
        self._gradients = self._gradients or [torch.zeros_like(p) for p in self._theirs]
        found: list[Tensor] = []
        wanted: list[Tensor] = []
        for ours, theirs, gradient in zip(self._ours, self._theirs, self._gradients, strict=True):
            if ours.grad is not None:
                found.append(ours.grad)
                wanted.append(gradient)
                theirs.grad = gradient
        torch._foreach_copy_(wanted, found)


def _as_float32(layer: nn.Module, arguments: tuple[Any, ...]) -> tuple[Tensor, ...]:
    return (arguments[0].float(),)
