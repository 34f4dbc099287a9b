"""The residual tower: convolutions, batch norm, global pooling. No parameter depends on the board's size.

B batch, C channels, H rows, W columns. Global pooling as in KataGo (Wu 2019, arXiv:1902.10565, section 3.3).
"""

import torch.nn.functional as F
from torch import Tensor, nn

from tengen.networks.pooling import GlobalPool


class ConvNorm(nn.Module):
    """Convolution, batch norm, an optional addend, ReLU: the one building block, so that it can be folded."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel, padding=kernel // 2, bias=False)
        self.norm = nn.BatchNorm2d(out_channels)
        nn.init.kaiming_normal_(self.conv.weight, nonlinearity="relu")

    def forward(self, x: Tensor, add: Tensor | None = None) -> Tensor:
        """relu(norm(conv(x)) + add): [B, in, H, W] -> [B, out, H, W]. The folded form may overwrite `add`."""
        y = self.norm(self.conv(x))
        return F.relu(y if add is None else y + add)


class PoolBias(nn.Module):
    """What the whole board says to every point: pool, one linear layer, broadcast."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.pool = GlobalPool()
        self.linear = nn.Linear(2 * in_channels, out_channels)
        nn.init.normal_(self.linear.weight, std=0.5 / (2 * in_channels) ** 0.5)
        nn.init.zeros_(self.linear.bias)

    def forward(self, x: Tensor) -> Tensor:
        """[B, in, H, W] -> [B, out, 1, 1]."""
        return self.from_pooled(self.pool(x))

    def from_pooled(self, pooled: Tensor) -> Tensor:
        """[B, 2 * in] -> [B, out, 1, 1]."""
        bias: Tensor = self.linear(pooled)
        return bias[:, :, None, None]


class Block(nn.Module):
    """Two 3x3 convolutions and a skip; a pooling block adds a global bias before its first ReLU."""

    def __init__(self, channels: int, pools: bool) -> None:
        super().__init__()
        self.first = ConvNorm(channels, channels, 3)
        self.second = ConvNorm(channels, channels, 3)
        self.pool = PoolBias(channels, channels) if pools else None

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, C, H, W]."""
        bias = None if self.pool is None else self.pool(x)  # [B, C, 1, 1]
        return self.second(self.first(x, bias), x)


class Tower(nn.Module):
    """Stem and residual blocks."""

    def __init__(self, in_channels: int, channels: int, blocks: int, pool_every: int) -> None:
        super().__init__()
        self.stem = ConvNorm(in_channels, channels, 3)
        self.blocks = nn.ModuleList(Block(channels, i % pool_every == pool_every - 1) for i in range(blocks))

    def forward(self, obs: Tensor) -> Tensor:
        """[B, in, H, W] -> [B, C, H, W]."""
        x = self.stem(obs)
        for block in self.blocks:
            x = block(x)
        return x
