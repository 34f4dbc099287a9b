"""The inference copy of a network: batch norm folded into the convolutions, ReLU and skip fused into them.

On CPUs the fused convolutions are oneDNN's, called as torch.compile's own backend calls them, with weights
packed once: compiled speed for the convolutions without a compiler, and new weights need no recompiling.
"""

import copy
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tengen.networks.heads import LOSS, WIN, PolicyValueNet
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
    """relu(conv(x) + bias + add), with `relu` only where the layer it replaces has one."""

    weight: Tensor
    bias: Tensor

    def __init__(self, layer: ConvNorm | nn.Conv2d, dtype: torch.dtype, packs: bool) -> None:
        super().__init__()
        weight, bias = fold(layer)
        self.relu = isinstance(layer, ConvNorm)
        self.padding = weight.shape[2] // 2
        self.packs = packs
        self.packed: Tensor | None = None
        weight = weight.to(dtype).contiguous(memory_format=torch.channels_last)
        self.register_buffer("weight", weight, persistent=False)
        self.register_buffer("bias", bias.to(dtype), persistent=False)
        self.pack()

    def pack(self) -> None:
        """Lay the weight out as the fused kernels want it."""
        if self.packs:
            self.packed = _pack(self.weight, self.padding)

    def load(self, layer: ConvNorm | nn.Conv2d) -> None:
        """Take the weights of the layer, in place."""
        weight, bias = fold(layer)
        self.weight.copy_(weight)
        self.bias.copy_(bias)
        self.pack()

    def forward(self, x: Tensor, add: Tensor | None = None) -> Tensor:
        """[B, in, H, W] -> [B, out, H, W]; `add` [B, out, H, W] may be overwritten, [B, out, 1, 1] is not."""
        if self.packed is not None:
            return _fused_conv(x, self.packed, self.bias, self.padding, self.relu, add)
        y = F.conv2d(x, self.weight, self.bias, padding=self.padding)
        if add is not None:
            y = y + add.to(y.dtype)
        return F.relu(y) if self.relu else y


def _pack(weight: Tensor, padding: int) -> Tensor:
    # The size is a hint for choosing the blocked layout; any batch and board may follow.
    size = [64, weight.shape[1], 9, 9]
    packed: Tensor = torch._C._nn.mkldnn_reorder_conv2d_weight(  # type: ignore[call-arg]
        weight.to_mkldnn(), [padding] * 2, [1, 1], [1, 1], 1, size
    )
    return packed


def _fused_conv(
    x: Tensor, packed: Tensor, bias: Tensor, padding: int, relu: bool, add: Tensor | None
) -> Tensor:
    one, pad = [1, 1], [padding] * 2
    post = "relu" if relu else "none"
    if add is None:
        y: Tensor = torch.ops.mkldnn._convolution_pointwise(
            x, packed, bias, pad, one, one, 1, post, [], ""
        )  # fmt: skip
        return y
    if add.shape[2:] != x.shape[2:]:
        add = (
            add.to(x.dtype)
            .expand(-1, -1, x.shape[2], x.shape[3])
            .contiguous(memory_format=torch.channels_last)
        )
    y = torch.ops.mkldnn._convolution_pointwise_.binary(
        add, x, packed, bias, pad, one, one, 1, "add", 1.0, post if relu else None, [], ""
    )
    return y


@lru_cache(maxsize=8)
def fused_kernels_work(dtype: torch.dtype) -> bool:
    """Whether this machine's torch has oneDNN's fused convolutions for dtype and they agree with plain ones.

    They are torch's internals (made for its own compiler), so they are tried, not trusted.
    """
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 5, 4, 4, generator=generator).contiguous(memory_format=torch.channels_last).to(dtype)
    weight = (torch.randn(8, 5, 3, 3, generator=generator) / 7).to(dtype)
    bias = torch.randn(8, generator=generator).to(dtype)
    add = torch.randn(2, 8, 4, 4, generator=generator).contiguous(memory_format=torch.channels_last).to(dtype)
    try:
        packed = _pack(weight, 1)
        for addend in (None, add):
            plain = F.conv2d(x.float(), weight.float(), bias.float(), padding=1)
            plain = F.relu(plain if addend is None else plain + addend.float())
            fused = _fused_conv(x, packed, bias, 1, True, None if addend is None else addend.clone())
            if not torch.allclose(fused.float(), plain, atol=0.05, rtol=0.05):
                return False
    except (RuntimeError, AttributeError, TypeError):
        return False
    return True


class InferenceNet(nn.Module):
    """The folded copy of a network: observations in, policy logits and expected result out."""

    def __init__(self, network: PolicyValueNet, dtype: torch.dtype, device: torch.device) -> None:
        super().__init__()
        self.dtype = dtype
        net = copy.deepcopy(network).to(device).float().eval().requires_grad_(False)
        net.heads.ownership = net.heads.score = None
        self.packs = device.type == "cpu" and fused_kernels_work(dtype)
        for name, layer in _convolutions(net):
            parent = net.get_submodule(name.rpartition(".")[0])
            setattr(parent, name.rpartition(".")[2], FoldedConv(layer, dtype, self.packs))
        self.net = net

    @torch.no_grad()
    def load(self, network: PolicyValueNet) -> None:
        """Take over the network's weights, in place: graphs and compiled code go on using the same memory."""
        for name, layer in _convolutions(network):
            if name != "heads.ownership":
                folded = self.net.get_submodule(name)
                assert isinstance(folded, FoldedConv)
                folded.load(layer)
        theirs = dict(network.named_parameters())
        for name, parameter in self.net.named_parameters():  # the linear layers, which stay float32
            parameter.copy_(theirs[name])

    def forward(self, obs: Tensor) -> tuple[Tensor, Tensor]:
        """float32 [B, C, H, W] -> policy logits float32 [B, A], value float32 [B] = P(win) - P(loss)."""
        net, heads = self.net, self.net.heads
        x = net.tower(obs.to(self.dtype))  # [B, C, H, W]
        policy, value, _ = heads.policy_and_value(x, heads.value_conv(x))
        chance = value.float().softmax(1)  # [B, 3]
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
