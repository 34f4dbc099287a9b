"""Policy, value, ownership and score from the tower's features, and the whole network.

Everything is seen from the side to move. B batch, A actions, C channels, H rows, W columns.
"""

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tengen.networks.pooling import GlobalPool
from tengen.networks.spec import NetworkConfig, NetworkSpec
from tengen.networks.tower import ConvNorm, PoolBias, Tower

#: Order of the value's classes, from the side to move.
WIN, DRAW, LOSS = 0, 1, 2


class NetworkOutput(NamedTuple):
    """What a network says about positions, from the side to move."""

    policy: Tensor  # [B, A] logits, illegal actions not masked
    value: Tensor  # [B, 3] logits of win, draw, loss
    ownership: Tensor | None  # [B, H * W] in (-1, 1): 1 mine, -1 the other's
    score: Tensor | None  # [B] points for the side to move divided by the board's area H * W


class Heads(nn.Module):
    """One 1x1 convolution for what is global (value, score, ownership) and one for the policy."""

    def __init__(self, config: NetworkConfig, spec: NetworkSpec) -> None:
        super().__init__()
        channels = config.head_channels
        self.value_conv = ConvNorm(config.channels, channels, 1)
        self.pool = GlobalPool()
        self.hidden = nn.Linear(2 * channels, config.value_hidden)
        self.value = nn.Linear(config.value_hidden, 3)
        self.policy_bias = PoolBias(channels, channels)
        self.policy_conv = ConvNorm(config.channels, channels, 1)
        self.policy_maps = nn.Conv2d(channels, spec.policy_planes, 1) if spec.policy_planes else None
        self.policy_extra = nn.Linear(config.value_hidden, spec.policy_extra) if spec.policy_extra else None
        self.ownership = nn.Conv2d(channels, 1, 1) if spec.has_ownership else None
        self.score = nn.Linear(config.value_hidden, 1) if spec.has_ownership else None
        for last in (self.value, self.policy_maps, self.policy_extra, self.ownership, self.score):
            if last is not None:  # small, so that the first policy is near uniform and the first value near 0
                nn.init.normal_(last.weight, std=0.01)
                assert last.bias is not None
                nn.init.zeros_(last.bias)

    def forward(self, x: Tensor) -> NetworkOutput:
        """[B, C, H, W] -> outputs whose policy is the concatenation of maps and extras, not yet gathered."""
        features = self.value_conv(x)  # [B, head, H, W]
        policy, value, hidden = self.policy_and_value(x, features)
        if self.ownership is None or self.score is None:
            return NetworkOutput(policy, value, None, None)
        ownership = torch.tanh(self.ownership(features).flatten(1))  # [B, H * W]
        return NetworkOutput(policy, value, ownership, self.score(hidden).squeeze(1))

    def policy_and_value(self, x: Tensor, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Policy outputs [B, planes * H * W + extra], value logits [B, 3], hidden layer [B, value_hidden]."""
        pooled = self.pool(features)  # [B, 2 * head]
        hidden = F.relu(self.hidden(pooled))  # [B, value_hidden]
        parts = []
        if self.policy_maps is not None:
            local = self.policy_conv(x, self.policy_bias.from_pooled(pooled))  # [B, head, H, W]
            parts.append(self.policy_maps(local).flatten(1))  # [B, planes * H * W]
        if self.policy_extra is not None:
            parts.append(self.policy_extra(hidden))  # [B, extra]
        return torch.cat(parts, 1), self.value(hidden), hidden


class BoardNetwork(nn.Module):
    """A network of a board game: observations [B, C, H, W] in, a NetworkOutput out."""

    config: Any  # a pydantic model that describes it
    spec: NetworkSpec

    def parameter_count(self) -> int:
        """Number of trained numbers."""
        return sum(parameter.numel() for parameter in self.parameters())


class PolicyValueNet(BoardNetwork):
    """Residual tower and heads; the same weights play any board size of the same game.

    `policy_index` follows the spec and is no part of the weights.
    """

    policy_index: Tensor

    def __init__(self, config: NetworkConfig, spec: NetworkSpec) -> None:
        super().__init__()
        self.config, self.spec = config, spec
        self.tower = Tower(spec.in_channels, config.channels, config.blocks, config.pool_every)
        self.heads = Heads(config, spec)
        outputs = spec.policy_planes * spec.height * spec.width + spec.policy_extra
        self.gathers = spec.policy_index != tuple(range(outputs))  # Go's policy is the outputs as they stand
        self.register_buffer("policy_index", torch.tensor(spec.policy_index), persistent=False)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, obs: Tensor) -> NetworkOutput:
        """Observations [B, C, H, W] (channels-last memory is quickest) -> NetworkOutput."""
        output: NetworkOutput = self.heads(self.tower(obs))
        return output._replace(policy=self.gather(output.policy))

    def gather(self, outputs: Tensor) -> Tensor:
        """Policy outputs [B, planes * H * W + extra] -> logits [B, A]."""
        return outputs[:, self.policy_index] if self.gathers else outputs
