"""Inference copies of networks: folded and fused for our towers, as they are for the papers' networks."""

import copy

import torch
from torch import Tensor, nn

from tengen.networks.folding import InferenceNet
from tengen.networks.heads import LOSS, WIN, BoardNetwork, PolicyValueNet


class PlainInference(nn.Module):
    """A network in the inference dtype, with the interface of InferenceNet."""

    fused = False

    def __init__(self, network: BoardNetwork, dtype: torch.dtype, device: torch.device) -> None:
        super().__init__()
        self.dtype = dtype
        self.net = copy.deepcopy(network).to(device).to(dtype).eval().requires_grad_(False)

    @torch.no_grad()
    def load(self, network: BoardNetwork) -> None:
        """Take over the network's weights, in place."""
        self.net.load_state_dict(network.state_dict())

    def forward(self, obs: Tensor) -> tuple[Tensor, Tensor]:
        """float32 [B, C, H, W] -> policy logits float32 [B, A], value float32 [B] = P(win) - P(loss)."""
        output = self.net(obs.to(self.dtype))
        chance = output.value.float().softmax(1)  # [B, 3]
        return output.policy.float(), chance[:, WIN] - chance[:, LOSS]


def make_inference(
    network: BoardNetwork, dtype: torch.dtype, device: torch.device, *, fused: bool
) -> InferenceNet | PlainInference:
    """The inference copy of a network."""
    if isinstance(network, PolicyValueNet):
        return InferenceNet(network, dtype, device, fused=fused)
    return PlainInference(network, dtype, device)
