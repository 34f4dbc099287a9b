"""Saliency by gradients: plain, integrated, SmoothGrad.

Captum (0.9 of 2026, BSD-3-Clause, 0.5 MB) has all three and is well kept, but brings matplotlib and tqdm
along and knows neither stones nor blurred patches, so that these few lines stand here; answers agree.
"""

import torch
from torch import Tensor

from tengen.explain.maps import Judge

CHUNK = 32  # inputs that go through the network together
STEPS = 64  # of a path
SAMPLES, NOISE = 32, 0.15  # Smilkov et al. 2017, section 3.2: 10 to 20 % of the inputs' range


def gradients(judge: Judge, inputs: Tensor, target: int) -> Tensor:
    """Of one target at each of the inputs [B, C, H, W]: the same shape."""
    found = []
    for part in inputs.split(CHUNK):
        part = part.detach().clone().requires_grad_(True)
        (gradient,) = torch.autograd.grad(judge(part)[:, target].sum(), part)
        found.append(gradient)
    return torch.cat(found)


def plain(judge: Judge, inputs: Tensor, target: int) -> Tensor:
    """[H, W]: the gradient at inputs [1, C, H, W], of all planes the largest, without its sign.

    Simonyan et al. 2014 (arXiv:1312.6034), section 3.1.
    """
    return _largest(gradients(judge, inputs, target)[0])


def smooth(judge: Judge, inputs: Tensor, target: int, seed: int = 0, samples: int = SAMPLES) -> Tensor:
    """[H, W]: as `plain`, of the mean gradient over inputs with noise.

    Smilkov et al. 2017 (arXiv:1706.03825), section 3.
    """
    span = NOISE * float(inputs.max() - inputs.min())
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn((samples, *inputs.shape[1:]), generator=generator)
    return _largest(gradients(judge, inputs + span * noise, target).mean(0))


def integrated(
    judge: Judge, inputs: Tensor, baseline: Tensor, target: int, steps: int = STEPS
) -> tuple[Tensor, float]:
    """[H, W] that sums to the difference between inputs and baseline [1, C, H, W], and what is amiss.

    The mean gradient on the straight way from the baseline, in the middles of equal steps, times the way;
    planes summed. Sundararajan et al. 2017 (arXiv:1703.01365), equation 1; more steps leave less amiss.
    """
    way = inputs - baseline
    at = (torch.arange(steps) + 0.5) / steps
    along = gradients(judge, baseline + at[:, None, None, None] * way, target).mean(0)
    parts = (along * way[0]).sum(0)
    with torch.no_grad():
        difference = float(judge(inputs)[0, target] - judge(baseline)[0, target])
    return parts, float(parts.sum()) - difference


def _largest(gradient: Tensor) -> Tensor:
    """[C, H, W] -> [H, W]."""
    return gradient.abs().amax(0)
