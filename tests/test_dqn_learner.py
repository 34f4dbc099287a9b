"""Learners of action values: every sensible combination learns, repeats itself and resumes to the bit."""

import math

import numpy as np
import pytest
import torch

from tengen.agents.dqn import descent
from tengen.agents.dqn.half_adam import HalfAdam
from tengen.agents.dqn.learner import DqnLearner
from tengen.agents.dqn.learner_config import (
    LearnerConfig,
    MunchausenConfig,
    PqnLearnerConfig,
    RmspropConfig,
    check_combination,
)
from tengen.agents.dqn.optimizers import CentredRMSProp, make_optimizer
from tengen.agents.dqn.precision import WorkingCopy
from tengen.agents.dqn.transitions import Batch
from tengen.envs.worlds import WorldSpec
from tengen.errors import TengenError
from tengen.networks.conv_relu import JoinedTorso
from tengen.networks.q import QNetwork
from tengen.networks.q_config import QNetworkConfig

CORRIDOR = WorldSpec("toy/Corridor", 2, (5,), np.float32, 1)  # five places in a row, one-hot
SCREEN = WorldSpec("toy/Screen", 3, (84, 84), np.uint8, 4)
SMALL = {"torso": "mlp", "hidden": (32, 32)}


def corridor(size: int, seed: int, gamma: float = 0.9) -> Batch:
    """Random steps left or right; from the last place to the right is worth 1 and ends it."""
    rng = np.random.default_rng(seed)
    place, action = rng.integers(5, size=size), rng.integers(2, size=size)
    ends = (place == 4) & (action == 1)
    after = np.clip(place + 2 * action - 1, 0, 4)
    one_hot = np.eye(5, dtype=np.float32)
    return Batch(
        observations=one_hot[place][:, None],
        actions=action,
        returns=ends.astype(np.float32),
        discounts=np.where(ends, 0, gamma).astype(np.float32),
        next_observations=one_hot[after][:, None],
        weights=np.ones(size, np.float32),
        indices=np.arange(size),
    )


def screens(size: int, seed: int = 0) -> Batch:
    rng = np.random.default_rng(seed)
    frames = rng.integers(0, 256, (2, size, 4, 84, 84), dtype=np.uint8)
    return Batch(
        observations=frames[0],
        actions=rng.integers(3, size=size),
        returns=rng.normal(size=size).astype(np.float32),
        discounts=np.full(size, 0.99, np.float32),
        next_observations=frames[1],
        weights=np.ones(size, np.float32),
        indices=np.arange(size),
    )


def make(network: dict | None = None, spec: WorldSpec = CORRIDOR, **learner) -> DqnLearner:
    torch.manual_seed(0)
    config = LearnerConfig(**{"learning_rate": 3e-3, "target_period": 20, "threads": 1} | learner)
    return DqnLearner(QNetwork(QNetworkConfig(**(SMALL if network is None else network)), spec), config)


COMBINATIONS = {
    "dqn": ({}, {}),
    "mse": ({}, {"loss": "mse"}),
    "own target": ({}, {"target_period": None}),
    "polyak": ({}, {"target_period": None, "target_polyak": 0.05}),
    "double dueling": ({"dueling": True}, {"double": True}),
    "noisy": ({"noisy": True}, {"double": True}),
    "munchausen": ({}, {"munchausen": MunchausenConfig()}),
    "c51": ({"head": "c51", "value_min": -1.0, "value_max": 2.0}, {}),
    "rainbow": (
        {"head": "c51", "value_min": -1.0, "value_max": 2.0, "noisy": True, "dueling": True},
        {"double": True},
    ),
    "qr": ({"head": "qr", "quantiles": 11}, {}),
    "iqn": ({"head": "iqn", "iqn_samples": 8}, {"double": True}),
    "munchausen qr": ({"head": "qr", "quantiles": 11}, {"munchausen": MunchausenConfig()}),
    "munchausen iqn": ({"head": "iqn", "iqn_samples": 8}, {"munchausen": MunchausenConfig()}),
    "layer norm, adamw": ({"normalisation": "layer"}, {"optimizer": "adamw", "weight_decay": 1e-4}),
    "l2 and max-norm": ({"l2": 1e-5, "max_norm": 4.0}, {}),
}


