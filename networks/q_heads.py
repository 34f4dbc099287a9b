"""Heads: what turns features into values of actions, or distributions over returns."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tengen.networks.layers.dropping import DropConnectLinear
from tengen.networks.layers.noisy import NoisyLinear
from tengen.networks.layers.normal import make_norm
from tengen.networks.q_config import QNetworkConfig


class Hidden(nn.Module):
    """A fully connected layer: linear, normalisation, ReLU, dropout."""

    def __init__(self, config: QNetworkConfig, features: int, units: int) -> None:
        super().__init__()
        self.linear: nn.Module
        if config.noisy:
            self.linear = NoisyLinear(features, units, config.sigma0)
        elif config.drop_connect:
            self.linear = DropConnectLinear(features, units, config.drop_connect)
        else:
            self.linear = nn.Linear(features, units)
        self.norm = make_norm(config.normalisation, units, is_image=False)
        self.dropout = nn.Dropout(config.dropout) if config.dropout else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """[B, features] -> [B, units]."""
        y: Tensor = self.dropout(F.relu(self.norm(self.linear(x))))
        return y


def make_stream(config: QNetworkConfig, features: int, outputs: int) -> nn.Sequential:
    """The last hidden layer and the output layer: [B, features] -> [B, outputs]."""
    units = config.hidden_units[-1:]
    hidden = [Hidden(config, features, size) for size in units]
    last = units[0] if units else features
    output = NoisyLinear(last, outputs, config.sigma0) if config.noisy else nn.Linear(last, outputs)
    return nn.Sequential(*hidden, output)


class QHead(nn.Module):
    """The hidden layers and, for each action, K outputs: 1, atoms or quantiles.

    Dueling (Wang et al. 2016, equation 9): the last hidden layer is doubled, one stream giving the state's K
    values, the other each action's advantage, whose mean over actions is taken off. For distributions this is
    done to each output apart, as in Rainbow (Hessel et al. 2018).
    """

    def __init__(self, config: QNetworkConfig, features: int, num_actions: int) -> None:
        super().__init__()
        self.num_actions, self.outputs = num_actions, config.outputs_per_action
        shared = []
        for units in config.hidden_units[:-1]:
            shared.append(Hidden(config, features, units))
            features = units
        self.shared = nn.Sequential(*shared)
        #: Where a quantile of iqn joins.
        self.joint_features = features
        self.advantage = make_stream(config, features, num_actions * self.outputs)
        self.value = make_stream(config, features, self.outputs) if config.dueling else None

    def forward(self, x: Tensor) -> Tensor:
        """[B, features] -> [B, A, K]."""
        return self.answer(self.shared(x))

    def answer(self, x: Tensor) -> Tensor:
        """[B, joint_features] -> [B, A, K]."""
        advantage: Tensor = self.advantage(x).unflatten(1, (self.num_actions, self.outputs))
        if self.value is None:
            return advantage
        return self.value(x)[:, None] + advantage - advantage.mean(1, keepdim=True)


class QuantileEmbedding(nn.Module):
    """Quantiles as factors of the features (Dabney et al. 2018b, equation 4): relu(linear(cos(pi i tau)))."""

    frequencies: Tensor

    def __init__(self, cosines: int, features: int) -> None:
        super().__init__()
        self.linear = nn.Linear(cosines, features)
        self.register_buffer("frequencies", math.pi * torch.arange(cosines).float(), persistent=False)

    def forward(self, taus: Tensor) -> Tensor:
        """[B, N] in 0 to 1 -> [B, N, features]."""
        return F.relu(self.linear(torch.cos(taus[..., None].float() * self.frequencies)))
