"""A bias of its own for each place."""

import torch
from torch import Tensor, nn


class PointBias(nn.Module):
    """Adds a learned number for each channel and place (Maddison et al. 2014, section 3.2)."""

    def __init__(self, channels: int, height: int, width: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(channels, height, width))

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> the same shape."""
        return x + self.bias
