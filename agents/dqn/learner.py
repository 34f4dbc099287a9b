"""Learning action values from a replay: DQN and what was made of it since, in any sensible combination."""

import logging
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tengen.agents.dqn import losses
from tengen.agents.dqn.descent import Descent, under
from tengen.agents.dqn.learner_config import LearnerConfig, check_combination
from tengen.agents.dqn.target import TargetNetwork
from tengen.agents.dqn.transitions import Batch
from tengen.machine import usable_cores
from tengen.networks.layers.augment import random_shift
from tengen.networks.q import QNetwork
from tengen.networks.threads import threads as intra_op_threads
from tengen.networks.weights import network_weights

log = logging.getLogger(__name__)


class DqnLearner:
    """Trains `network` in place, one gradient step a batch; `steps` counts them."""

    def __init__(
        self,
        network: QNetwork,
        config: LearnerConfig,
        device: str | torch.device = "cpu",
        *,
        compile: bool = False,
        seed: int = 0,
    ) -> None:
        """Raises TengenError where the network is none that such a learner can teach.

        compile: the first step then takes a minute; of no use on a CPU, whose kernels are joined already.
        seed: of noise, sampled quantiles and shifted images.
        """
        check_combination(network.config, config)
        self.config = config
        self.device = torch.device(device)
        self.network = network
        self._descent = Descent(network, config, self.device)
        self.target: TargetNetwork | None = None
        if config.target_period is not None or config.target_polyak is not None:
            self.target = TargetNetwork(network, config, self._descent.dtype)
        self._threads = config.threads or usable_cores()
        self._seed = seed % 2**31  # of the 64 bits that a generator takes, the upper half
        self._generator = torch.Generator(self.device)
        self._losses: Callable[..., tuple[Tensor, Tensor, Tensor]] = self._plain_losses
        if compile:
            self._losses = torch.compile(self._plain_losses, dynamic=False)

    @property
    def steps(self) -> int:
        """Gradient steps made."""
        return self._descent.steps

    def step(self, batch: Batch, progress: float = 0.0) -> tuple[dict[str, float], NDArray[np.float32]]:
        """One gradient step; returns metrics and new priorities [B].

        Priorities are absolute errors, or the losses of distributional heads. progress: of the run, 0 to 1.
        Raises TengenError, and makes no step, when the loss is no number any more.
        """
        with intra_op_threads(self._threads):
            # What is random in a step follows from its number: a resumed run needs no state of a generator.
            seed = (self._seed << 32) + self.steps
            self._generator.manual_seed(seed)
            self._descent.seed_layers(seed)
            self._descent.module.resample_noise(self._generator)
            if self.target is not None:
                self.target.module.resample_noise(self._generator)
            with self._descent.autocast():
                found, errors, values = self._compute(
                    self._images(batch.observations),
                    self._tensor(batch.actions),
                    self._tensor(batch.returns),
                    self._tensor(batch.discounts),
                    self._images(batch.next_observations),
                )
            loss = losses.weighted_mean(found, self._tensor(batch.weights))
            metrics = self._descent.step(loss, progress)
            if self.target is not None:
                self.target.follow(self.steps)
            metrics |= {"error": errors.mean().item(), "value": values.mean().item()}
            return metrics, errors.cpu().numpy()

    def _compute(self, *tensors: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        try:
            return self._losses(*tensors)
        except Exception as error:  # whatever a compiler may come up with; learning goes on without
            if self._losses == self._plain_losses:
                raise
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            log.warning("the learner goes on without torch.compile: %s", reason)
            self._losses = self._plain_losses
            return self._losses(*tensors)

    def _plain_losses(
        self, observations: Tensor, a_tm1: Tensor, r_t: Tensor, discount_t: Tensor, next_observations: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Losses, new priorities and values of the actions taken, each [B]."""
        config, network = self.config, self.network
        online = self._descent.module
        target = online if self.target is None else self.target.module
        head, munchausen = network.config.head, config.munchausen
        bonus = munchausen.model_dump() if munchausen else {}
        with torch.no_grad():
            out_t = self._outputs(target, next_observations)
            values_t = target.expected(out_t)
            selector = values_t
            if config.double:
                selector = online.expected(self._outputs(online, next_observations))
            values_tm1 = values_t
            if munchausen:
                values_tm1 = target.expected(self._outputs(target, observations))
        taus = self._taus(len(observations))
        out_tm1 = self._outputs(online, observations, taus).float()
        out_t = out_t.float()
        if head == "q":
            if munchausen:
                error = losses.munchausen_q_learning(
                    out_tm1,
                    a_tm1,
                    r_t,
                    discount_t,
                    out_t,
                    values_tm1,
                    **bonus,
                )
            elif not config.double:
                error = losses.q_learning(out_tm1, a_tm1, r_t, discount_t, out_t)
            else:
                error = losses.double_q_learning(out_tm1, a_tm1, r_t, discount_t, out_t, selector)
            found = losses.huber(error) if config.loss == "huber" else losses.half_square(error)
            return found, error.detach().abs(), losses.take(out_tm1.detach(), a_tm1)
        if head == "c51":
            found = losses.categorical_q_learning(
                network.support, out_tm1, a_tm1, r_t, discount_t, out_t, selector
            )
        elif munchausen:
            found = losses.munchausen_quantile_q_learning(
                out_tm1,
                taus,
                a_tm1,
                r_t,
                discount_t,
                out_t,
                values_tm1,
                kappa=config.kappa,
                **bonus,
            )
        else:
            found = losses.quantile_q_learning(
                out_tm1, taus, a_tm1, r_t, discount_t, out_t, selector, config.kappa
            )
        return found, found.detach(), losses.take(online.expected(out_tm1.detach()), a_tm1)

    def _taus(self, count: int) -> Tensor:
        """Quantiles that the losses are about: iqn's drawn anew [B, N], qr's [N]."""
        network = self.network
        if network.config.head == "iqn":
            shape = (count, network.config.iqn_samples)
            return torch.rand(shape, generator=self._generator, device=self.device)
        return network.quantile_midpoints

    def _outputs(self, network: QNetwork, observations: Tensor, taus: Tensor | None = None) -> Tensor:
        if network.config.head != "iqn":
            outputs: Tensor = network(observations)
            return outputs
        outputs = network(observations, self._taus(len(observations)) if taus is None else taus)
        return outputs

    def _images(self, observations: NDArray[Any]) -> Tensor:
        images = self._tensor(observations)
        pad = self.network.config.random_shift
        return random_shift(images, pad, self._generator) if pad else images

    def _tensor(self, array: NDArray[Any]) -> Tensor:
        return torch.from_numpy(array).to(self.device, non_blocking=True)

    def weights(self) -> dict[str, NDArray[np.float32]]:
        """The network's weights as arrays by name."""
        return network_weights(self.network)

    def tensors(self) -> dict[str, Tensor]:
        """Everything that a resumed learner needs: weights, target network, moments.

        On a CPU they are what it goes on learning with, not copies.
        """
        found = self._descent.tensors()
        if self.target is not None:
            found |= {f"target.{name}": value for name, value in self.target.tensors().items()}
        return {name: value.detach().cpu().contiguous() for name, value in found.items()}

    def restore(self, tensors: Mapping[str, Tensor], steps: int) -> None:
        """Go on from `tensors` of an earlier learner of the same shape; a new target follows from here."""
        self._descent.restore(tensors, steps)
        if self.target is not None:
            weights = under(tensors, "target.") or self.network.state_dict()
            self.target.network.load_state_dict(weights)
            self.target.pull()
