"""The target network: an older self that says what later states are worth."""

import copy

import torch
from torch import Tensor

from tengen.agents.dqn.learner_config import LearnerConfig
from tengen.agents.dqn.precision import WorkingCopy
from tengen.networks.q import QNetwork
from tengen.networks.q_inference import for_inference


class TargetNetwork:
    """`network` holds the weights in float32, `module` computes; the two may be one."""

    def __init__(self, follows: QNetwork, config: LearnerConfig, dtype: torch.dtype) -> None:
        """follows: the network that learns; dtype: to compute in."""
        # Nothing is left out at random, and no running statistics move, in what others aim at.
        self.network = copy.deepcopy(follows).requires_grad_(False).eval()
        self.config, self.dtype = config, dtype
        self._follows = follows
        self._copy = None
        if config.target_polyak is not None:
            self._copy = WorkingCopy(self.network, dtype, learns=False)
        self.pull()

    def follow(self, steps: int) -> None:
        """Move after that many gradient steps, if it is time to."""
        period, share = self.config.target_period, self.config.target_polyak
        if period is not None and steps % period:
            return
        with torch.no_grad():
            ours: list[Tensor] = list(self.network.parameters())
            theirs: list[Tensor] = list(self._follows.parameters())
            if share is not None:
                torch._foreach_lerp_(ours, theirs, share)
            else:
                torch._foreach_copy_(ours, theirs)
            for buffer, other in zip(self.network.buffers(), self._follows.buffers(), strict=True):
                buffer.copy_(other)
        self.pull()

    def pull(self) -> None:
        """Compute with the weights that `network` has now."""
        self.module = self.network
        if self._copy is not None:
            self._copy.pull()
            self.module = self._copy.module
        elif self.dtype != torch.float32:
            # Worth its packing for weights that stay for many steps.
            device = next(self.network.parameters()).device
            self.module = for_inference(self.network, self.dtype, device)

    def tensors(self) -> dict[str, Tensor]:
        """The weights by name."""
        return dict(self.network.state_dict())
