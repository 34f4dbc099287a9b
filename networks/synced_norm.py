"""Batch norm by the statistics of a whole batch whose parts lie on several devices.

On GPUs that is torch's SyncBatchNorm; it has no CPU kernels, so that there is one for CPUs here.
"""

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn


class _Gathered(torch.autograd.Function):
    """Every rank's tensor, stacked [W, ...]; all ranks' losses flow back into it."""

    @staticmethod
    def forward(ctx: Any, own: Tensor) -> Tensor:
        parts = [torch.empty_like(own) for _ in range(dist.get_world_size())]
        dist.all_gather(parts, own.contiguous())
        return torch.stack(parts)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total[dist.get_rank()]


class SyncedNorm(nn.BatchNorm2d):
    """BatchNorm2d that trains on what all ranks of the process group see; their parts are equally large."""

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> the same shape and dtype."""
        if not self.training:
            return super().forward(x)
        wide = x.float()
        own_var, own_mean = torch.var_mean(wide, (0, 2, 3), correction=0)  # [C] each
        means, variances = _Gathered.apply(torch.stack((own_mean, own_var))).unbind(1)  # [W, C] each
        mean = means.mean(0)
        var = (variances + (means - mean).square()).mean(0)
        self._follow(mean.detach(), var.detach(), len(means) * x.numel() // x.shape[1])
        scale = torch.rsqrt(var + self.eps) * self.weight
        return (wide * scale[:, None, None] + (self.bias - mean * scale)[:, None, None]).to(x.dtype)

    @torch.no_grad()
    def _follow(self, mean: Tensor, var: Tensor, count: int) -> None:
        assert self.running_mean is not None and self.running_var is not None
        assert self.num_batches_tracked is not None and self.momentum is not None
        self.num_batches_tracked += 1
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(var * count / max(1, count - 1), self.momentum)


def synced(network: nn.Module, device: torch.device) -> None:
    """Put norms over all ranks in place of the network's batch norms; weights and their names stay.

    Norms of other classes, frozen ones say, stay as they are.
    """
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if type(child) is not nn.BatchNorm2d:
                continue
            if device.type == "cuda":
                setattr(module, name, nn.SyncBatchNorm.convert_sync_batchnorm(child))
            else:
                child.__class__ = SyncedNorm  # the same fields, another forward
