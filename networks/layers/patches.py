"""The first convolution of an image network, made cheap for bytes with few channels."""

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
        quads = x.view(torch.int32).view(batch, channels, rows, 4, columns)
        moved = quads.permute(0, 2, 4, 1, 3).contiguous().view(torch.uint8)  # [B, rows, columns, C, 4 * 4]
    else:
        moved = x.reshape(batch, channels, rows, stride, columns, stride).permute(0, 2, 4, 1, 3, 5)
    return moved.reshape(batch, rows, columns, -1).permute(0, 3, 1, 2)


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
        if self.is_patched(x):
            return F.conv2d(patches(x, stride).to(dtype), patch_weight(weight, stride), self.bias)
        x = x.to(dtype).contiguous(memory_format=torch.channels_last)
        return F.conv2d(x, weight, self.bias, self.stride, padding)

    def is_patched(self, x: Tensor) -> bool:
        """Whether images such as x are cut into patches."""
        stride = self.stride[0]
        return (
            stride > 1
            and self.padding[0] == 0
            and self.kernel_size[0] % stride == 0
            and x.shape[2] % stride == 0
            and x.shape[3] % stride == 0
        )
