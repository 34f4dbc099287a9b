"""Convolution and ReLU as one operation that can be learned through: oneDNN's joined kernel."""

from typing import Any

import torch
from torch import Tensor, nn

from tengen.networks.fused import fused_kernels_work
from tengen.networks.layers.patches import PixelConv2d, patch_weight, patches_in
from tengen.networks.torsos import ConvTorso


class JoinedTorso(nn.Module):
    """A ConvTorso without normalisation, each convolution joined to its ReLU; the parameters are shared.

    Forward passes are a fifth faster at large batches. For a CPU, bfloat16 and channels-last.
    """

    def __init__(self, torso: ConvTorso) -> None:
        super().__init__()
        self.convs, self.norms = torso.convs, torso.norms
        self.features = torso.features

    @staticmethod
    def fits(torso: nn.Module, dtype: torch.dtype) -> bool:
        """Whether a torso may be replaced by its joined twin, and the machine's torch has what that takes."""
        return (
            isinstance(torso, ConvTorso)
            and isinstance(torso.convs[0], PixelConv2d)
            and all(isinstance(conv, nn.Conv2d) for conv in torso.convs)
            and all(isinstance(norm, nn.Identity) for norm in torso.norms)
            and torso.convs[0].weight.device.type == "cpu"
            and fused_kernels_work("cpu", dtype)
        )

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] uint8 or float -> [B, features], in the order of ConvTorso."""
        for conv in self.convs:
            assert isinstance(conv, nn.Conv2d) and conv.bias is not None
            weight, stride = conv.weight, conv.stride[0]
            if isinstance(conv, PixelConv2d):
                if x.dtype == torch.uint8:
                    weight = weight / 255
                if conv.patch_of(x.shape[2], x.shape[3]) > 1:
                    x = patches_in(x, stride, weight.dtype)
                    weight, stride = patch_weight(weight, stride), 1
                x = x.to(weight.dtype).contiguous(memory_format=torch.channels_last)
            x = conv_relu(x, weight, conv.bias, stride)
        return x.permute(0, 2, 3, 1).flatten(1)


def conv_relu(x: Tensor, weight: Tensor, bias: Tensor, stride: int) -> Tensor:
    """relu(conv(x) + bias), without padding."""
    y: Tensor = _ConvRelu.apply(x, weight, bias, stride)
    return y


class _ConvRelu(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, stride: int) -> Tensor:
        y: Tensor = torch.ops.mkldnn._convolution_pointwise(
            x, weight, bias, [0, 0], [stride, stride], [1, 1], 1, "relu", [], ""
        )
        ctx.save_for_backward(x, weight, y)
        ctx.stride = stride
        return y

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, y = ctx.saved_tensors
        stride, wanted = [ctx.stride] * 2, [*ctx.needs_input_grad[:2], True]
        gradient = torch.ops.aten.threshold_backward(gradient, y, 0)
        parts = torch.ops.aten.convolution_backward(
            gradient, x, weight, [len(weight)], stride, [0, 0], [1, 1], False, [0, 0], 1, wanted
        )
        return (*parts, None)
