"""The blocks of networks of action values, against answers worked out by hand."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from tengen.networks.layers.augment import random_shift
from tengen.networks.layers.decay import decay_groups, elastic_net, limit_norms
from tengen.networks.layers.dropping import DropConnectLinear
from tengen.networks.layers.local import LocallyConnected2d
from tengen.networks.layers.noisy import NoisyLinear
from tengen.networks.layers.normal import make_norm
from tengen.networks.layers.patches import PixelConv2d, patch_weight, patches
from tengen.networks.layers.pooling import StochasticPool2d, make_pool


def image(*rows: list[float]) -> Tensor:
    """One example, one channel."""
    return torch.tensor(rows)[None, None]


SQUARE = image([1.0, 2.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [3.0, 4.0, 2.0, 2.0], [0.0, 0.0, 2.0, 2.0])


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        ("max", [[2, 0], [4, 2]]),
        ("average", [[1, 0], [7 / 4, 2]]),
        ("l2", [[math.sqrt(6), 0], [5, 4]]),
        # In evaluation sum a^2 / sum a: (1 + 4 + 1) / 4, (9 + 16) / 7.
        ("stochastic", [[6 / 4, 0], [25 / 7, 2]]),
    ],
)
def test_pooling_of_two_by_two_windows(kind: str, answer: list[list[float]]) -> None:
    pool = make_pool(kind, 2, 2).eval()  # type: ignore[arg-type]
    torch.testing.assert_close(pool(SQUARE), image(*answer), atol=2e-6, rtol=1e-5, check_dtype=False)


def test_padding_counts_in_no_pooling() -> None:
    ones = torch.ones(1, 1, 3, 3)
    for kind in ("max", "average", "stochastic"):
        pool = make_pool(kind, 3, 2, 1).eval()
        assert torch.equal(pool(ones), torch.ones(1, 1, 2, 2)), kind
    assert make_pool("l2", 3, 2, 1)(ones)[0, 0, 0, 0] == pytest.approx(2)  # four ones and five of padding


def test_stochastic_pooling_draws_in_proportion() -> None:
    torch.manual_seed(0)
    windows = image([1.0, 3.0], [0.0, -5.0]).expand(4000, 1, 2, 2)
    drawn = StochasticPool2d(2, 2).train()(windows).flatten()
    assert set(drawn.tolist()) == {1.0, 3.0}
    assert (drawn == 3).float().mean().item() == pytest.approx(0.75, abs=0.03)


def test_stochastic_pooling_learns_at_the_drawn_place_only() -> None:
    torch.manual_seed(0)
    x = SQUARE.clone().requires_grad_()
    StochasticPool2d(2, 2).train()(x).sum().backward()
    assert x.grad is not None
    assert set(x.grad.flatten().tolist()) <= {0.0, 1.0}
    assert x.grad[0, 0, 2:, :2].sum() == 1


def test_l2_pooling_has_a_gradient_where_all_is_zero() -> None:
    x = torch.zeros(1, 1, 2, 2, requires_grad=True)
    make_pool("l2", 2, 2)(x).sum().backward()
    assert x.grad is not None and torch.equal(x.grad, torch.zeros(1, 1, 2, 2))


def test_noise_enters_as_the_paper_says() -> None:
    layer = NoisyLinear(4, 1)
    with torch.no_grad():
        for parameter, value in zip(layer.parameters(), (1.0, 10.0, 0.5, 2.0), strict=True):
            parameter.fill_(value)
    x = torch.tensor([[1.0, 1.0, 0.0, 0.0]])
    assert layer(x).item() == 12  # no noise yet
    layer.noise_in.copy_(torch.tensor([2.0, -1.0, 9.0, 9.0]))
    layer.noise_out.copy_(torch.tensor([3.0]))
    # weights 1 + 0.5 * 3 * (2, -1), bias 10 + 2 * 3
    assert layer(x).item() == pytest.approx(1 + 3 + 1 - 1.5 + 10 + 6)
    weight, bias = layer.noisy_weight()
    torch.testing.assert_close(F.linear(x, weight, bias), layer(x))
    layer.remove_noise()
    assert layer(x).item() == 12


def test_noise_begins_as_published() -> None:
    layer = NoisyLinear(100, 50, sigma0=0.5)
    assert torch.all(layer.weight_sigma == 0.05) and torch.all(layer.bias_sigma == 0.05)
    assert layer.weight.abs().max() <= 0.1
    assert "noise_in" not in layer.state_dict()


def test_noise_is_signed_roots_of_gaussians_and_comes_from_the_seed() -> None:
    one, other = NoisyLinear(20_000, 2), NoisyLinear(20_000, 2)
    one.resample_noise(torch.Generator().manual_seed(5))
    other.resample_noise(torch.Generator().manual_seed(5))
    assert torch.equal(one.noise_in, other.noise_in)
    # E f(e)^2 = E |e| = sqrt(2 / pi)
    assert one.noise_in.square().mean().item() == pytest.approx(math.sqrt(2 / math.pi), abs=0.02)
    assert one.noise_in.mean().item() == pytest.approx(0, abs=0.03)


def test_drop_connect_leaves_out_weights_and_keeps_the_mean() -> None:
    torch.manual_seed(0)
    layer = DropConnectLinear(4, 20_000, 0.25)
    with torch.no_grad():
        layer.weight.fill_(3.0)
        layer.bias.zero_()
    one = torch.tensor([[1.0, 0.0, 0.0, 0.0]])
    seen = layer.train()(one)
    assert set(seen.flatten().tolist()) == {0.0, 4.0}  # 3 / (1 - 0.25), or nothing
    assert seen.mean().item() == pytest.approx(3, abs=0.06)
    assert torch.all(layer.eval()(one) == 3)


def test_layer_norm_of_an_image_covers_channels_and_places() -> None:
    norm = make_norm("layer", 2, is_image=True)
    x = torch.tensor([[[[1.0, 1.0]], [[3.0, 3.0]]]])  # mean 2, deviation 1
    torch.testing.assert_close(norm(x), torch.tensor([[[[-1.0, -1.0]], [[1.0, 1.0]]]]), atol=1e-4, rtol=0)
    assert sum(parameter.numel() for parameter in norm.parameters()) == 4  # gain and bias of each channel


def test_layer_norm_does_not_look_at_other_examples_and_batch_norm_does() -> None:
    x = torch.randn(4, 3, 5, 5)
    changed = x.clone()
    changed[1:] += 7
    for kind, same in (("layer", True), ("batch", False)):
        norm = make_norm(kind, 3, is_image=True)  # type: ignore[arg-type]
        assert torch.allclose(norm(x)[0], norm(changed)[0], atol=1e-5) is same


def test_a_locally_connected_layer_with_equal_weights_is_a_convolution() -> None:
    torch.manual_seed(0)
    layer = LocallyConnected2d(2, 3, (5, 6), kernel=3, stride=2)
    kernel, bias = torch.randn(3, 2, 3, 3), torch.randn(3)
    with torch.no_grad():
        layer.weight.copy_(kernel.flatten(1).T.expand_as(layer.weight))
        layer.bias.copy_(bias.expand_as(layer.bias))
    x = torch.randn(4, 2, 5, 6)
    torch.testing.assert_close(layer(x), F.conv2d(x, kernel, bias, 2))


def test_a_locally_connected_layer_has_weights_of_its_own_at_every_place() -> None:
    layer = LocallyConnected2d(1, 1, (1, 3), kernel=1)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([2.0, 3.0, 5.0])[:, None, None])
        layer.bias.zero_()
    assert layer(torch.ones(1, 1, 1, 3)).flatten().tolist() == [2, 3, 5]


def test_elastic_net_of_a_small_layer() -> None:
    layer = nn.Linear(2, 1)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[3.0, -4.0]]))
        layer.bias.fill_(100.0)  # biases do not decay
    assert elastic_net(layer, 0.1, 0.0).item() == pytest.approx(0.7)
    assert elastic_net(layer, 0.0, 0.2).item() == pytest.approx(0.1 * 25)
    both = elastic_net(layer, 0.1, 0.2)
    assert both.item() == pytest.approx(3.2)
    both.backward()
    torch.testing.assert_close(layer.weight.grad, torch.tensor([[0.1 + 0.6, -0.1 - 0.8]]))
    assert layer.bias.grad is None


def test_max_norm_shortens_long_weights_only() -> None:
    layer = nn.Linear(2, 2)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[3.0, 4.0], [0.3, 0.4]]))
    limit_norms(layer, 1.0)
    torch.testing.assert_close(layer.weight.detach(), torch.tensor([[0.6, 0.8], [0.3, 0.4]]))


def test_max_norm_is_of_each_unit_also_without_shared_weights() -> None:
    local, shared = LocallyConnected2d(1, 2, (2, 3), kernel=2), nn.Conv2d(1, 2, 2)
    with torch.no_grad():
        local.weight.copy_(torch.tensor([[3.0, 0.1], [4.0, 0.1], [0.0, 0.1], [0.0, 0.1]]).expand(2, 4, 2))
        shared.weight.copy_(local.weight[0].T.view(2, 1, 2, 2))
    limit_norms(nn.Sequential(local, shared), 2.0)
    for weight in (*local.weight.detach(), shared.weight.detach().flatten(1).T):
        torch.testing.assert_close(weight.T, torch.tensor([[1.2, 1.6, 0.0, 0.0], [0.1, 0.1, 0.1, 0.1]]))


def test_learned_noise_does_not_decay() -> None:
    layer = NoisyLinear(3, 2)
    elastic_net(layer, 0.1, 0.1).backward()  # type: ignore[no-untyped-call]
    assert layer.weight.grad is not None and layer.weight_sigma.grad is None


def test_biases_and_gains_are_in_the_group_without_decay() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.GroupNorm(1, 2), nn.Flatten(), nn.Linear(2, 1))
    with_decay, without = decay_groups(net, 0.01)
    assert with_decay["weight_decay"] == 0.01 and without["weight_decay"] == 0
    assert [p.dim() for p in with_decay["params"]] == [4, 2]  # type: ignore[attr-defined]
    assert len(without["params"]) == 4  # type: ignore[arg-type]


@settings(max_examples=30, deadline=None)
@given(pad=st.integers(1, 5), seed=st.integers(0, 2**31), dtype=st.sampled_from([torch.uint8, torch.float32]))
def test_a_random_shift_is_a_crop_of_the_edge_padded_image(pad: int, seed: int, dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randint(0, 256, (3, 2, 6, 7), generator=generator).to(dtype)
    moved = random_shift(x, pad, generator)
    assert moved.dtype == dtype
    padded = F.pad(x.float(), [pad] * 4, mode="replicate")
    for ours, whole in zip(moved.float(), padded, strict=True):
        crops = whole.unfold(1, 6, 1).unfold(2, 7, 1).flatten(1, 2)  # [C, crops, 6, 7]
        assert (crops == ours[:, None]).flatten(2).all(2).all(0).any()


def test_a_random_shift_reaches_every_place_and_leaves_images_alone_at_0() -> None:
    x = torch.arange(49.0).view(1, 1, 7, 7).expand(2000, 1, 7, 7)
    centres = random_shift(x, 1, torch.Generator().manual_seed(0))[:, 0, 3, 3]
    assert sorted(set(centres.tolist())) == [16, 17, 18, 23, 24, 25, 30, 31, 32]
    assert random_shift(x, 0) is x


@pytest.mark.parametrize(
    ("size", "kernel", "stride"), [(84, 8, 4), (12, 4, 2), (15, 6, 3), (20, 8, 4), (10, 3, 1)]
)
def test_a_convolution_in_patches_is_that_of_the_whole_image(size: int, kernel: int, stride: int) -> None:
    conv = PixelConv2d(4, 5, kernel, stride)
    x = torch.randint(0, 256, (3, 4, size, size), dtype=torch.uint8)
    plain = F.conv2d(x.float() / 255, conv.weight, conv.bias, stride)
    torch.testing.assert_close(conv(x), plain, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(conv(x.float() / 255), plain, atol=1e-5, rtol=1e-5)


def test_a_patch_is_in_the_order_channel_row_column() -> None:
    x = torch.arange(2 * 8 * 8, dtype=torch.uint8).view(1, 2, 8, 8)
    cut = patches(x, 4)
    assert cut.shape == (1, 32, 2, 2)
    assert cut[0, :, 1, 0].tolist() == x[0, :, 4:, :4].flatten().tolist()
    assert torch.equal(patches(x.float(), 4), cut.float())  # the way without the kernel for bytes
    weight = torch.randn(1, 2, 4, 4)
    assert torch.equal(patch_weight(weight, 4).flatten(), weight.flatten())


def test_a_convolution_of_bytes_has_the_gradient_of_the_whole_image() -> None:
    conv = PixelConv2d(2, 3, 4, 2)
    x = torch.randint(0, 256, (2, 2, 8, 8), dtype=torch.uint8)
    conv(x).square().sum().backward()
    ours = conv.weight.grad
    conv.weight.grad = None
    F.conv2d(x.float() / 255, conv.weight, conv.bias, 2).square().sum().backward()
    torch.testing.assert_close(ours, conv.weight.grad)


def test_bytes_lose_nothing_in_bfloat16() -> None:
    every = torch.arange(256, dtype=torch.uint8)
    assert np.array_equal(every.to(torch.bfloat16).float().numpy(), np.arange(256, dtype=np.float32))
