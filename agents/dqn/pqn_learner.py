"""Learning action values from what many worlds just did (Gallici et al. 2024); without a replay."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tengen.agents.dqn import losses
from tengen.agents.dqn.descent import Descent
from tengen.agents.dqn.learner_config import PqnLearnerConfig, check_combination
from tengen.agents.dqn.transitions import Rollout
from tengen.errors import TengenError
from tengen.machine import usable_cores
from tengen.networks.layers.augment import random_shift
from tengen.networks.q import QNetwork
from tengen.networks.threads import threads as intra_op_threads
from tengen.networks.weights import network_weights


class PqnLearner:
    """Trains `network` in place; `steps` counts gradient steps."""

    def __init__(
        self,
        network: QNetwork,
        config: PqnLearnerConfig,
        device: str | torch.device = "cpu",
        *,
        seed: int = 0,
    ) -> None:
        """Raises TengenError where the network is none for PQN. seed: of the order of samples."""
        check_combination(network.config, config)
        self.config, self.network = config, network
        self.device = torch.device(device)
        self._descent = Descent(network, config, self.device)
        self._threads = config.threads or usable_cores()
        self._seed = seed

    @property
    def steps(self) -> int:
        """Gradient steps made."""
        return self._descent.steps

    def update(self, rollout: Rollout, progress: float = 0.0) -> dict[str, float]:
        """`epochs` passes over the rollout in minibatches; returns the means of their metrics.

        Raises TengenError where minibatches do not divide the rollout, or the loss is no number any more.
        """
        returns = self.returns(rollout).flatten()
        observations = rollout.observations.reshape(-1, *rollout.observations.shape[2:])
        actions = torch.from_numpy(rollout.actions.reshape(-1).astype(np.int64))
        found: list[dict[str, float]] = []
        with intra_op_threads(self._threads):
            for chosen in self._minibatches(len(observations)):
                # Indexing by NumPy copies whole stacks; the order is the same wherever the learner runs.
                images = self._images(observations[chosen])
                found.append(self._step(images, actions[chosen], returns[chosen], progress))
        return {name: sum(metrics[name] for metrics in found) / len(found) for name in found[0]}

    def returns(self, rollout: Rollout) -> Tensor:
        """What each action turned out to be worth, [T, N]: rewards and the values of what they led to."""
        alive = torch.from_numpy(~rollout.terminals).float()
        goes_on = torch.from_numpy(~rollout.truncations).float()
        return losses.lambda_returns(
            torch.from_numpy(rollout.rewards),
            self.config.gamma * alive,
            torch.from_numpy(rollout.next_values),
            self.config.return_lambda * goes_on,
        )

    def _minibatches(self, count: int) -> Iterator[NDArray[np.int64]]:
        """Samples of each gradient step; each once an epoch, in an order that follows from `steps`."""
        size, rest = divmod(count, self.config.minibatches)
        if rest or not size:
            raise TengenError(
                f"learner.minibatches {self.config.minibatches} does not divide a rollout of {count} steps; "
                "choose a divisor of rollouts.steps times the number of worlds"
            )
        rng = np.random.default_rng((self._seed, self.steps))
        for _ in range(self.config.epochs):
            order = rng.permutation(count)
            for begin in range(0, count, size):
                yield np.sort(order[begin : begin + size])

    def _step(self, images: Tensor, actions: Tensor, returns: Tensor, progress: float) -> dict[str, float]:
        actions, returns = actions.to(self.device), returns.to(self.device)
        self._descent.seed_layers((self._seed % 2**31 << 32) + self.steps)
        with self._descent.autocast():
            values = self._descent.module(images).float()  # [B, A]
        taken = losses.take(values, actions)
        error = returns - taken
        metrics = self._descent.step(losses.half_square(error).mean(), progress)
        return metrics | {"error": error.detach().abs().mean().item(), "value": taken.detach().mean().item()}

    def _images(self, observations: NDArray[Any]) -> Tensor:
        images = torch.from_numpy(observations).to(self.device)
        pad = self.network.config.random_shift
        return random_shift(images, pad, torch.Generator().manual_seed(self.steps)) if pad else images

    def weights(self) -> dict[str, NDArray[np.float32]]:
        """The network's weights as arrays by name."""
        return network_weights(self.network)

    def tensors(self) -> dict[str, Tensor]:
        """Everything that a resumed learner needs.

        On a CPU they are what it goes on learning with, not copies.
        """
        found = self._descent.tensors()
        return {name: value.detach().cpu().contiguous() for name, value in found.items()}

    def restore(self, tensors: Mapping[str, Tensor], steps: int) -> None:
        """Go on from `tensors` of an earlier learner of the same shape."""
        self._descent.restore(tensors, steps)
