"""Pooling of images: the strongest, the mean, a random one by strength, the length."""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

PoolKind = Literal["max", "average", "stochastic", "l2"]


class StochasticPool2d(nn.Module):
    """One activation of each window, drawn in proportion to its size (Zeiler & Fergus 2013).

    In evaluation the mean weighted by those proportions (their section 3.2). Activations below zero count as
    zero; a window of zeros gives zero.
    """

    def __init__(self, size: int, stride: int, padding: int = 0) -> None:
        super().__init__()
        self.size, self.stride, self.padding = size, stride, padding

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, C, H', W']."""
        x = F.pad(x.clamp(min=0), [self.padding] * 4)
        windows = x.unfold(2, self.size, self.stride).unfold(3, self.size, self.stride)
        windows = windows.flatten(4)  # [B, C, H', W', K]
        if not self.training:
            total = windows.sum(-1)
            return windows.square().sum(-1) / total.clamp(min=torch.finfo(x.dtype).tiny)
        odds = windows.detach().float()
        odds = odds + (odds.sum(-1, keepdim=True) == 0)  # any of a window of zeros
        drawn = torch.multinomial(odds.flatten(0, 3), 1).view(*windows.shape[:-1], 1)
        return windows.gather(-1, drawn).squeeze(-1)


class L2Pool2d(nn.Module):
    """Root of the sum of squares of each window (L_p pooling with p = 2; Sermanet et al. 2012)."""

    def __init__(self, size: int, stride: int, padding: int = 0) -> None:
        super().__init__()
        self.size, self.stride, self.padding = size, stride, padding

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, C, H', W']."""
        mean = F.avg_pool2d(x.float().square(), self.size, self.stride, self.padding)
        # The root of exactly zero has no gradient; this constant is far below what bfloat16 can tell apart.
        return (mean * self.size**2 + 1e-12).sqrt().to(x.dtype)


def make_pool(kind: PoolKind, size: int, stride: int, padding: int = 0) -> nn.Module:
    """The pooling of a configuration: windows of size x size, padded by what does not count."""
    if kind == "max":
        return nn.MaxPool2d(size, stride, padding)
    if kind == "average":
        return nn.AvgPool2d(size, stride, padding, count_include_pad=False)
    return (StochasticPool2d if kind == "stochastic" else L2Pool2d)(size, stride, padding)
