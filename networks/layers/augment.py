"""Training images, changed in ways that do not matter."""

import torch
from torch import Tensor


def random_shift(images: Tensor, pad: int, generator: torch.Generator | None = None) -> Tensor:
    """Images [B, ..., H, W] of any type, each moved by up to `pad` pixels either way, edges repeated.

    The random shift of DrQ (Yarats et al. 2021): pad by repeating the edge, then crop at random. All channels
    of an example move together, so a stack of frames stays in step.
    """
    if not pad:
        return images
    batch, height, width = len(images), images.shape[-2], images.shape[-1]
    device = generator.device if generator is not None else images.device
    shifts = torch.randint(-pad, pad + 1, (2, batch, 1), generator=generator, device=device).to(images.device)
    rows = (torch.arange(height, device=images.device) + shifts[0]).clamp_(0, height - 1)  # [B, H]
    columns = (torch.arange(width, device=images.device) + shifts[1]).clamp_(0, width - 1)  # [B, W]
    places = (rows[:, :, None] * width + columns[:, None, :]).flatten(1)  # [B, H * W]
    flat = images.reshape(batch, -1, height * width)
    moved = flat.gather(2, places[:, None].expand(-1, flat.shape[1], -1))
    return moved.view(images.shape)
