"""A network of action values, rebuilt for inference alone: norms folded, weights packed, kernels joined."""

import copy
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tengen.networks.layers.noisy import NoisyLinear
from tengen.networks.layers.patches import PixelConv2d, patch_weight, patches_in
from tengen.networks.packed import PackedConv, PackedLinear, packed_kernels_work
from tengen.networks.q import QNetwork
from tengen.networks.q_heads import Hidden, QHead
from tengen.networks.torsos import ConvTorso, ImpalaBlock, ImpalaStage, ImpalaTorso

#: Weights up to which a linear layer stays plain float32: exact, and done before oneDNN would have begun.
SMALL_LINEAR = 1 << 14


def for_inference(network: QNetwork, dtype: torch.dtype, device: torch.device) -> QNetwork:
    """A copy of the network that computes in dtype on device, for use under `torch.inference_mode`.

    It answers as the network in eval mode does, to rounding; of a world that shows bytes it takes bytes only.
    Noisy layers keep their noise. Its weights are not to be looked at: they are where kernels want them.
    """
    builder = _Builder(dtype, device, bytes_in=np.dtype(network.spec.frame_dtype) == np.uint8)
    was_training = network.training
    network.eval()  # in training mode, reading a spectrally normalised weight would change it
    with torch.no_grad():
        # No copy of the layers that are about to be replaced.
        fast: Any = copy.copy(network)
        fast._modules = dict(network._modules)
        fast.torso = builder.torso(network.torso)
        fast.head = builder.rebuilt(network.head)
        if network.embedding is not None:
            fast.embedding = builder.rebuilt(network.embedding)
        fast._buffers = {
            name: buffer.to(device) for name, buffer in network._buffers.items() if buffer is not None
        }
        fast._noisy = [module for module in fast.modules() if isinstance(module, PackedNoisyLinear)]
    network.train(was_training)
    inference: QNetwork = fast.eval().requires_grad_(False)
    return inference


class PackedNoisyLinear(nn.Module):
    """A `NoisyLinear` of two packed products: means, and deviations times noise while there is noise."""

    def __init__(self, layer: NoisyLinear, dtype: torch.dtype, packed: bool) -> None:
        super().__init__()
        self.mean = PackedLinear(layer.weight, layer.bias, dtype=dtype, relu=False, packed=packed)
        self.deviation = PackedLinear(
            layer.weight_sigma, layer.bias_sigma, dtype=dtype, relu=False, packed=packed
        )
        self.noise_in, self.noise_out = layer.noise_in.to(dtype), layer.noise_out.to(dtype)
        self.is_noisy = bool((layer.noise_in != 0).any())

    def resample_noise(self, generator: torch.Generator | None = None) -> None:
        """Draw new noise."""
        for noise in (self.noise_in, self.noise_out):
            draw = torch.randn(noise.shape, generator=generator, device=noise.device)
            noise.copy_(draw.sign() * draw.abs().sqrt())
        self.is_noisy = True

    def remove_noise(self) -> None:
        """Go back to the mean weights."""
        self.is_noisy = False

    def forward(self, x: Tensor) -> Tensor:
        """[B, in] -> [B, out]."""
        y: Tensor = self.mean(x)
        if self.is_noisy:
            y = y + self.noise_out * self.deviation(x * self.noise_in)
        return y


class _FastHidden(nn.Module):
    """`Hidden` where norm and ReLU are not in the linear layer already."""

    def __init__(self, linear: nn.Module, norm: nn.Module) -> None:
        super().__init__()
        self.linear, self.norm = linear, norm

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.norm(self.linear(x).float()))


class _FastConvTorso(nn.Module):
    """`ConvTorso`: each step is a convolution, alone or with a norm and a ReLU after it."""

    def __init__(self, steps: list[nn.Module]) -> None:
        super().__init__()
        self.steps = nn.Sequential(*steps)

    def forward(self, x: Tensor) -> Tensor:
        return self.steps(x).permute(0, 2, 3, 1).flatten(1)