@pytest.mark.parametrize("name", COMBINATIONS)
def test_every_combination_learns_which_way_to_go(name):
    network, learner = COMBINATIONS[name]
    taught = make(SMALL | network, **learner)
    for update in range(300):
        metrics, priorities = taught.step(corridor(64, update))
    assert priorities.shape == (64,) and priorities.dtype == np.float32 and (priorities >= 0).all()
    assert all(math.isfinite(value) for value in metrics.values())
    taught.network.remove_noise()
    taught.network.eval()
    with torch.no_grad():
        values = taught.network.q_values(torch.eye(5)[:, None])  # [5, 2]
    assert (values[:, 1] > values[:, 0]).all()
    best = torch.tensor([0.9**4, 0.9**3, 0.9**2, 0.9, 1.0])
    # Munchausen adds the log-policy of the right way, which is nearly 0.
    torch.testing.assert_close(values[:, 1], best, atol=0.15, rtol=0)


def test_a_step_is_what_the_equations_say():
    """Squared loss and RMSProp on a linear network, by hand."""
    config = {"torso": "mlp", "hidden": ()}
    rms = RmspropConfig(decay=0.5, epsilon=0.01)
    learner = make(
        config, loss="mse", optimizer="rmsprop", rmsprop=rms, learning_rate=0.1, precision="float32"
    )
    layer = learner.network.head.advantage[-1]
    with torch.no_grad():
        layer.weight.zero_()
        layer.bias.zero_()
    one = Batch(
        observations=np.eye(5, dtype=np.float32)[[2]][:, None],
        actions=np.array([1]),
        returns=np.array([2.0], np.float32),
        discounts=np.array([0.0], np.float32),
        next_observations=np.eye(5, dtype=np.float32)[[3]][:, None],
        weights=np.array([0.5], np.float32),
        indices=np.array([0]),
    )
    metrics, priorities = learner.step(one)
    assert metrics["loss"] == pytest.approx(0.5 * 0.5 * 4.0)
    assert priorities[0] == 2.0
    # gradient -1 (half the importance): mean -0.5, square 0.5, step 0.1 / sqrt(0.5 - 0.25 + 0.01)
    moved = torch.zeros(2, 5)
    moved[1, 2] = 0.1 / math.sqrt(0.26)
    torch.testing.assert_close(layer.weight.detach(), moved)


def test_centred_rmsprop_against_the_published_program():
    """DeepMind's Lua, line by line, with momentum besides."""
    rng = np.random.default_rng(0)
    p = torch.zeros(3, requires_grad=True)
    optimizer = CentredRMSProp([p], lr=0.01, decay=0.95, momentum=0.9, epsilon=0.01)
    g = g2 = delta = place = np.zeros(3)
    for _ in range(20):
        dw = rng.normal(size=3)
        g = 0.95 * g + 0.05 * dw
        g2 = 0.95 * g2 + 0.05 * dw * dw
        delta = 0.9 * delta + 0.01 * dw / np.sqrt(g2 - g * g + 0.01)
        place = place - delta
        p.grad = torch.tensor(dw, dtype=torch.float32)
        optimizer.step()
    np.testing.assert_allclose(p.detach().numpy(), place, rtol=1e-4)


def test_a_gradient_that_never_changes_has_no_variance_and_stays_finite():
    # Its square less the square of its mean is 0 but for rounding, which may lie below an epsilon of 1.5e-7.
    p = torch.nn.Parameter(torch.zeros(1000))
    optimizer = CentredRMSProp([p], lr=6.25e-5, decay=0.95, epsilon=1.5e-7)
    for _ in range(400):
        p.grad = torch.linspace(0.5, 30, 1000)
        optimizer.step()
    assert torch.isfinite(p).all() and (p < 0).all()


@pytest.mark.parametrize("name", ["dqn", "rainbow", "munchausen iqn"])
def test_equal_states_step_to_equal_bits_also_after_a_restart(name):
    network, options = COMBINATIONS[name]
    first, second = make(SMALL | network, **options), make(SMALL | network, **options)
    for update in range(25):
        first.step(corridor(32, update))
        second.step(corridor(32, update))
    resumed = make(SMALL | network, **options)
    resumed.restore(second.tensors(), second.steps)
    for update in range(25, 50):
        metrics, priorities = first.step(corridor(32, update))
        again, their_priorities = resumed.step(corridor(32, update))
        assert metrics == again
        np.testing.assert_array_equal(priorities, their_priorities)
    for key, value in first.tensors().items():
        assert torch.equal(value, resumed.tensors()[key]), key


