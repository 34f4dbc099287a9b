"""Torsos: what turns observations into features."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from tengen.envs.worlds import WorldSpec
from tengen.errors import TengenError
from tengen.networks.layers.local import LocallyConnected2d
from tengen.networks.layers.normal import make_norm
from tengen.networks.layers.patches import PixelConv2d, compute_dtype
from tengen.networks.layers.pooling import make_pool
from tengen.networks.q_config import QNetworkConfig

#: Output channels, kernel and stride of each convolution.
LAYERS = {
    "nature": ((32, 8, 4), (64, 4, 2), (64, 3, 1)),  # Mnih et al. 2015, methods
    "mnih2013": ((16, 8, 4), (32, 4, 2)),  # Mnih et al. 2013, section 4.1
    "minatar": ((16, 3, 1),),  # Young & Tian 2019, section 3
}
IMPALA_CHANNELS = (16, 32, 32)  # Espeholt et al. 2018, figure 3, right


def image_shape(spec: WorldSpec) -> tuple[int, int, int] | None:
    """Channels, height and width of a stack of frames; None where a frame is no image."""
    if len(spec.frame_shape) == 2:
        return spec.stack, spec.frame_shape[0], spec.frame_shape[1]
    if len(spec.frame_shape) == 3:
        channels, height, width = spec.frame_shape
        return spec.stack * channels, height, width
    return None


def make_torso(config: QNetworkConfig, spec: WorldSpec) -> "ConvTorso | ImpalaTorso | FlatTorso":
    """The torso of a configuration for a world. Raises TengenError where they do not fit."""
    shape = image_shape(spec)
    if config.torso == "mlp":
        return FlatTorso(spec.stack * math.prod(spec.frame_shape))
    if shape is None:
        seen = "x".join(str(size) for size in spec.frame_shape) or "single"
        raise TengenError(
            f"torso {config.torso} sees images, but {spec.name} shows vectors of {seen} numbers; use mlp"
        )
    if config.torso == "impala":
        return ImpalaTorso(config, shape)
    smallest = 1
    for _, kernel, stride in reversed(LAYERS[config.torso]):
        smallest = (smallest - 1) * stride + kernel
    if min(shape[1:]) < smallest:
        raise TengenError(
            f"torso {config.torso} needs images of at least {smallest}x{smallest}, and those of {spec.name} "
            f"are {shape[1]}x{shape[2]}; use torso {'minatar' if min(shape[1:]) >= 3 else 'mlp'}"
        )
    return ConvTorso(config, shape)


def _features(x: Tensor) -> Tensor:
    """[B, C, H, W] -> [B, H * W * C]: in this order channels-last memory is not copied."""
    return x.permute(0, 2, 3, 1).flatten(1)


class FlatTorso(nn.Module):
    """Observations as one row of numbers; the layers follow in the head."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.features = features

    def forward(self, x: Tensor) -> Tensor:
        """[B, ...] uint8 or float -> [B, features]; bytes become 0 to 1."""
        return x.flatten(1).float() / 255 if x.dtype == torch.uint8 else x.flatten(1)


class ConvTorso(nn.Module):
    """Convolutions, each normalised if so configured, then ReLU."""

    def __init__(self, config: QNetworkConfig, shape: tuple[int, int, int]) -> None:
        super().__init__()
        channels, *size = shape
        self.in_size = shape[1], shape[2]
        layers = LAYERS[config.torso]
        self.convs, self.norms = nn.ModuleList(), nn.ModuleList()
        for depth, (published, kernel, stride) in enumerate(layers):
            out = max(1, round(published * config.width))
            if config.locally_connected and depth == len(layers) - 1:
                # A single layer sees pixels, and is told their scale below.
                self.convs.append(LocallyConnected2d(channels, out, (size[0], size[1]), kernel, stride))
            else:
                kind = nn.Conv2d if depth else PixelConv2d
                self.convs.append(kind(channels, out, kernel, stride))
            self.norms.append(make_norm(config.normalisation, out, is_image=True))
            channels = out
            size = [(side - kernel) // stride + 1 for side in size]
        self.features = channels * size[0] * size[1]

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] uint8 or float -> [B, features]."""
        if not isinstance(self.convs[0], PixelConv2d):
            x = _pixels(x, next(self.parameters()))
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = F.relu(norm(conv(x)))
        return _features(x)


class ImpalaTorso(nn.Module):
    """The residual network of IMPALA (Espeholt et al. 2018, figure 3).

    Options of Schmidt & Schmied 2021: a width factor, adaptive max-pooling at the end (`final_pool`),
    spectral normalisation of the residual blocks.
    """

    def __init__(self, config: QNetworkConfig, shape: tuple[int, int, int]) -> None:
        super().__init__()
        channels, *size = shape
        self.stages = nn.ModuleList()
        for depth, published in enumerate(IMPALA_CHANNELS):
            out = max(1, round(published * config.width))
            self.stages.append(ImpalaStage(config, channels, out, is_first=depth == 0))
            channels = out
            size = [(side + 1) // 2 for side in size]
        self.final_pool = nn.AdaptiveMaxPool2d(config.final_pool) if config.final_pool else nn.Identity()
        if config.final_pool:
            size = [config.final_pool] * 2
        self.features = channels * size[0] * size[1]

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] uint8 or float -> [B, features]."""
        for stage in self.stages:
            x = stage(x)
        return _features(self.final_pool(F.relu(x)))


class ImpalaStage(nn.Module):
    """A convolution, a pooling that halves the image, two residual blocks."""

    def __init__(self, config: QNetworkConfig, channels: int, out: int, *, is_first: bool) -> None:
        super().__init__()
        self.conv = (PixelConv2d if is_first else nn.Conv2d)(channels, out, 3, padding=1)
        self.norm = make_norm(config.normalisation, out, is_image=True)
        self.pool = make_pool(config.pool, 3, 2, 1)
        self.blocks = nn.Sequential(*(ImpalaBlock(config, out) for _ in range(2)))

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, out, H / 2, W / 2], rounded up."""
        y: Tensor = self.blocks(self.pool(self.norm(self.conv(x))))
        return y


class ImpalaBlock(nn.Module):
    """x + conv(relu(conv(relu(x))))."""

    def __init__(self, config: QNetworkConfig, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        if config.spectral_norm:
            for conv in (self.conv1, self.conv2):
                spectral_norm(conv)
        self.norm1, self.norm2 = (make_norm(config.normalisation, channels, is_image=True) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> the same shape."""
        y = F.relu(self.norm1(self.conv1(F.relu(x))))
        y = self.norm2(self.conv2(y))
        return x + y


def _pixels(x: Tensor, weight: Tensor) -> Tensor:
    """Images in the type that `weight` is computed in; bytes become 0 to 1."""
    dtype = compute_dtype(weight)
    return x.to(dtype) / 255 if x.dtype == torch.uint8 else x.to(dtype)
