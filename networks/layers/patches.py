"""The first convolution of an image network, made cheap for bytes with few channels."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn


def compute_dtype(weight: Tensor) -> torch.dtype:
    """What a layer computes in: autocast's type inside its region, else that of its weights."""
    device = weight.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else weight.dtype


def patches(x: Tensor, stride: int) -> Tensor:
    """[B, C, H, W] -> [B, C * stride * stride, H / stride, W / stride], channels-last: each patch one place.

    Channels are in the order (channel, row, column) of the patch. The sides must be multiples of stride.
    """
    batch, channels, height, width = x.shape
    rows, columns = height // stride, width // stride
    if stride == 4 and x.dtype == torch.uint8 and x.is_contiguous():
        # Four bytes side by side move as one number.
        if x.device.type == "cpu" and not torch.compiler.is_compiling():
            from tengen.networks.layers.patch_kernel import move_quads

            moved = torch.empty(batch, rows, columns, channels * 16, dtype=torch.uint8)
            move_quads(x.numpy().view(np.uint32), moved.numpy().view(np.uint32))
        else:
            quads = x.view(torch.int32).view(batch, channels, rows, 4, columns)
            moved = quads.permute(0, 2, 4, 1, 3).contiguous().view(torch.uint8)  # [B, rows, columns, C, 16]
    else:
        moved = x.reshape(batch, channels, rows, stride, columns, stride).permute(0, 2, 4, 1, 3, 5)
    return moved.reshape(batch, rows, columns, -1).permute(0, 3, 1, 2)


def patches_in(x: Tensor, stride: int, dtype: torch.dtype) -> Tensor:
    """`patches` in a type to compute in; bytes stay 0 to 255."""
    is_quick = stride == 4 and x.dtype == torch.uint8 and x.is_contiguous() and dtype == torch.bfloat16
    if not is_quick or x.device.type != "cpu" or torch.compiler.is_compiling():
        return patches(x, stride).to(dtype)
    from tengen.networks.layers.patch_kernel import cut_to_half

    batch, channels, height, width = x.shape
    rows = np.empty((channels * 4, width), np.uint16)
    cut = torch.empty(batch, height // 4, width // 4, channels * 16, dtype=dtype)
    cut_to_half(x.numpy(), rows, rows.view(np.uint64), cut.view(torch.int64).numpy().view(np.uint64))
    return cut.permute(0, 3, 1, 2)


def patch_weight(weight: Tensor, stride: int) -> Tensor:
    """[out, C, K, K] -> [out, C * stride * stride, K / stride, K / stride], to go over `patches`."""
    out, channels, kernel, _ = weight.shape
    parts = weight.view(out, channels, kernel // stride, stride, kernel // stride, stride)
    return parts.permute(0, 1, 3, 5, 2, 4).reshape(out, -1, kernel // stride, kernel // stride)


class PixelConv2d(nn.Conv2d):
    """A convolution over images; bytes are taken as 0 to 1.

    The division by 255 is made on the weights, which are few, and bytes are exact even in bfloat16. Where the
    kernel and the image are multiples of the stride the image is cut into patches first: the convolution then
    has many channels and a small kernel, which is what matrix units are made for.
    """

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] uint8 or float -> [B, out, H', W']."""
        weight = self.weight / 255 if x.dtype == torch.uint8 else self.weight
        dtype = compute_dtype(self.weight)
        stride, padding = self.stride[0], int(self.padding[0])
        if self.patch_of(x.shape[2], x.shape[3]) > 1:
            return F.conv2d(patches_in(x, stride, dtype), patch_weight(weight, stride), self.bias)
        x = x.to(dtype).contiguous(memory_format=torch.channels_last)
        return F.conv2d(x, weight, self.bias, self.stride, padding)

    def patch_of(self, height: int, width: int) -> int:
        """Side of the patches that images of a size are cut into; 1 where they stay whole."""
        stride = self.stride[0]
        fits = not (self.padding[0] or self.kernel_size[0] % stride or height % stride or width % stride)
        return stride if fits else 1
