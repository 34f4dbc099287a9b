"""Networks of action values: published sizes, the heads' arithmetic, what fits together and what does not."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tengen.config import load_config
from tengen.envs.worlds import WorldSpec
from tengen.errors import TengenError
from tengen.networks.q import QNetwork
from tengen.networks.q_config import QNetworkConfig
from tengen.networks.threads import threads
from tengen.networks.torsos import ImpalaStage

PONG = WorldSpec("atari/Pong", 6, (84, 84), np.uint8, 4)
SMALL_SCREEN = WorldSpec("gym/Screen", 3, (36, 36), np.uint8, 2)
MINATAR = WorldSpec("gym/MinAtar/Breakout-v1", 6, (4, 10, 10), np.float32, 1)
CARTPOLE = WorldSpec("gym/CartPole-v1", 2, (4,), np.float32, 1)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Networks this small only wait for a second thread."""
    with threads(1):
        yield


def network(spec: WorldSpec, **config: Any) -> QNetwork:
    torch.manual_seed(0)
    return QNetwork(QNetworkConfig(**config), spec)


def screens(spec: WorldSpec, count: int = 3) -> Tensor:
    shape = (count, spec.stack, *spec.frame_shape)
    generator = torch.Generator().manual_seed(1)
    if np.dtype(spec.frame_dtype) == np.uint8:
        return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
    return torch.randn(shape, generator=generator)


@pytest.mark.parametrize(
    ("spec", "config", "parameters"),
    [
        # 4*32*64+32, 32*64*16+64, 64*64*9+64, 3136*512+512, 512*6+6: the network of Mnih et al. 2015
        (PONG, {}, 8_224 + 32_832 + 36_928 + 1_606_144 + 3_078),
        (PONG._replace(num_actions=18), {}, 1_693_362),
        # 4*16*64+16, 16*32*16+32, 2592*256+256, 256*4+4: Mnih et al. 2013
        (PONG._replace(num_actions=4), {"torso": "mnih2013"}, 4_112 + 8_224 + 663_808 + 1_028),
        # Two streams of 512 with 1 and 6 outputs: Wang et al. 2016
        (PONG, {"dueling": True}, 77_984 + 2 * 1_606_144 + 513 + 3_078),
        # Rainbow: every weight and bias after the convolutions twice, and 51 atoms
        (PONG, {"dueling": True, "noisy": True, "head": "c51"},
         77_984 + 2 * (2 * 1_606_144 + 513 * 51 + 513 * 306)),
        # (592 + 4*2320) + (4640 + 4*9248) + 5*9248, then 11*11*32 features into 256: Espeholt et al. 2018
        (PONG, {"torso": "impala"}, 9_872 + 41_632 + 46_240 + 3872 * 256 + 256 + 257 * 6),
        # 4*16*9+16, 1024*128+128, 128*6+6: Young & Tian 2019
        (MINATAR, {"torso": "minatar"}, 592 + 131_200 + 774),
        (CARTPOLE, {"torso": "mlp", "hidden": (120, 84)}, 600 + 10_164 + 170),
        # iqn adds 64 cosines into 3136 features
        (PONG, {"head": "iqn"}, 1_687_206 + 65 * 3136),
        (PONG, {"head": "qr"}, 1_687_206 - 3_078 + 513 * 1200),
    ],
)  # fmt: skip
def test_published_networks_have_their_number_of_parameters(
    spec: WorldSpec, config: dict[str, Any], parameters: int
) -> None:
    assert network(spec, **config).parameter_count() == parameters


def test_width_multiplies_channels_and_a_final_pool_bounds_the_features() -> None:
    wide = network(PONG, torso="impala", width=2.0, final_pool=6)
    assert [stage.conv.out_channels for stage in wide.torso.stages if isinstance(stage, ImpalaStage)] == [
        32, 64, 64,
    ]  # fmt: skip
    assert wide.torso.features == 64 * 6 * 6
    assert wide(screens(PONG, 1)).shape == (1, 6)


EVERY = [
    {},
    {"torso": "mnih2013", "dueling": True, "normalisation": "layer"},
    {"torso": "impala", "width": 0.25, "spectral_norm": True, "final_pool": 2, "pool": "stochastic"},
    {"torso": "impala", "width": 0.25, "normalisation": "batch", "pool": "l2"},
    {"torso": "minatar", "width": 0.25, "locally_connected": True, "hidden": 8},
    {"locally_connected": True, "dropout": 0.5, "drop_connect": 0.5},
    {"torso": "mlp", "hidden": (16, 16), "head": "iqn", "noisy": True},
    {"head": "c51", "dueling": True, "noisy": True, "hidden": (32, 16)},
    {"head": "qr", "quantiles": 20, "normalisation": "batch", "hidden": 32},
    {"head": "iqn", "dueling": True, "normalisation": "layer", "hidden": 32, "iqn_samples": 5},
]


