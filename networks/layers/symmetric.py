"""Layers whose weights are tied so that a turned or mirrored board gives a turned or mirrored answer."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

Ints = NDArray[np.int64]


def square_symmetries(size: int) -> Ints:
    """[8, size * size]: where each of the square's symmetries takes each place."""
    grid = np.arange(size * size).reshape(size, size)
    return np.stack([np.rot90(side, turns).ravel() for side in (grid, grid.T) for turns in range(4)])


def orbits(images: Ints) -> Tensor:
    """[N] numbers from 0, equal for what the symmetries images [8, N] take into one another."""
    return torch.from_numpy(np.unique(images.min(0), return_inverse=True)[1])


class SymmetricConv2d(nn.Module):
    """A convolution with padding whose kernels are symmetric: a 5x5 one has 6 weights instead of 25.

    Clark & Storkey 2014 (arXiv:1412.3409), section 3.3. The layer then commutes with all eight symmetries.
    """

    place: Tensor

    def __init__(self, in_channels: int, out_channels: int, kernel: int) -> None:
        super().__init__()
        self.in_channels, self.out_channels, self.kernel = in_channels, out_channels, kernel
        place = orbits(square_symmetries(kernel))
        self.register_buffer("place", place, persistent=False)  # [K * K] which weight stands there
        std = math.sqrt(2 / (in_channels * kernel * kernel))  # He et al. 2015
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, int(place.max()) + 1) * std)
        self.bias = nn.Parameter(torch.zeros(out_channels))

    def forward(self, x: Tensor) -> Tensor:
        """[B, in, H, W] -> [B, out, H, W]."""
        weight = self.weight[:, :, self.place].unflatten(2, (self.kernel, self.kernel))
        return F.conv2d(x, weight, self.bias, padding=self.kernel // 2)


class SymmetricLinear(nn.Module):
    """A fully connected layer from all places of a square board to all places, tied like the convolution."""

    pair: Tensor
    spot: Tensor

    def __init__(self, channels: int, size: int) -> None:
        super().__init__()
        self.channels, self.size = channels, size
        points = size * size
        images = square_symmetries(size)
        pairs = images[:, :, None] * points + images[:, None, :]  # [8, P, P]
        pair, spot = orbits(pairs.reshape(8, -1)), orbits(images)
        self.register_buffer("pair", pair.view(points, points), persistent=False)  # [out, in]
        self.register_buffer("spot", spot, persistent=False)
        self.weight = nn.Parameter(torch.randn(channels, int(pair.max()) + 1) * 0.1 / math.sqrt(points))
        self.bias = nn.Parameter(torch.zeros(int(spot.max()) + 1))

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, H * W]."""
        weight = self.weight[:, self.pair]  # [C, out, in]
        bias = self.bias[self.spot]
        return torch.einsum("bci,coi->bo", x.flatten(2), weight) + bias
