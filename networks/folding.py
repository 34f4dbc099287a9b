"""The inference copy of a network: batch norm folded into the convolutions, ReLU and skip fused into them."""

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tengen.networks.fused import fused_conv, fused_kernels_work, pack
from tengen.networks.heads import LOSS, WIN, PolicyValueNet
from tengen.networks.pooling import GlobalPool, HalfPool
from tengen.networks.tower import ConvNorm


def fold(layer: ConvNorm | nn.Conv2d) -> tuple[Tensor, Tensor]:
    """The weight [out, in, k, k] and bias [out] of the one convolution that equals the layer in eval mode."""
    if isinstance(layer, nn.Conv2d):
        assert layer.bias is not None
        return layer.weight.detach(), layer.bias.detach()
    norm = layer.norm
    assert norm.running_mean is not None and norm.running_var is not None
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)  # [out]
    weight = layer.conv.weight * scale[:, None, None, None]
    return weight.detach(), (norm.bias - norm.running_mean * scale).detach()


class FoldedConv(nn.Module):
    """A ConvNorm, or a bare convolution, as one convolution of the inference dtype."""

    weight: Tensor
    bias: Tensor

    def __init__(self, layer: ConvNorm | nn.Conv2d, dtype: torch.dtype, fused: bool) -> None:
        super().__init__()
        weight, bias = fold(layer)
        self.relu = isinstance(layer, ConvNorm)
        self.padding = weight.shape[2] // 2
        weight = weight.to(dtype).contiguous(memory_format=torch.channels_last)
        self.register_buffer("weight", weight, persistent=False)
        self.register_buffer("bias", bias.to(dtype), persistent=False)
        self.packed = pack(self.weight) if fused and self.relu else None

    def load(self, layer: ConvNorm | nn.Conv2d) -> None:
        """Take the weights of the layer, in place."""
        weight, bias = fold(layer)
        self.weight.copy_(weight)
        self.bias.copy_(bias)
        if self.packed is not None:
            self.packed = pack(self.weight)

    def forward(self, x: Tensor, add: Tensor | None = None) -> Tensor:
        """[B, in, H, W] -> [B, out, H, W]; an `add` of the same shape may be overwritten."""
        if self.packed is not None:
            return fused_conv(x, self.packed, self.bias, self.padding, add)
        y = F.conv2d(x, self.weight, self.bias, padding=self.padding)
        if add is not None:
            y = y + add.to(y.dtype)
        return F.relu(y) if self.relu else y


class InferenceNet(nn.Module):
    """The folded copy of a network: observations in, policy logits and expected result out."""

    def __init__(
        self, network: PolicyValueNet, dtype: torch.dtype, device: torch.device, fused: bool = True
    ) -> None:
        super().__init__()
        self.dtype = dtype
        self.fused = fused and fused_kernels_work(device.type, dtype)
        net = copy.deepcopy(network).to(device).float().eval().requires_grad_(False)
        net.heads.ownership = net.heads.score = None
        for name, convolution in _convolutions(net):
            _replace(net, name, FoldedConv(convolution, dtype, self.fused))
        if device.type == "cpu" and dtype.itemsize == 2:
            for name, module in list(net.named_modules()):
                if isinstance(module, GlobalPool):
                    _replace(net, name, HalfPool())
        self.net = net

    @torch.no_grad()
    def load(self, network: nn.Module) -> None:
        """Take over the network's weights, in place: graphs and compiled code go on using the same memory."""
        for name, convolution in _convolutions(network):
            if name != "heads.ownership":
                folded = self.net.get_submodule(name)
                assert isinstance(folded, FoldedConv)
                folded.load(convolution)
        theirs = dict(network.named_parameters())
        for name, parameter in self.net.named_parameters():  # the linear layers, which stay float32
            parameter.copy_(theirs[name])

    def forward(self, obs: Tensor) -> tuple[Tensor, Tensor]:
        """float32 [B, C, H, W] -> policy logits float32 [B, A], value float32 [B] = P(win) - P(loss)."""
        net, heads = self.net, self.net.heads
        x = net.tower(obs.to(self.dtype))  # [B, C, H, W]
        policy, value, _ = heads.policy_and_value(x, heads.value_conv(x))
        chance = value.softmax(1)  # [B, 3]
        return net.gather(policy.float()), chance[:, WIN] - chance[:, LOSS]


def _convolutions(network: nn.Module) -> list[tuple[str, ConvNorm | nn.Conv2d]]:
    """Every ConvNorm, and every convolution that is not inside one, by name."""
    norms = [(name, layer) for name, layer in network.named_modules() if isinstance(layer, ConvNorm)]
    inside = {id(layer.conv) for _, layer in norms}
    alone = [
        (name, layer)
        for name, layer in network.named_modules()
        if isinstance(layer, nn.Conv2d) and id(layer) not in inside
    ]
    return [*norms, *alone]


def _replace(network: nn.Module, name: str, module: nn.Module) -> None:
    parent, _, child = name.rpartition(".")
    setattr(network.get_submodule(parent), child, module)
