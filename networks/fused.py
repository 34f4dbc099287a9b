"""Convolution, bias, addend and ReLU in one kernel: oneDNN's on a CPU, cuDNN's on a GPU.

These are the operations that torch.compile's own backend calls. Called directly they give compiled speed
without a compiler or its waiting time, and new weights need no recompiling. They are internals of torch, so
they are tried against the plain operations before they are trusted.
"""

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor


@lru_cache(maxsize=16)
def fused_kernels_work(device: str, dtype: torch.dtype) -> bool:
    """Whether this machine's torch has fused convolutions for device type and dtype that are right."""
    generator = torch.Generator().manual_seed(0)

    def made(*shape: int) -> Tensor:
        tensor = torch.randn(shape, generator=generator).to(device, dtype)
        return tensor.contiguous(memory_format=torch.channels_last) if len(shape) == 4 else tensor

    x, weight, bias, add = made(2, 16, 4, 4), made(16, 16, 3, 3) / 12, made(16), made(2, 16, 4, 4)
    try:
        with torch.inference_mode():
            packed = pack(weight)
            for addend in (None, add, add[:, :, :1, :1]):
                plain = F.conv2d(x.float(), weight.float(), bias.float(), padding=1)
                plain = F.relu(plain if addend is None else plain + addend.float())
                fused = fused_conv(x, packed, bias, 1, None if addend is None else addend.clone())
                if not torch.allclose(fused.float(), plain, atol=0.05, rtol=0.05):
                    return False
    except (RuntimeError, AttributeError, TypeError):
        return False
    return True


def pack(weight: Tensor) -> Tensor:
    """The weight [out, in, k, k] laid out as `fused_conv` wants it; valid for any batch and board."""
    if weight.device.type != "cpu":
        return weight
    padding = [weight.shape[2] // 2] * 2
    typical = [64, weight.shape[1], 9, 9]  # a hint to the choice of layout
    packed: Tensor = torch._C._nn.mkldnn_reorder_conv2d_weight(  # type: ignore[call-arg]
        weight.to_mkldnn(), padding, [1, 1], [1, 1], 1, typical
    )
    return packed


def fused_conv(x: Tensor, packed: Tensor, bias: Tensor, padding: int, add: Tensor | None) -> Tensor:
    """relu(conv(x) + bias + add): [B, in, H, W] -> [B, out, H, W].

    `add` is [B, out, 1, 1], or [B, out, H, W] and then may be overwritten.
    """
    if add is not None and add.shape[2:] != x.shape[2:]:
        full = add.to(x.dtype).expand(-1, -1, x.shape[2], x.shape[3])
        add = full.contiguous(memory_format=torch.channels_last)
    pad, one = [padding, padding], [1, 1]
    if x.device.type == "cpu":
        operations = torch.ops.mkldnn
        if add is None:
            y: Tensor = operations._convolution_pointwise(x, packed, bias, pad, one, one, 1, "relu", [], "")
        else:
            y = operations._convolution_pointwise_.binary(
                add, x, packed, bias, pad, one, one, 1, "add", 1.0, "relu", [], ""
            )
        return y
    if add is None:
        return torch.cudnn_convolution_relu(x, packed, bias, one, pad, one, 1)
    return torch.cudnn_convolution_add_relu(x, packed, add, 1.0, bias, one, pad, one, 1)
