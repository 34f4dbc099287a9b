"""A network layer by layer: shapes, parameters, work, and how much of the board a place sees."""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from tengen.networks.heads import BoardNetwork
from tengen.networks.layers.symmetric import SymmetricConv2d, SymmetricLinear


class LayerRow(NamedTuple):
    """One layer in the order of computation, for a batch of one."""

    name: str
    kind: str
    shape: tuple[int, ...]  # of what comes out, without the batch
    parameters: int
    flops: int  # a multiplication and an addition are two
    receptive_field: int  # places a side that one output has seen, at most the board's longer side


def receptive_field(kernels: list[tuple[int, int]]) -> int:
    """Places a side seen through layers of (kernel, stride), the first one first."""
    field, jump = 1, 1
    for kernel, stride in kernels:
        field += (kernel - 1) * jump
        jump *= stride
    return field


def output_size(size: int, kernel: int, stride: int = 1, padding: int = 0) -> int:
    """Places a side after a convolution or pooling."""
    return (size + 2 * padding - kernel) // stride + 1


def describe_network(network: BoardNetwork) -> list[LayerRow]:
    """Every layer that computes something; found by running a position through the network.

    What is global (pooled, fully connected) sees the whole board, and so does what it is added to.
    """
    spec = network.spec
    rows: list[LayerRow] = []
    kernels: list[tuple[int, int]] = []
    whole = max(spec.height, spec.width)
    is_global = [False]

    def note(name: str) -> Any:
        def hook(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            kernel, flops = _work(layer, inputs[0], output)
            if kernel:
                kernels.append(kernel)
            if isinstance(layer, nn.Linear | SymmetricLinear) or type(layer).__name__.endswith("Pool"):
                is_global[0] = True
            field = whole if is_global[0] else min(whole, receptive_field(kernels))
            count = sum(parameter.numel() for parameter in layer.parameters())
            kind = type(layer).__name__
            if kernel:
                kind += f" {kernel[0]}x{kernel[0]}"
            rows.append(LayerRow(name, kind, tuple(output.shape[1:]), count, flops, field))

        return hook

    leaves = [(n, m) for n, m in network.named_modules() if not any(m.children()) and m is not network]
    handles = [layer.register_forward_hook(note(name)) for name, layer in leaves]
    is_training = network.training
    try:
        with torch.no_grad():
            network.eval()(torch.zeros(1, *spec.obs_shape))
    finally:
        network.train(is_training)
        for handle in handles:
            handle.remove()
    return rows


def _work(layer: nn.Module, x: Tensor, y: Tensor) -> tuple[tuple[int, int] | None, int]:
    """Kernel and stride of a convolution, and the floating-point operations."""
    if isinstance(layer, nn.Conv2d):
        side, stride = int(layer.kernel_size[0]), int(layer.stride[0])
        taps = layer.in_channels // layer.groups * side * int(layer.kernel_size[1])
        return (side, stride), 2 * taps * y.numel()
    if isinstance(layer, SymmetricConv2d):
        return (layer.kernel, 1), 2 * layer.in_channels * layer.kernel**2 * y.numel()
    if isinstance(layer, nn.Linear):
        return None, 2 * layer.in_features * y.numel()
    if isinstance(layer, SymmetricLinear):
        return None, 2 * x[0].numel() * y.numel()
    return None, y.numel()