class _Pixels(nn.Module):
    """Images in the type of the first convolution, in patches of `patch` pixels a side if over 1."""

    def __init__(self, patch: int, dtype: torch.dtype, scale: float) -> None:
        super().__init__()
        self.patch, self.dtype, self.scale = patch, dtype, scale

    def forward(self, x: Tensor) -> Tensor:
        x = patches_in(x, self.patch, self.dtype) if self.patch > 1 else x.to(self.dtype)
        x = x.contiguous(memory_format=torch.channels_last)
        return x if self.scale == 1 else x * self.scale


class _FastBlock(nn.Module):
    """`ImpalaBlock` without norms, or with folded ones."""

    def __init__(self, conv1: PackedConv, conv2: PackedConv) -> None:
        super().__init__()
        self.conv1, self.conv2 = conv1, conv2

    def forward(self, x: Tensor) -> Tensor:
        return self.conv2.onto(x, self.conv1(F.relu(x)))


class _Builder:
    """Makes the fast layer of each layer."""

    def __init__(self, dtype: torch.dtype, device: torch.device, *, bytes_in: bool) -> None:
        self.dtype, self.device, self.bytes_in = dtype, device, bytes_in
        self.packed = device.type == "cpu" and packed_kernels_work(dtype)

    def torso(self, torso: nn.Module) -> nn.Module:
        if isinstance(torso, ConvTorso):
            return self._conv_torso(torso)
        if isinstance(torso, ImpalaTorso):
            return self._impala(torso)
        return copy.deepcopy(torso)  # no weights

    def rebuilt(self, module: nn.Module) -> nn.Module:
        """A copy of a head or an embedding with fast linear layers."""
        if isinstance(module, QHead):
            return self._head(module)
        if isinstance(module, Hidden):
            return self._hidden(module)
        if isinstance(module, NoisyLinear):
            return PackedNoisyLinear(copy.deepcopy(module).to(self.device), self.dtype, self.packed)
        if isinstance(module, nn.Linear):
            return self._linear(module.weight, module.bias, relu=False)
        return self._copy(module)

    def _copy(self, module: nn.Module) -> Any:
        fast: Any = copy.copy(module)
        fast._buffers = {
            name: buffer.to(self.device) for name, buffer in module._buffers.items() if buffer is not None
        }
        fast._modules = {
            name: None if child is None else self.rebuilt(child) for name, child in module._modules.items()
        }
        return fast

    def _head(self, head: QHead) -> nn.Module:
        """Output layers stay float32: bfloat16's values of 2 lie 0.016 apart, more than what is at stake."""
        fast = self._copy(head)
        for name in ("advantage", "value"):
            stream = getattr(head, name)
            if stream is not None:
                last = list(stream._modules)[-1]
                getattr(fast, name)._modules[last] = self._output(stream._modules[last])
        return fast

    def _output(self, layer: nn.Module) -> nn.Module:
        if isinstance(layer, NoisyLinear):
            return PackedNoisyLinear(copy.deepcopy(layer).to(self.device), torch.float32, packed=False)
        assert isinstance(layer, nn.Linear)
        weight, bias = layer.weight.to(self.device), layer.bias.to(self.device)
        return PackedLinear(weight, bias, dtype=torch.float32, relu=False, packed=False)

    def _hidden(self, hidden: Hidden) -> nn.Module:
        linear, norm = hidden.linear, hidden.norm
        if isinstance(linear, nn.Linear) and isinstance(norm, nn.Identity | nn.BatchNorm1d):
            gain, shift = _affine(norm, linear.out_features)
            return self._linear(linear.weight * gain[:, None], linear.bias * gain + shift, relu=True)
        return _FastHidden(self.rebuilt(linear), copy.deepcopy(norm).to(self.device).float())

    def _conv_torso(self, torso: ConvTorso) -> nn.Module:
        steps: list[nn.Module] = []
        for conv, norm in zip(torso.convs, torso.norms, strict=True):
            if not steps:
                steps.append(self._pixels(conv, torso.in_size))
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.Identity | nn.BatchNorm2d):
                steps.append(self._conv(conv, norm, relu=True, size=torso.in_size))
            elif isinstance(conv, nn.Conv2d):
                bare = self._conv(conv, nn.Identity(), relu=False, size=torso.in_size)
                steps += [bare, self._in_type(norm), nn.ReLU(inplace=True)]
            else:
                steps += [self._in_type(conv), self._in_type(norm), nn.ReLU(inplace=True)]
        return _FastConvTorso(steps)

    def _impala(self, torso: ImpalaTorso) -> nn.Module:
        fast = copy.copy(torso)
        fast._modules = dict(torso._modules)
        stages: list[nn.Module] = []
        for stage in torso.stages:
            assert isinstance(stage, ImpalaStage)
            new: Any = copy.copy(stage)
            new._modules = dict(stage._modules)
            conv, folds = stage.conv, isinstance(stage.norm, nn.Identity | nn.BatchNorm2d)
            new.norm = nn.Identity() if folds else self._in_type(stage.norm)
            fast_conv = self._conv(conv, stage.norm if folds else nn.Identity(), relu=False)
            new.conv = fast_conv if stages else nn.Sequential(self._pixels(conv, (0, 0)), fast_conv)
            new.pool = copy.deepcopy(stage.pool)
            new.blocks = nn.Sequential(*(self._block(block) for block in stage.blocks))
            stages.append(new)
        fast.stages = nn.ModuleList(stages)
        fast.final_pool = copy.deepcopy(torso.final_pool)
        return fast

    def _block(self, block: nn.Module) -> nn.Module:
        assert isinstance(block, ImpalaBlock)
        if isinstance(block.norm1, nn.Identity | nn.BatchNorm2d):
            conv1 = self._conv(block.conv1, block.norm1, relu=True)
            return _FastBlock(conv1, self._conv(block.conv2, block.norm2, relu=False))
        new: Any = copy.copy(block)
        new._modules = dict(block._modules)
        new.conv1, new.conv2 = (
            self._conv(conv, nn.Identity(), relu=False) for conv in (block.conv1, block.conv2)
        )
        new.norm1, new.norm2 = self._in_type(block.norm1), self._in_type(block.norm2)
        return new

    def _pixels(self, conv: nn.Module, size: tuple[int, int]) -> nn.Module:
        """What stands before the first convolution."""
        if isinstance(conv, PixelConv2d):
            return _Pixels(conv.patch_of(*size), self.dtype, 1.0)
        return _Pixels(1, self.dtype, 1 / 255 if self.bytes_in else 1.0)

    def _conv(
        self, conv: nn.Conv2d, norm: nn.Module, *, relu: bool, size: tuple[int, int] = (0, 0)
    ) -> PackedConv:
        gain, shift = _affine(norm, conv.out_channels)
        assert conv.bias is not None
        weight, bias = conv.weight * gain[:, None, None, None], conv.bias * gain + shift
        stride, padding = conv.stride[0], int(conv.padding[0])
        if isinstance(conv, PixelConv2d):
            weight = weight / 255 if self.bytes_in else weight
            if conv.patch_of(*size) > 1:
                weight, stride = patch_weight(weight, stride), 1
        return PackedConv(
            weight.to(self.device),
            bias.to(self.device),
            dtype=self.dtype,
            stride=stride,
            padding=padding,
            relu=relu,
            packed=self.packed,
        )

    def _linear(self, weight: Tensor, bias: Tensor, *, relu: bool) -> PackedLinear:
        weight, bias = weight.to(self.device), bias.to(self.device)
        if weight.numel() <= SMALL_LINEAR:
            return PackedLinear(weight, bias, dtype=torch.float32, relu=relu, packed=False)
        return PackedLinear(weight, bias, dtype=self.dtype, relu=relu, packed=self.packed)

    def _in_type(self, module: nn.Module) -> nn.Module:
        """A copy of a layer that has no faster form."""
        return copy.deepcopy(module).to(self.device, self.dtype)


def _affine(norm: nn.Module, features: int) -> tuple[Tensor, Tensor]:
    """Gain and shift [features] that a batch norm in eval mode amounts to; 1 and 0 without one."""
    if not isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d):
        return torch.ones(features), torch.zeros(features)
    assert norm.running_mean is not None and norm.running_var is not None
    gain = norm.weight / (norm.running_var + norm.eps).sqrt()
    return gain, norm.bias - norm.running_mean * gain
