"""Global pooling: mean and maximum of each channel over the board."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class GlobalPool(nn.Module):
    """[B, C, H, W] -> float32 [B, 2C]: the means, then the maxima."""

    def forward(self, x: Tensor) -> Tensor:
        """Pool by whichever kernels suit the device."""
        if x.device.type == "cpu":  # channels-last pooling is two to five times faster than reductions here
            size = [x.shape[2], x.shape[3]]
            return torch.cat((F.avg_pool2d(x, size), F.max_pool2d(x, size)), 1).flatten(1).float()
        return torch.cat((x.mean((2, 3)), x.amax((2, 3))), 1).float()


class HalfPool(nn.Module):
    """The same for 16-bit floats that are not negative, in channels-last memory on a CPU.

    Such floats are ordered as the integers of the same bits are, and integers have a vectorised maximum where
    bfloat16 has none: three times faster than max_pool2d.
    """

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> float32 [B, 2C]."""
        mean = F.avg_pool2d(x, [x.shape[2], x.shape[3]]).flatten(1)  # [B, C]
        return torch.cat((mean, _max_of_bits(x)), 1).float()


LANES = 64  # int16 rows of a multiple of this are reduced with full vectors


def _max_of_bits(x: Tensor) -> Tensor:
    batch, channels, height, width = x.shape
    points = height * width
    rows = x.permute(0, 2, 3, 1).reshape(batch, points, channels).view(torch.int16)
    join = LANES // math.gcd(channels, LANES)  # points side by side in one row
    joined = points // join * join
    if joined:
        wide = rows[:, :joined].reshape(batch, points // join, join * channels)
        best = wide.amax(1).view(batch, join, channels).amax(1)  # [B, C]
        if joined < points:
            best = torch.maximum(best, rows[:, joined:].amax(1))
    else:
        best = rows.amax(1)
    return best.view(x.dtype)