@pytest.mark.parametrize("config", EVERY, ids=str)
def test_every_weight_of_every_network_learns(config: dict[str, Any]) -> None:
    net = network(SMALL_SCREEN, **config)
    net.resample_noise()
    outputs = net(screens(SMALL_SCREEN, 4))
    assert outputs.shape[:2] == (4, 3)
    outputs.square().sum().backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None and torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().sum() > 0 or "bias" in name, name


@pytest.mark.parametrize("config", EVERY, ids=str)
def test_every_network_runs_in_bfloat16_and_gives_float32_values(config: dict[str, Any]) -> None:
    net = network(SMALL_SCREEN, **config).eval()
    x = screens(SMALL_SCREEN)
    with torch.no_grad():
        exact = net.q_values(x)
        with torch.autocast("cpu", torch.bfloat16):
            near = net.q_values(x)
    assert near.dtype == exact.dtype == torch.float32 and near.shape == (3, 3)
    torch.testing.assert_close(near, exact, atol=0.03, rtol=0.05)


@pytest.mark.parametrize("torso", ["nature", "mnih2013", "impala", "mlp"])
def test_bytes_are_taken_as_0_to_1(torso: str) -> None:
    net = network(SMALL_SCREEN, torso=torso, hidden=(16, 16))
    x = screens(SMALL_SCREEN)
    torch.testing.assert_close(net(x), net(x.float() / 255), atol=1e-5, rtol=1e-4)


def test_a_stack_of_images_with_channels_is_one_image() -> None:
    spec = WorldSpec("gym/Colours", 2, (3, 12, 12), np.uint8, 2)
    net = network(spec, torso="impala", width=0.25, hidden=8)
    assert net.torso.stages[0].conv.in_channels == 6  # type: ignore[union-attr]
    assert net(screens(spec)).shape == (3, 2)


def test_dueling_takes_the_mean_advantage_off() -> None:
    net = network(CARTPOLE, torso="mlp", hidden=(), dueling=True)
    value, advantage = net.head.value, net.head.advantage
    assert value is not None
    with torch.no_grad():
        for stream, weights, bias in ((value, [[1.0, 0, 0, 0]], [5.0]), (advantage, [[0, 1.0, 0, 0], [0, 0, 1.0, 0]], [0.0, 0.0])):  # fmt: skip  # noqa: E501
            stream[0].weight.copy_(torch.tensor(weights))
            stream[0].bias.copy_(torch.tensor(bias))
    # value 2 + 5, advantages 3 and 9 with mean 6
    assert net(torch.tensor([[[2.0, 3.0, 9.0, 4.0]]])).tolist() == [[4.0, 10.0]]


def test_the_values_of_distributions_are_their_means() -> None:
    c51 = network(CARTPOLE, torso="mlp", head="c51", atoms=3, value_min=-1.0, value_max=3.0)
    assert c51.support.tolist() == [-1, 1, 3]
    logits = torch.log(torch.tensor([[[0.25, 0.5, 0.25], [0.0, 0.25, 0.75]]]))
    torch.testing.assert_close(c51.expected(logits), torch.tensor([[1.0, 2.5]]))
    qr = network(CARTPOLE, torso="mlp", head="qr", quantiles=4)
    assert qr.quantile_midpoints.tolist() == [0.125, 0.375, 0.625, 0.875]
    assert qr.expected(torch.tensor([[[1.0, 2.0, 3.0, 6.0], [0.0, 0.0, 0.0, 1.0]]])).tolist() == [[3.0, 0.25]]


def test_quantiles_of_iqn_are_answered_one_by_one() -> None:
    net = network(CARTPOLE, torso="mlp", head="iqn", hidden=(16, 16), iqn_policy_samples=4, iqn_samples=7)
    x, taus = screens(CARTPOLE), torch.rand(3, 5)
    together = net(x, taus)
    assert together.shape == (3, 2, 5)
    for n in range(5):
        torch.testing.assert_close(net(x, taus[:, n : n + 1])[:, :, 0], together[:, :, n])
    assert net(x).shape == (3, 2, 7)
    evenly = torch.tensor([[0.125, 0.375, 0.625, 0.875]]).expand(3, 4)
    torch.testing.assert_close(net.q_values(x), net(x, evenly).mean(2))


def test_a_quantile_enters_by_cosines() -> None:
    embedding = network(CARTPOLE, torso="mlp", head="iqn", hidden=(4, 4), iqn_cosines=3).embedding
    assert embedding is not None
    with torch.no_grad():
        embedding.linear.weight.copy_(torch.tensor([[1.0, 0, 0], [0, 1.0, 0], [0, 0, 1.0], [0, 0, -1.0]]))
        embedding.linear.bias.zero_()
    # cos 0, cos(pi / 3), cos(2 pi / 3) = 1, 1/2, -1/2, and ReLU
    answer = torch.tensor([[[1.0, 0.5, 0.0, 0.5]]])
    torch.testing.assert_close(embedding(torch.tensor([[1 / 3]])), answer, atol=1e-6, rtol=0)


