"""Made-up games and networks whose batch norms and biases are far from their first values."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from tengen.networks.heads import PolicyValueNet
from tengen.networks.spec import NetworkConfig, spec_for


@dataclass
class Shapes:
    """The shapes of a Go-like game: one policy map and a pass."""

    size: int = 5
    family: str = "go"
    has_ownership: bool = True
    planes: tuple[str, ...] = ("own", "other", "ones")
    policy_planes: int = 1
    policy_extra: int = 1

    @property
    def name(self) -> str:
        return f"{self.family}{self.size}"

    @property
    def obs_shape(self) -> tuple[int, int, int]:
        return len(self.planes), self.size, self.size

    @property
    def policy_index(self) -> NDArray[np.int64]:
        return np.arange(self.policy_planes * self.size**2 + self.policy_extra)


SMALL = NetworkConfig(blocks=2, channels=16, head_channels=8, value_hidden=12)


def lived_in(game: Shapes, config: NetworkConfig = SMALL, seed: int = 0) -> PolicyValueNet:
    """A network in eval mode whose every number is random, so that nothing hides behind a zero or a one."""
    generator = torch.Generator().manual_seed(seed)
    network = PolicyValueNet(config, spec_for(game)).eval()
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if "norm" in name and tensor.is_floating_point():
                tensor.copy_(0.5 + torch.rand(tensor.shape, generator=generator))
            elif tensor.is_floating_point():
                fan = max(1, tensor[0].numel())
                tensor.copy_(torch.randn(tensor.shape, generator=generator) / fan**0.5)
    return network


def observations(game: Shapes, batch: int, seed: int = 0) -> NDArray[np.float32]:
    """Random observations [B, C, H, W] in channels-last memory."""
    channels, height, width = game.obs_shape
    rng = np.random.default_rng(seed)
    return rng.random((batch, height, width, channels), np.float32).transpose(0, 3, 1, 2)
