"""Weights left out at random while training."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class DropConnectLinear(nn.Linear):
    """A linear layer that leaves out each weight with probability `rate` while it trains (Wan et al. 2013).

    Weights that stay are divided by 1 - rate, so that evaluation uses the mean: the paper's Gaussian moment
    matching, left at its first moment.
    """

    def __init__(self, in_features: int, out_features: int, rate: float) -> None:
        super().__init__(in_features, out_features)
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        """[B, in] -> [B, out]; one mask for the batch."""
        if not self.training or not self.rate:
            return super().forward(x)
        kept = torch.empty_like(self.weight).bernoulli_(1 - self.rate).div_(1 - self.rate)
        return F.linear(x, self.weight * kept, self.bias)
