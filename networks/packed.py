"""Convolutions and linear layers for inference: weights laid out once, ReLU and sums in the same kernel.

On a CPU these are oneDNN's operations, which torch.compile's own backend calls. They are internals of torch,
so they are tried against the plain operations before they are trusted.
"""

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

TYPICAL_BATCH = 8  # a hint to the choice of layout; other batches are as right and nearly as fast


class PackedConv(nn.Module):
    """relu(conv(x) + bias), or without the ReLU, or with an addend; channels-last."""

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor,
        *,
        dtype: torch.dtype,
        stride: int = 1,
        padding: int = 0,
        relu: bool,
        size: tuple[int, int] = (16, 16),
        packed: bool = True,
    ) -> None:
        """weight [out, in, k, k], bias [out]; size: of images, a hint; packed: use oneDNN."""
        super().__init__()
        self.stride, self.padding, self.relu, self.packed = stride, padding, relu, packed
        weight = weight.detach().to(dtype, copy=True).contiguous(memory_format=torch.channels_last)
        if packed:
            shape = [TYPICAL_BATCH, weight.shape[1], *size]
            weight = torch._C._nn.mkldnn_reorder_conv2d_weight(  # type: ignore[call-arg]
                weight.to_mkldnn(), [padding] * 2, [stride] * 2, [1, 1], 1, shape
            )
        self.weight, self.bias = weight, bias.detach().to(dtype, copy=True)

    def forward(self, x: Tensor) -> Tensor:
        """[B, in, H, W] in the layer's type -> [B, out, H', W']."""
        if not self.packed:
            y = F.conv2d(x, self.weight, self.bias, self.stride, self.padding)
            return y.relu_() if self.relu else y
        z: Tensor = torch.ops.mkldnn._convolution_pointwise(
            x,
            self.weight,
            self.bias,
            [self.padding] * 2,
            [self.stride] * 2,
            [1, 1],
            1,
            "relu" if self.relu else "none",
            [],
            "",
        )
        return z

    def onto(self, total: Tensor, x: Tensor) -> Tensor:
        """total + conv(x) + bias, without the ReLU; total may be overwritten."""
        if not self.packed:
            return total + F.conv2d(x, self.weight, self.bias, self.stride, self.padding)
        y: Tensor = torch.ops.mkldnn._convolution_pointwise_.binary(
            total,
            x,
            self.weight,
            self.bias,
            [self.padding] * 2,
            [self.stride] * 2,
            [1, 1],
            1,
            "add",
            1.0,
            None,
            [],
            "",
        )
        return y


class PackedLinear(nn.Module):
    """relu(linear(x)), or without the ReLU; whatever type comes in is converted."""

    def __init__(
        self, weight: Tensor, bias: Tensor, *, dtype: torch.dtype, relu: bool, packed: bool = True
    ) -> None:
        """weight [out, in], bias [out]; packed: whether oneDNN is to be used."""
        super().__init__()
        self.dtype, self.relu, self.packed = dtype, relu, packed
        self.bias = bias.detach().to(dtype, copy=True)
        self.weight = weight.detach().to(dtype, copy=True).contiguous()
        if packed:
            self.weight = torch.ops.mkldnn._reorder_linear_weight(self.weight, TYPICAL_BATCH)

    def forward(self, x: Tensor) -> Tensor:
        """[B, in] -> [B, out]."""
        x = x.to(self.dtype)
        if not self.packed:
            y = F.linear(x, self.weight, self.bias)
            return y.relu_() if self.relu else y
        z: Tensor = torch.ops.mkldnn._linear_pointwise(
            x, self.weight, self.bias, "relu" if self.relu else "none", [], ""
        )
        return z


@lru_cache(maxsize=4)
def packed_kernels_work(dtype: torch.dtype) -> bool:
    """Whether this machine's torch has the CPU kernels above for a type, and they are right."""
    generator = torch.Generator().manual_seed(0)

    def made(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator)

    def near(ours: Tensor, plain: Tensor) -> bool:
        return ours.shape == plain.shape and torch.allclose(ours.float(), plain, atol=0.06, rtol=0.06)

    try:
        with torch.inference_mode():
            x, w, b, total = made(2, 16, 8, 8), made(16, 16, 4, 4) / 16, made(16), made(2, 16, 3, 3)
            plain = F.conv2d(x, w, b, 2)
            image = x.to(dtype).contiguous(memory_format=torch.channels_last)
            addend = total.to(dtype).contiguous(memory_format=torch.channels_last)
            relu, bare = (PackedConv(w, b, dtype=dtype, stride=2, relu=relu) for relu in (True, False))
            sound = near(relu(image), plain.relu()) and near(bare(image), plain)
            sound = sound and near(bare.onto(addend, image), plain + total)
            x, w = made(3, 32), made(24, 32) / 6
            b = made(24)
            for relu_too in (True, False):
                plain = F.linear(x, w, b)
                linear = PackedLinear(w, b, dtype=dtype, relu=relu_too)
                sound = sound and near(linear(x), plain.relu() if relu_too else plain)
            return sound
    except (RuntimeError, AttributeError, TypeError, NotImplementedError):
        return False