def test_images_in_half_precision_step_to_equal_bits_after_a_restart():
    first = make({"hidden": 16}, SCREEN, target_period=2)
    for update in range(3):
        first.step(screens(4, update))
    resumed = make({"hidden": 16}, SCREEN, target_period=2)
    resumed.restore(first.tensors(), first.steps)
    for update in range(3, 6):
        first.step(screens(4, update))
        resumed.step(screens(4, update))
    for key, value in first.tensors().items():
        assert torch.equal(value, resumed.tensors()[key]), key


@pytest.mark.parametrize("options", [{}, {"target_period": None, "target_polyak": 0.5}])
def test_a_target_leaves_nothing_out_at_random(options):
    learner = make(SMALL | {"dropout": 0.5}, **options)
    seen = torch.eye(5)[:, None]
    assert torch.equal(learner.target.module.q_values(seen), learner.target.module.q_values(seen))
    assert not torch.equal(learner.network.q_values(seen), learner.network.q_values(seen))


def test_half_precision_is_bfloat16_or_none(monkeypatch):
    # Older GPUs act in float16, in which gradients would vanish.
    monkeypatch.setattr(descent, "choose_precision", lambda wanted, device: torch.float16)
    learner = make({"hidden": 16}, SCREEN)
    assert {p.dtype for p in learner._descent.module.parameters()} == {torch.float32}


def test_the_target_network_follows_by_period_or_share():
    learner = make(target_period=3)
    before = [p.clone() for p in learner.target.network.parameters()]
    for update in range(2):
        learner.step(corridor(8, update))
    assert all(torch.equal(p, q) for p, q in zip(before, learner.target.network.parameters(), strict=True))
    learner.step(corridor(8, 2))
    pairs = zip(learner.network.parameters(), learner.target.network.parameters(), strict=True)
    assert all(torch.equal(p, q) for p, q in pairs)
    drifting = make(target_period=None, target_polyak=0.25)
    start = next(drifting.target.network.parameters()).clone()
    drifting.step(corridor(8, 0))
    wanted = 0.75 * start + 0.25 * next(drifting.network.parameters())
    torch.testing.assert_close(next(drifting.target.network.parameters()), wanted)


def test_a_target_that_the_saved_run_had_not_begins_as_its_network():
    without = make(target_period=None)
    without.step(corridor(8, 0))
    resumed = make(target_period=5)
    resumed.restore(without.tensors(), without.steps)
    assert resumed.target is not None
    for name, value in without.network.state_dict().items():
        assert torch.equal(value, resumed.target.tensors()[name]), name


def test_running_statistics_are_kept_in_full_precision():
    learner = make({"normalisation": "batch", "hidden": 16}, SCREEN)
    metrics, _ = learner.step(screens(4))
    assert math.isfinite(metrics["loss"])
    means = learner.tensors()["network.torso.norms.0.running_mean"]
    assert means.dtype == torch.float32 and means.abs().max() > 0


@pytest.mark.parametrize("network", [{}, {"torso": "impala", "dueling": True, "noisy": True}])
def test_the_copy_in_bfloat16_has_the_gradient_of_the_network(network):
    torch.manual_seed(1)
    exact = QNetwork(QNetworkConfig(**network), SCREEN)
    copy = WorkingCopy(exact, torch.bfloat16, learns=True)
    images = torch.from_numpy(screens(8).observations)
    out = copy.module(images)
    assert copy.is_copy and out.dtype == torch.float32
    out.square().mean().backward()
    copy.push_gradients()
    found = torch.cat([p.grad.flatten() for p in exact.parameters()])
    exact.zero_grad(set_to_none=True)
    exact(images).square().mean().backward()
    wanted = torch.cat([p.grad.flatten() for p in exact.parameters()])
    assert torch.cosine_similarity(found, wanted, dim=0) > 0.99
    assert found.norm().item() == pytest.approx(wanted.norm().item(), rel=0.05)


def test_learning_rate_goes_down_in_a_straight_line():
    learner = make(learning_rate=1e-3, final_learning_rate=0.0)
    rates = [learner.step(corridor(8, 0), progress)[0]["learning_rate"] for progress in (0.0, 0.25, 1.0)]
    assert rates == pytest.approx([1e-3, 7.5e-4, 0.0])


