"""Normalisation before a ReLU."""

from typing import Literal

from torch import nn


def make_norm(kind: Literal["none", "layer", "batch"], features: int, *, is_image: bool) -> nn.Module:
    """The normalisation of a configuration, for [B, features, H, W] or [B, features].

    layer: Ba et al. 2016. An image is normalised over channels and places together, with a gain and a bias a
    channel (GroupNorm of one group). batch: Ioffe & Szegedy 2015.
    """
    if kind == "none":
        return nn.Identity()
    if kind == "batch":
        return nn.BatchNorm2d(features) if is_image else nn.BatchNorm1d(features)
    return nn.GroupNorm(1, features) if is_image else nn.LayerNorm(features)