def test_noise_moves_values_until_it_is_removed() -> None:
    net = network(CARTPOLE, torso="mlp", noisy=True)
    x = screens(CARTPOLE)
    calm = net(x)
    net.resample_noise(torch.Generator().manual_seed(1))
    first = net(x)
    net.resample_noise(torch.Generator().manual_seed(2))
    assert not torch.allclose(first, calm) and not torch.allclose(first, net(x))
    net.resample_noise(torch.Generator().manual_seed(1))
    assert torch.equal(net(x), first)
    net.remove_noise()
    assert torch.equal(net(x), calm)


def test_decay_and_bounds_by_configuration() -> None:
    plain = network(CARTPOLE, torso="mlp")
    assert plain.penalty() is None
    plain.constrain()
    held = network(CARTPOLE, torso="mlp", l2=0.5, max_norm=0.25)
    before = held.penalty()
    held.constrain()
    after = held.penalty()
    assert before is not None and after is not None and after < before
    for parameter in held.parameters():
        if parameter.dim() > 1:
            assert parameter.norm(dim=1).max() <= 0.2501


@pytest.mark.parametrize(
    ("spec", "config", "reason"),
    [
        (CARTPOLE, {}, "torso nature sees images, but gym/CartPole-v1 shows vectors of 4 numbers; use mlp"),
        (CARTPOLE, {"torso": "impala"}, "torso impala sees images"),
        (MINATAR, {}, "nature needs images of at least 36x36.*are 10x10; use torso minatar"),
        (MINATAR, {"torso": "mnih2013"}, "at least 20x20"),
        (CARTPOLE._replace(num_actions=0), {"torso": "mlp"}, "has 0 actions"),
    ],
)
def test_a_torso_that_does_not_suit_the_world_says_so(
    spec: WorldSpec, config: dict[str, Any], reason: str
) -> None:
    with pytest.raises(TengenError, match=reason):
        network(spec, **config)


def test_observations_of_another_shape_are_refused() -> None:
    with pytest.raises(TengenError, match=r"have shape \[1, 84, 84\]; this network takes \[B, 4, 84, 84\]"):
        network(PONG)(torch.zeros(1, 84, 84))


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ("value_min: 5.0\nvalue_max: 5.0", "value_min 5.0 is not below value_max 5.0"),
        ("final_pool: 6", "final_pool is for torso impala, not nature"),
        ("pool: l2", "pool is for torso impala"),
        ("torso: mnih2013\nspectral_norm: true", "spectral_norm is for torso impala, not mnih2013"),
        ("torso: impala\nlocally_connected: true", "locally_connected is for torsos nature"),
        ("torso: mlp\nrandom_shift: 4", "random_shift moves images"),
        ("torso: mlp\nwidth: 2", "width is for convolutions"),
        ("noisy: true\ndrop_connect: 0.5", "use one of them"),
        ("torso: mlp\nhead: iqn\nhidden: 64", "at least two hidden layers"),
        ("hidden: []\ndropout: 0.5", "hidden is empty"),
        ("torso: natur", "did you mean nature"),
        ("hidden: many", "'many' is not a whole number or a list"),
    ],
)
def test_what_cannot_stand_together_is_refused_at_load(tmp_path: Any, lines: str, reason: str) -> None:
    file = tmp_path / "net.yaml"
    file.write_text(lines)
    with pytest.raises(TengenError, match=reason):
        load_config(file, QNetworkConfig)


def test_hidden_layers_are_a_number_a_list_or_as_published(tmp_path: Any) -> None:
    file = tmp_path / "net.yaml"
    for text, units in (("null", (512,)), ("64", (64,)), ("[64, 32]", (64, 32))):
        file.write_text(f"hidden: {text}")
        assert load_config(file, QNetworkConfig).hidden_units == units


def test_he_keeps_the_strength_of_the_signal_through_the_torso():
    spec = WorldSpec("atari/Pong", 6, (84, 84), np.uint8, 4)
    torch.manual_seed(0)
    images = torch.randint(0, 256, (8, 4, 84, 84), dtype=torch.uint8)
    strength = {}
    for initial in ("he", "fan_in"):
        network = QNetwork(QNetworkConfig(initial=initial), spec)
        with torch.inference_mode():
            features = network.torso(images)
            strength[initial] = float(features.square().mean()) / float((images / 255).square().mean())
        spread = float(network.head.advantage[-1].weight.detach().std()) * (3 * 512) ** 0.5
        assert spread == pytest.approx(0.1 if initial == "he" else 1.0, rel=0.1)
    assert 0.3 < strength["he"] < 3 and strength["fan_in"] < 0.1


def test_he_draws_the_means_of_noisy_layers_too():
    spec = WorldSpec("atari/Pong", 6, (84, 84), np.uint8, 4)
    hidden, output = QNetwork(QNetworkConfig(noisy=True), spec).head.advantage
    inputs = hidden.linear.in_features
    assert float(hidden.linear.weight.detach().std()) == pytest.approx((2 / inputs) ** 0.5, rel=0.1)
    assert float(output.weight.detach().std()) == pytest.approx(0.1 * (1 / (3 * 512)) ** 0.5, rel=0.1)
    assert float(hidden.linear.weight_sigma.detach().min()) == pytest.approx(0.5 / inputs**0.5)