def test_a_loss_that_is_no_number_makes_no_step():
    learner = make()
    weights = learner.weights()
    batch = corridor(8, 0)
    batch.returns[3] = np.nan
    with pytest.raises(TengenError, match=r"the loss became nan at step 1; .*learning_rate below 0\.003"):
        learner.step(batch)
    assert learner.steps == 0
    assert all(np.array_equal(value, learner.weights()[name]) for name, value in weights.items())


@pytest.mark.parametrize(
    ("network", "learner", "reason"),
    [
        ({"head": "c51"}, {"munchausen": MunchausenConfig()}, "munchausen.*support of network.head c51"),
        ({"head": "qr"}, {"loss": "mse"}, "loss mse is for network.head q"),
        ({}, {"kappa": 0.5}, "kappa 0.5 is for network.head qr or iqn, not q"),
    ],
)
def test_learners_refuse_networks_that_they_cannot_teach(network, learner, reason):
    with pytest.raises(TengenError, match=reason):
        make(SMALL | network, **learner)


def test_pqn_wants_expected_values_and_layer_norm():
    check_combination(QNetworkConfig(normalisation="layer"), PqnLearnerConfig())
    with pytest.raises(TengenError, match="normalisation is none; set it to layer"):
        check_combination(QNetworkConfig(), PqnLearnerConfig())
    with pytest.raises(TengenError, match=r"network\.head is qr"):
        check_combination(QNetworkConfig(normalisation="layer", head="qr"), PqnLearnerConfig())


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"double": True, "munchausen": {}}, "use one of them"),
        ({"target_polyak": 0.005}, "set one of them to null"),
        ({"weight_decay": 0.1}, "needs optimizer adamw, not adam"),
    ],
)
def test_learner_settings_that_contradict_each_other(values, reason):
    with pytest.raises(ValueError, match=reason):
        LearnerConfig.model_validate(values)


@pytest.mark.parametrize("kind", ["adam", "adamw", "radam"])
@pytest.mark.parametrize("clip", [0.0, 0.02])
def test_adam_in_one_pass_is_torchs_adam(kind, clip):
    """The same gradients of the same copy, clipped and stepped along by torch and by the kernel."""
    torch.manual_seed(2)
    config = LearnerConfig(optimizer=kind, weight_decay=0.1 if kind == "adamw" else 0.0, learning_rate=1e-2)
    ours, theirs = (QNetwork(QNetworkConfig(hidden=16), SCREEN) for _ in range(2))
    theirs.load_state_dict(ours.state_dict())
    optimizers = [make_optimizer(config, network) for network in (ours, theirs)]
    copy = WorkingCopy(ours, torch.bfloat16, learns=True)
    assert HalfAdam.fits(optimizers[0], copy)
    adam = HalfAdam(optimizers[0], copy, clip)
    for update in range(8):
        copy.forget_gradients()
        copy.module(torch.from_numpy(screens(4, update).observations)).square().mean().backward()
        pairs = zip(copy.module.parameters(), theirs.parameters(), strict=True)
        for half, single in pairs:
            single.grad = half.grad.float().clone()
        norm = torch.nn.utils.clip_grad_norm_(theirs.parameters(), clip or math.inf).item()
        optimizers[1].step()
        assert adam.step() == pytest.approx(norm, rel=1e-4)
    for a, b, half in zip(ours.parameters(), theirs.parameters(), copy.module.parameters(), strict=True):
        torch.testing.assert_close(a, b, atol=1e-6, rtol=1e-4)
        assert torch.equal(half, a.to(half.dtype))  # rounded to the nearest, ties to even


@pytest.mark.parametrize("torso", ["nature", "mnih2013"])
def test_joined_convolutions_are_the_plain_ones(torso):
    torch.manual_seed(3)
    plain = QNetwork(QNetworkConfig(torso=torso), SCREEN).torso.bfloat16()
    if not JoinedTorso.fits(plain, torch.bfloat16):
        pytest.skip("this torch has no joined kernels")
    joined = JoinedTorso(plain)
    images = torch.from_numpy(screens(4).observations)
    found = []
    for torso_ in (plain, joined):
        plain.zero_grad(set_to_none=True)
        features = torso_(images)
        (features.float() * torch.linspace(-1, 1, features.shape[1])).sum().backward()
        found.append([features.detach(), *(p.grad.clone() for p in plain.parameters())])
    for a, b in zip(*found, strict=True):
        assert torch.cosine_similarity(a.float().flatten(), b.float().flatten(), dim=0) > 0.999
