"""Adam for weights in float32 whose gradients are bfloat16, in one pass over memory."""

import math
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tengen.agents.dqn.precision import WorkingCopy
from tengen.envs.jit import leaf_kernel, vector_kernel

Words = NDArray[np.uint16]  # the upper halves of float32 numbers, which is what bfloat16 is
Floats = NDArray[np.float32]


class _Line(NamedTuple):
    """A parameter as numbers in the order of memory."""

    group: dict[str, Any]  # the optimizer's settings
    made: Tensor  # steps so far
    ours: Tensor  # the parameter of the copy, which gets the gradient
    weight: Floats
    mean: Floats
    square: Floats
    half: NDArray[Any]  # of the copy


class HalfAdam:
    """Does on a CPU what clipping, Adam, AdamW or RAdam, and casts from and to bfloat16 do in turn.

    The moments are those of the `optimizer`, which saves and restores them. With few images a step, walking
    through weights and moments is a good part of the work.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, copy: WorkingCopy, longest: float) -> None:
        """longest: norm to which gradients are clipped; 0 sets no bound."""
        self.optimizer, self.copy = optimizer, copy
        self.longest = longest
        self._lines: list[_Line] = []
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                optimizer.state[parameter] = {
                    "step": torch.tensor(0.0),
                    "exp_avg": torch.zeros_like(parameter),
                    "exp_avg_sq": torch.zeros_like(parameter),
                }

    @staticmethod
    def fits(optimizer: torch.optim.Optimizer, copy: WorkingCopy) -> bool:
        """Whether the optimizer is one of the Adams, over the weights of a copy in memory of a CPU."""
        return (
            type(optimizer) in (torch.optim.Adam, torch.optim.AdamW, torch.optim.RAdam)
            and copy.is_copy
            and all(p.device.type == "cpu" and _has_no_gaps(p) for p in copy.parameters())
        )

    @torch.no_grad()
    def step(self) -> float:
        """Step along the gradients of the copy, and renew its weights; returns the norm of all gradients."""
        self._lines = self._lines or self._gather()
        found = [
            (line, _in_order(line.ours.grad, line.ours)) for line in self._lines if line.ours.grad is not None
        ]
        norm = math.sqrt(sum(_square_sum(gradient) for _, gradient in found))
        scale = min(1.0, self.longest / (norm + 1e-6)) if self.longest else 1.0
        for line, gradient in found:
            count = line.made.add_(1).item()
            shrink = 1 - line.group["lr"] * line.group["weight_decay"]
            numbers = np.array([scale, *self._numbers(line.group, count), shrink], np.float32)
            kernel = _adam_half if gradient.dtype == np.uint16 else _adam_single
            kernel(gradient, line.weight, line.mean, line.square, line.half, numbers)
        return norm

    def forget(self) -> None:
        """To be called when the optimizer's state is another: look for its moments again."""
        self._lines = []

    def _gather(self) -> list["_Line"]:
        pairs, lines = self.copy.pairs(), []
        for group in self.optimizer.param_groups:
            for parameter in group["params"]:
                ours, state = pairs[parameter], self.optimizer.state[parameter]
                moments = _flat(state["exp_avg"]), _flat(state["exp_avg_sq"])
                lines.append(_Line(group, state["step"], ours, _flat(parameter), *moments, _flat(ours)))
        return lines

    def _numbers(self, group: dict[str, Any], count: float) -> tuple[float, ...]:
        """Decays of the moments; rate, root, eps of weight -= rate * mean / (root * sqrt(square) + eps)."""
        beta1, beta2 = group["betas"]
        rate, spread = group["lr"] / (1 - beta1**count), 1 - beta2**count
        if not isinstance(self.optimizer, torch.optim.RAdam):
            return beta1, beta2, rate, 1 / math.sqrt(spread), group["eps"]
        # Liu et al. 2020 (arXiv:1908.03265), algorithm 2: no second moment before its variance is finite.
        longest = 2 / (1 - beta2) - 1
        length = longest - 2 * count * beta2**count / spread
        if length <= 5:
            return beta1, beta2, rate, 0.0, 1.0
        shorter = (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
        return beta1, beta2, rate * math.sqrt(shorter * spread), 1.0, group["eps"]


def _has_no_gaps(tensor: Tensor) -> bool:
    return tensor.is_contiguous() or (
        tensor.ndim == 4 and tensor.is_contiguous(memory_format=torch.channels_last)
    )


def _in_order(gradient: Tensor, parameter: Tensor) -> NDArray[Any]:
    """The gradient as numbers in the order in which the parameter lies in memory."""
    if gradient.stride() != parameter.stride():
        gradient = torch.empty_like(parameter).copy_(gradient)
    return _flat(gradient)


def _flat(tensor: Tensor) -> NDArray[Any]:
    """The memory of a tensor without gaps: float32 [n], or the uint16 [n] of a bfloat16."""
    line = tensor.detach().as_strided((tensor.numel(),), (1,))
    return line.view(torch.uint16).numpy() if line.dtype == torch.bfloat16 else line.numpy()


def _square_sum(gradient: NDArray[Any]) -> float:
    return float((_square_sum_half if gradient.dtype == np.uint16 else _square_sum_single)(gradient))


@vector_kernel
def _square_sum_half(gradient: Words) -> np.float32:
    """Sum of the squares of bfloat16 numbers."""
    total = np.float32(0)
    for i in range(len(gradient)):
        g = np.uint32(np.uint32(gradient[i]) << np.uint32(16)).view(np.float32)
        total += g * g
    return total


@vector_kernel
def _square_sum_single(gradient: Floats) -> np.float32:
    """Sum of squares."""
    total = np.float32(0)
    for i in range(len(gradient)):
        total += gradient[i] * gradient[i]
    return total


@leaf_kernel
def _adam_half(gradient: Words, weight: Floats, mean: Floats, square: Floats, half: Words, n: Floats) -> None:
    """A step of Adam; `half` becomes the weights rounded to the nearest bfloat16."""
    scale, beta1, beta2, rate, root, eps, shrink = n[0], n[1], n[2], n[3], n[4], n[5], n[6]
    one = np.float32(1)
    for i in range(len(gradient)):
        g = np.uint32(np.uint32(gradient[i]) << np.uint32(16)).view(np.float32) * scale
        m = beta1 * mean[i] + (one - beta1) * g
        v = beta2 * square[i] + (one - beta2) * g * g
        w = weight[i] * shrink - rate * m / (np.sqrt(v) * root + eps)
        mean[i], square[i], weight[i] = m, v, w
        bits = np.float32(w).view(np.uint32)
        odd = (bits >> np.uint32(16)) & np.uint32(1)  # ties go to the even neighbour
        half[i] = np.uint16(np.uint32(bits + np.uint32(0x7FFF) + odd) >> np.uint32(16))


@leaf_kernel
def _adam_single(
    gradient: Floats, weight: Floats, mean: Floats, square: Floats, copy: Floats, n: Floats
) -> None:
    """A step of Adam; `copy` becomes the weights."""
    scale, beta1, beta2, rate, root, eps, shrink = n[0], n[1], n[2], n[3], n[4], n[5], n[6]
    one = np.float32(1)
    for i in range(len(gradient)):
        g = gradient[i] * scale
        m = beta1 * mean[i] + (one - beta1) * g
        v = beta2 * square[i] + (one - beta2) * g * g
        w = weight[i] * shrink - rate * m / (np.sqrt(v) * root + eps)
        mean[i], square[i], weight[i], copy[i] = m, v, w, w
