"""A population of small convolutional networks evaluated as one: grouped convolutions, a group an individual.

P individuals, M positions of each, N weights of each, A actions, C channels, H rows, W columns.
"""

import copy
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from tengen.errors import TengenError
from tengen.networks.hardware import choose_device, choose_precision
from tengen.networks.spec import HasShapes, NetworkSpec, spec_for
from tengen.networks.threads import threads as intra_op_threads

Floats = NDArray[np.float32]
#: Standard deviation of a uniform draw from [-0.2, 0.2], which strategies begin with.
UNIT = 0.4 / np.sqrt(12.0)


class SizeOfConv(Protocol):
    """How large an individual is."""

    @property
    def channels(self) -> int: ...
    @property
    def layers(self) -> int: ...


class Part(NamedTuple):
    """An array of an individual, and what its weights are multiplied by.

    Evolution moves weights of one size; here each layer's are brought to the size that keeps signals alike
    (He et al. 2015), so that one step size suits all.
    """

    name: str
    shape: tuple[int, ...]
    scale: float


class ConvPopulation:
    """3x3 convolutions with ReLU, a policy by a 1x1 convolution, a value by the mean over the board."""

    def __init__(self, spec: NetworkSpec, channels: int, layers: int) -> None:
        self.spec = spec
        self.channels = channels
        parts: list[Part] = []
        inputs = spec.in_channels
        for layer in range(layers):
            scale = float(np.sqrt(2.0 / (9 * inputs)) / UNIT)
            parts.append(Part(f"conv{layer}.weight", (channels, inputs, 3, 3), scale))
            parts.append(Part(f"conv{layer}.bias", (channels,), 1.0))
            inputs = channels
        flat = float(np.sqrt(1.0 / channels) / UNIT)
        if spec.policy_planes:
            parts.append(Part("policy.weight", (spec.policy_planes, channels, 1, 1), flat))
            parts.append(Part("policy.bias", (spec.policy_planes,), 1.0))
        if spec.policy_extra:
            parts.append(Part("extra.weight", (spec.policy_extra, channels), flat))
            parts.append(Part("extra.bias", (spec.policy_extra,), 1.0))
        parts += [Part("value.weight", (1, channels), flat), Part("value.bias", (1,), 1.0)]
        self.parts = tuple(parts)
        self.layers = layers
        self.size = sum(int(np.prod(part.shape)) for part in parts)  # N
        self.policy_index = torch.from_numpy(np.asarray(spec.policy_index, np.int64))

    def split(self, weights: Tensor) -> dict[str, Tensor]:
        """Named arrays [P, *shape] of weights [P, N], brought to their layers' sizes."""
        if weights.shape[1] != self.size:
            raise TengenError(f"the network has {self.size:,} weights, got {weights.shape[1]:,}")
        arrays, at = {}, 0
        for name, shape, scale in self.parts:
            count = int(np.prod(shape))
            arrays[name] = weights[:, at : at + count].reshape(-1, *shape) * scale
            at += count
        return arrays

    def one(self, arrays: Mapping[str, Tensor], x: Tensor) -> tuple[Tensor, Tensor]:
        """The plain meaning, for a single individual: arrays without P, x [M, C, H, W] -> [M, A], [M]."""
        for layer in range(self.layers):
            x = F.relu(F.conv2d(x, arrays[f"conv{layer}.weight"], arrays[f"conv{layer}.bias"], padding=1))
        pooled = x.mean((2, 3))  # [M, C]
        outputs = []
        if self.spec.policy_planes:
            outputs.append(F.conv2d(x, arrays["policy.weight"], arrays["policy.bias"]).flatten(1))
        if self.spec.policy_extra:
            outputs.append(F.linear(pooled, arrays["extra.weight"], arrays["extra.bias"]))
        value = torch.tanh(F.linear(pooled, arrays["value.weight"], arrays["value.bias"])).squeeze(1)
        return torch.cat(outputs, 1)[:, self.policy_index.to(x.device)], value


