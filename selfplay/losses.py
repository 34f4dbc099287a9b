"""Losses of self-play learning: pure functions of arrays, seen from the side to move."""

from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor


class Targets(NamedTuple):
    """What a batch of B positions should have said."""

    policy: Tensor  # [B, A]
    value: Tensor  # [B, 3] probabilities of win, draw, loss
    ownership: Tensor  # [B, H * W] in {-1, 0, 1}, or [B, 0]
    score: Tensor  # [B] points
    is_scored: Tensor  # [B] 1 where ownership and score are known


def policy_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Cross entropy [] of logits [B, A] against a distribution [B, A]."""
    return -(target * F.log_softmax(logits, 1)).sum(1).mean()


def value_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Cross entropy [] of win, draw and loss: logits [B, 3], target [B, 3]."""
    return -(target * F.log_softmax(logits, 1)).sum(1).mean()


def ownership_loss(ownership: Tensor, target: Tensor, is_scored: Tensor) -> Tensor:
    """Mean squared error [] over points [B, H * W] of the games that were played to the end."""
    error = (ownership - target).square().mean(1)
    return (error * is_scored).sum() / is_scored.sum().clamp(min=1)


def score_loss(score: Tensor, target: Tensor, is_scored: Tensor) -> Tensor:
    """Huber loss [] of scores [B] as shares of the board, over games that were played to the end."""
    error = F.huber_loss(score, target, reduction="none", delta=0.2)
    return (error * is_scored).sum() / is_scored.sum().clamp(min=1)
