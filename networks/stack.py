"""The networks of the papers on Go: convolutions in a row, then a map of the board.

What the papers' networks lack, ours have to be played: a logit for passing, from the mean of the last
features, and win, draw and loss in place of a single number.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tengen.errors import TengenError
from tengen.networks.heads import BoardNetwork, NetworkOutput, PolicyValueNet
from tengen.networks.layers.normal import make_norm
from tengen.networks.layers.point_bias import PointBias
from tengen.networks.layers.symmetric import SymmetricConv2d, SymmetricLinear
from tengen.networks.spec import NetworkConfig, NetworkSpec
from tengen.networks.stack_config import StackConfig

VALUE_HIDDEN = 256  # AlphaGo's value network


class MapHead(nn.Module):
    """A 1x1 convolution and a bias for each place, or one tied fully connected layer: [B, planes * H * W]."""

    def __init__(self, channels: int, spec: NetworkSpec, *, is_full: bool) -> None:
        super().__init__()
        self.full = SymmetricLinear(channels, spec.height) if is_full else None
        self.map = None if is_full else nn.Conv2d(channels, spec.policy_planes, 1, bias=False)
        self.places = None if is_full else PointBias(spec.policy_planes, spec.height, spec.width)
        if self.map is not None:
            nn.init.normal_(self.map.weight, std=0.01)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, planes * H * W]."""
        if self.full is not None:
            y: Tensor = self.full(x)
            return y
        assert self.map is not None and self.places is not None
        flat: Tensor = self.places(self.map(x)).flatten(1)
        return flat


class ValueHead(nn.Module):
    """AlphaGo's: one 1x1 filter, 256 rectified units, the result [B, 3] as win, draw and loss."""

    def __init__(self, channels: int, spec: NetworkSpec) -> None:
        super().__init__()
        self.map = nn.Conv2d(channels, 1, 1)
        self.hidden = nn.Linear(spec.height * spec.width, VALUE_HIDDEN)
        self.value = nn.Linear(VALUE_HIDDEN, 3)
        nn.init.normal_(self.value.weight, std=0.01)
        nn.init.zeros_(self.value.bias)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, 3]."""
        y: Tensor = self.value(F.relu(self.hidden(F.relu(self.map(x)).flatten(1))))
        return y


class StackNet(BoardNetwork):
    """A network of a paper, for one board size. A part that it does not have answers with zeros."""

    policy_index: Tensor

    def __init__(self, config: StackConfig, spec: NetworkSpec) -> None:
        """Raises TengenError where the board does not suit the architecture."""
        super().__init__()
        self.config, self.spec = config, spec
        layers = config.layers()
        if layers.is_symmetric and (spec.height != spec.width or spec.policy_planes != 1):
            raise TengenError(f"{config.architecture} is tied by a square's symmetries; it serves Go only")
        parts: list[nn.Module] = []
        channels = spec.in_channels
        for out, kernel in layers.convolutions:
            if layers.is_symmetric:
                parts.append(SymmetricConv2d(channels, out, kernel))
            else:
                conv = nn.Conv2d(channels, out, kernel, padding=kernel // 2)
                nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
                assert conv.bias is not None
                nn.init.zeros_(conv.bias)
                parts.append(conv)
            if layers.has_point_bias:
                parts.append(PointBias(out, spec.height, spec.width))
            if config.norm != "none":
                parts.append(make_norm(config.norm, out, is_image=True))
            parts.append(nn.ReLU())
            channels = out
        self.body = nn.Sequential(*parts)
        is_value = config.architecture == "alphago-value"
        self.policy = None if is_value else MapHead(channels, spec, is_full=layers.is_symmetric)
        self.extra = nn.Linear(channels, spec.policy_extra) if self.policy and spec.policy_extra else None
        if self.extra is not None:
            nn.init.normal_(self.extra.weight, std=0.01)
            nn.init.zeros_(self.extra.bias)
        self.value = ValueHead(channels, spec) if is_value or config.value else None
        self.outputs = spec.policy_planes * spec.height * spec.width + spec.policy_extra
        self.gathers = spec.policy_index != tuple(range(self.outputs))
        self.register_buffer("policy_index", torch.tensor(spec.policy_index), persistent=False)
        if torch.get_default_device().type == "cpu":
            self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, obs: Tensor) -> NetworkOutput:
        """Observations [B, C, H, W] -> NetworkOutput without ownership and score."""
        x = self.body(obs)  # [B, C, H, W]
        parts = []
        if self.policy is not None:
            parts.append(self.policy(x))
        if self.extra is not None:
            parts.append(self.extra(x.mean((2, 3))))
        outputs = torch.cat(parts, 1) if parts else x.new_zeros(len(x), self.outputs)
        policy = outputs[:, self.policy_index] if self.gathers else outputs
        value = x.new_zeros(len(x), 3) if self.value is None else self.value(x)
        return NetworkOutput(policy, value, None, None)


def make_network(config: NetworkConfig | StackConfig, spec: NetworkSpec) -> BoardNetwork:
    """The network that a configuration describes. Raises TengenError where it does not fit the game."""
    if isinstance(config, StackConfig):
        return StackNet(config, spec)
    return PolicyValueNet(config, spec)
