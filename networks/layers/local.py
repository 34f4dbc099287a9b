"""Convolution without shared weights."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class LocallyConnected2d(nn.Module):
    """A convolution with weights of its own at every place (Gregor & LeCun 2010; Taigman et al. 2014).

    in_size: height and width of what comes in, since the number of places is part of the layer.
    """

    def __init__(
        self, in_channels: int, out_channels: int, in_size: tuple[int, int], kernel: int, stride: int = 1
    ) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride
        self.out_size = ((in_size[0] - kernel) // stride + 1, (in_size[1] - kernel) // stride + 1)
        places, taps = self.out_size[0] * self.out_size[1], in_channels * kernel * kernel
        bound = 1 / math.sqrt(taps)
        self.weight = nn.Parameter(torch.empty(places, taps, out_channels).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(places, out_channels).uniform_(-bound, bound))

    def forward(self, x: Tensor) -> Tensor:
        """[B, in, H, W] -> [B, out, H', W']; a tap of `weight` is (channel, row, column) in that order."""
        taps = F.unfold(x, self.kernel, stride=self.stride)  # [B, taps, places]
        y = torch.bmm(taps.permute(2, 0, 1), self.weight)  # [places, B, out]
        y = (y + self.bias[:, None]).permute(1, 2, 0)  # [B, out, places]
        return y.unflatten(2, self.out_size)