class PopulationEvaluator:
    """Policies and values by the weights of P individuals, prepared once for many batches.

    device and precision as for `tengen.networks.evaluator.NetworkEvaluator`; threads: intra-op threads.
    """

    def __init__(
        self,
        network: ConvPopulation,
        weights: Floats,
        *,
        device: str = "auto",
        precision: str = "auto",
        threads: int | None = 1,
    ) -> None:
        self.network = network
        self.device = choose_device(device)
        self.dtype = choose_precision(precision, self.device)
        self.threads = threads
        self.individuals = len(weights)
        arrays = network.split(torch.from_numpy(np.ascontiguousarray(weights)))
        self._arrays = {name: self._prepared(array) for name, array in arrays.items()}
        self._index = network.policy_index.to(self.device)

    def _prepared(self, array: Tensor) -> Tensor:
        """An array [P, ...] on the device; of a convolution's weights the input channels come last."""
        if array.dim() == 5:
            array = array.permute(0, 1, 3, 4, 2).to(self.dtype)
        return array.to(self.device).contiguous()

    def _grouped(self, name: str) -> tuple[Tensor, Tensor]:
        """Weight [P * out, in, h, w], channels last, and bias [P * out] of a convolution in groups."""
        weight, bias = self._arrays[f"{name}.weight"], self._arrays[f"{name}.bias"]
        return weight.flatten(0, 1).permute(0, 3, 1, 2), bias.flatten().to(self.dtype)

    def only(self, individuals: NDArray[np.int64]) -> "PopulationEvaluator":
        """An evaluator of some of the individuals, in that order; one may come twice."""
        few = copy.copy(self)
        few.individuals = len(individuals)
        chosen = torch.from_numpy(individuals).to(self.device)
        few._arrays = {name: array.index_select(0, chosen) for name, array in self._arrays.items()}
        return few

    def buffer(self, positions: int) -> Floats:
        """A zeroed array [M, H, W, P, C] for `evaluate`, to be filled at [m, :, :, p]."""
        channels, height, width = self.network.spec.obs_shape
        return np.zeros((positions, height, width, self.individuals, channels), np.float32)

    @torch.inference_mode()
    def evaluate(self, observations: Floats) -> tuple[Floats, Floats]:
        """Logits [P, M, A] and values [P, M] of observations [M, H, W, P, C]."""
        with intra_op_threads(self.threads):
            return self._evaluate(observations)

    def _evaluate(self, observations: Floats) -> tuple[Floats, Floats]:
        network, arrays, people = self.network, self._arrays, self.individuals
        positions = len(observations)
        x = torch.from_numpy(observations).to(self.device, self.dtype)
        x = x.flatten(3).permute(0, 3, 1, 2)  # [M, P * C, H, W], channels last
        for layer in range(network.layers):
            x = F.conv2d(x, *self._grouped(f"conv{layer}"), padding=1, groups=people).relu_()
        pooled = x.float().mean((2, 3)).view(positions, people, -1).transpose(0, 1)  # [P, M, C]
        outputs = []
        if network.spec.policy_planes:
            maps = F.conv2d(x, *self._grouped("policy"), groups=people)
            outputs.append(maps.float().reshape(positions, people, -1).transpose(0, 1))
        if network.spec.policy_extra:
            outputs.append(pooled @ arrays["extra.weight"].mT + arrays["extra.bias"][:, None])
        logits = torch.cat(outputs, 2)[:, :, self._index]  # [P, M, A]
        value = torch.tanh(pooled @ arrays["value.weight"].mT + arrays["value.bias"][:, None]).squeeze(2)
        return logits.cpu().numpy(), value.cpu().numpy()


class ChampionNetwork:
    """One individual behind the interface of a policy and value network."""

    def __init__(self, network: ConvPopulation, weights: Floats, *, flat: bool = False) -> None:
        """flat: leave its policy aside, and hold all actions for equally likely."""
        self._evaluator = PopulationEvaluator(network, weights[None])
        self._flat = flat

    def __call__(self, observations: Floats) -> tuple[Floats, Floats]:
        """Policy logits [B, A] and values [B] of observations [B, C, H, W]."""
        x = np.ascontiguousarray(observations.transpose(0, 2, 3, 1))[:, :, :, None]
        logits, values = self._evaluator.evaluate(x)
        return (np.zeros_like(logits[0]) if self._flat else logits[0]), values[0]


def conv_population(game: HasShapes, config: SizeOfConv | Mapping[str, Any]) -> ConvPopulation:
    """The networks for a game, of a configuration's size."""
    if isinstance(config, Mapping):
        return ConvPopulation(spec_for(game), int(config["channels"]), int(config["layers"]))
    return ConvPopulation(spec_for(game), config.channels, config.layers)
