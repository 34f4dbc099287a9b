"""Noise in the weights as a way to explore."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class NoisyLinear(nn.Module):
    """A linear layer whose weights are mean plus learned deviation times noise (Fortunato et al. 2018).

    The noise is factorised (section 3b): weight (i, j) gets f(e_i) f(e_j), bias j gets f(e_j), with
    f(e) = sign(e) sqrt|e|. It is zero until `resample_noise` and again after `remove_noise`, whatever the
    mode, so that whoever steps the network says when it changes. Not saved.
    """

    noise_in: Tensor
    noise_out: Tensor

    def __init__(self, in_features: int, out_features: int, sigma0: float = 0.5) -> None:
        super().__init__()
        self.in_features, self.out_features = in_features, out_features
        bound = 1 / math.sqrt(in_features)
        self.weight = nn.Parameter(torch.empty(out_features, in_features).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(out_features).uniform_(-bound, bound))
        self.weight_sigma = nn.Parameter(torch.full((out_features, in_features), sigma0 * bound))
        self.bias_sigma = nn.Parameter(torch.full((out_features,), sigma0 * bound))
        self.register_buffer("noise_in", torch.zeros(in_features), persistent=False)
        self.register_buffer("noise_out", torch.zeros(out_features), persistent=False)

    def resample_noise(self, generator: torch.Generator | None = None) -> None:
        """Draw new noise, from torch's own generator unless one is given."""
        for noise in (self.noise_in, self.noise_out):
            noise.normal_(generator=generator)
            noise.copy_(noise.sign() * noise.abs().sqrt())

    def remove_noise(self) -> None:
        """Go back to the mean weights."""
        self.noise_in.zero_()
        self.noise_out.zero_()

    def noisy_weight(self) -> tuple[Tensor, Tensor]:
        """Weight [out, in] and bias [out] as the noise makes them."""
        weight = self.weight + self.weight_sigma * torch.outer(self.noise_out, self.noise_in)
        return weight, self.bias + self.bias_sigma * self.noise_out

    def forward(self, x: Tensor) -> Tensor:
        """[B, in] -> [B, out]."""
        # Two products instead of one with a summed weight: for small batches the sum of the weights, and its
        # gradient, would cost more than both.
        mean = F.linear(x, self.weight, self.bias)
        return mean + self.noise_out * F.linear(x * self.noise_in, self.weight_sigma, self.bias_sigma)
