"""Saliency by perturbation: what a target loses where the network does not see what is there."""

import torch
import torch.nn.functional as F
from torch import Tensor

from tengen.explain.maps import Judge

CHUNK = 64  # inputs that go through the network together
SIGMA, STRIDE = 5.0, 5  # pixels of a blurred patch and between two, Greydanus et al. 2018, section 3.2


def judged(judge: Judge, inputs: Tensor) -> Tensor:
    """Targets [B, T] of inputs [B, C, H, W], in portions."""
    with torch.no_grad():
        return torch.cat([judge(part) for part in inputs.split(CHUNK)])


def losses(judge: Judge, inputs: Tensor, others: Tensor) -> Tensor:
    """[B, T]: the targets of inputs [1, C, H, W] less those of others [B, C, H, W]."""
    return judged(judge, inputs) - judged(judge, others)


def covered(inputs: Tensor, baseline: Tensor, patch: int = 3) -> Tensor:
    """[H * W, C, H, W]: the inputs, but the baseline in a square of patch x patch around each point."""
    _, _, height, width = inputs.shape
    rows, columns = torch.arange(height), torch.arange(width)
    down = (rows[:, None] - rows).abs() <= patch // 2  # [H, H]
    across = (columns[:, None] - columns).abs() <= patch // 2  # [W, W]
    hidden = (down[:, None, :, None] & across[None, :, None, :]).flatten(0, 1)  # [H * W, H, W]
    return torch.where(hidden[:, None], baseline, inputs)


def blurred(inputs: Tensor, sigma: float = SIGMA / 2) -> Tensor:
    """Images [B, C, H, W] out of focus: each pixel the mean of those around, by a normal distribution."""
    reach = int(3 * sigma + 0.5)
    at = torch.arange(-reach, reach + 1).float()
    weights = torch.exp(-(at**2) / (2 * sigma**2))
    weights /= weights.sum()
    x = inputs.flatten(0, 1)[:, None]  # [B * C, 1, H, W]
    x = F.conv2d(F.pad(x, (reach, reach, 0, 0), mode="replicate"), weights[None, None, None, :])
    x = F.conv2d(F.pad(x, (0, 0, reach, reach), mode="replicate"), weights[None, None, :, None])
    return x.view_as(inputs)


def centres(size: int, stride: int = STRIDE) -> Tensor:
    """Where patches stand along a side, evenly from its edges."""
    return torch.arange((size - 1) % stride // 2, size, stride)


def blur_losses(judge: Judge, inputs: Tensor, stride: int = STRIDE, sigma: float = SIGMA) -> Tensor:
    """[T, rows, columns]: what each target loses where images [1, C, H, W] are blurred around a place.

    Greydanus et al. 2018 (arXiv:1711.00138), equations 1 and 2; all frames of the stack are blurred alike.
    """
    _, _, height, width = inputs.shape
    soft = blurred(inputs)
    rows, columns = centres(height, stride), centres(width, stride)
    down = _bell(rows, height, sigma)  # [R, H]
    across = _bell(columns, width, sigma)  # [C, W]
    found = []
    for row in range(len(rows)):
        mask = down[row, None, :, None] * across[:, None, :]  # [C, H, W]
        found.append(losses(judge, inputs, inputs + mask[:, None] * (soft - inputs)))  # [C, T]
    return torch.stack(found).permute(2, 0, 1)


def spread(map_: Tensor, height: int, width: int) -> Tensor:
    """A map [rows, columns] of places as one of pixels [height, width]."""
    return F.interpolate(map_[None, None], (height, width), mode="bilinear", align_corners=False)[0, 0]


def _bell(middles: Tensor, size: int, sigma: float) -> Tensor:
    """[middles, size], 1 in the middle."""
    return torch.exp(-((torch.arange(size) - middles[:, None]).float() ** 2) / (2 * sigma**2))
