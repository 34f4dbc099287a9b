"""Action values for acting, and their checkpoints: near the network, and checked."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tengen.envs.registry import make_game
from tengen.envs.worlds import WorldSpec
from tengen.errors import TengenError
from tengen.networks.checkpoint import load_checkpoint, save_checkpoint
from tengen.networks.heads import PolicyValueNet
from tengen.networks.packed import PackedConv, PackedLinear, packed_kernels_work
from tengen.networks.q import QNetwork
from tengen.networks.q_checkpoint import load_q_checkpoint, save_q_checkpoint
from tengen.networks.q_config import QNetworkConfig
from tengen.networks.q_evaluator import QEvaluator
from tengen.networks.q_inference import for_inference
from tengen.networks.spec import spec_for
from tengen.networks.threads import threads
from tengen.networks.weights import network_weights
from tests.nets import SMALL

SCREEN = WorldSpec("atari/Pong", 3, (40, 40), np.uint8, 4)
CARTPOLE = WorldSpec("gym/CartPole-v1", 2, (4,), np.float32, 1)
LITTLE = {"torso": "mnih2013", "hidden": 16}


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Networks this small only wait for a second thread."""
    with threads(1):
        yield


def lived_in(spec: WorldSpec, seed: int = 0, **config: Any) -> QNetwork:
    """A network that has trained: statistics, gains and singular vectors are not those of the start."""
    torch.manual_seed(seed)
    net = QNetwork(QNetworkConfig(**config), spec)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.02)
        for _ in range(3):
            net(torch.from_numpy(seen(spec, 8)))
    return net.eval()


def seen(spec: WorldSpec, count: int, seed: int = 0) -> NDArray[Any]:
    rng = np.random.default_rng(seed)
    shape = (count, spec.stack, *spec.frame_shape)
    if np.dtype(spec.frame_dtype) == np.uint8:
        return rng.integers(0, 256, shape, dtype=np.uint8)
    return rng.standard_normal(shape).astype(np.float32)


def values(net: QNetwork, observations: NDArray[Any]) -> NDArray[np.float32]:
    with torch.no_grad():
        return net.q_values(torch.from_numpy(observations)).numpy()


KINDS = [
    (SCREEN, {}),
    (SCREEN, {"torso": "mnih2013", "dueling": True, "hidden": (24, 16), "normalisation": "batch"}),
    (SCREEN, {"normalisation": "layer", "head": "qr", "quantiles": 20}),
    (SCREEN, {"torso": "impala", "width": 0.25, "normalisation": "batch", "final_pool": 3}),
    (SCREEN, {"torso": "impala", "width": 0.25, "spectral_norm": True, "pool": "average"}),
    (
        SCREEN,
        {"torso": "impala", "width": 0.25, "normalisation": "layer", "pool": "stochastic", "hidden": 16},
    ),
    (SCREEN, {"torso": "minatar", "locally_connected": True, "width": 0.25, "hidden": 16}),
    (SCREEN, {"head": "c51", "noisy": True, "dueling": True, "normalisation": "batch"}),
    (SCREEN, {"head": "iqn", "dropout": 0.3, "drop_connect": 0.3}),
    (SCREEN._replace(frame_shape=(3, 37, 41), stack=1), {}),
    (SCREEN._replace(frame_dtype=np.float32), {}),
    (CARTPOLE, {"torso": "mlp", "hidden": (64, 300)}),
]


@pytest.mark.parametrize(("spec", "config"), KINDS, ids=str)
def test_an_evaluator_agrees_with_its_network(spec: WorldSpec, config: dict[str, Any]) -> None:
    net = lived_in(spec, **config)
    batch = seen(spec, 5)
    exact = values(net, batch)
    spread = max(1.0, float(np.abs(exact).max()))
    for precision, error in (("float32", 1e-4), ("bfloat16", 0.03)):
        evaluator = QEvaluator(net, device="cpu", precision=precision)
        for count in (5, 1):
            answer = evaluator(batch[:count])
            assert answer.dtype == np.float32 and answer.shape == (count, spec.num_actions)
            np.testing.assert_allclose(answer, exact[:count], atol=error * spread)


@pytest.mark.parametrize(("spec", "config"), KINDS, ids=str)
def test_plain_kernels_agree_where_there_are_no_packed_ones(
    spec: WorldSpec, config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tengen.networks.q_inference.packed_kernels_work", lambda dtype: False)
    net = lived_in(spec, **config)
    exact = values(net, seen(spec, 3))
    answer = QEvaluator(net, device="cpu", precision="float32")(seen(spec, 3))
    np.testing.assert_allclose(answer, exact, atol=1e-4 * max(1.0, float(np.abs(exact).max())))


def test_building_an_evaluator_leaves_the_network_as_it_was() -> None:
    net = lived_in(SCREEN, torso="impala", width=0.25, spectral_norm=True, normalisation="layer").train()
    before = network_weights(net)
    inner = for_inference(net, torch.float32, torch.device("cpu"))
    assert all(module.training for module in net.modules())
    assert all(parameter.requires_grad for parameter in net.parameters())
    for name, array in network_weights(net).items():
        np.testing.assert_array_equal(array, before[name])
    assert not any(module.training for module in inner.modules())


def test_new_weights_are_taken_over_with_their_version() -> None:
    one, other = lived_in(SCREEN, 1, **LITTLE), lived_in(SCREEN, 2, **LITTLE)
    evaluator = QEvaluator(one, device="cpu", precision="float32", version=3)
    weights = network_weights(other)
    for array in weights.values():
        array.flags.writeable = False
    evaluator.load_weights(weights, 4)
    assert evaluator.version == 4
    np.testing.assert_allclose(evaluator(seen(SCREEN, 2)), values(other, seen(SCREEN, 2)), atol=1e-5)
    with pytest.raises(TengenError, match=r"\[32, 288\]; this network's is \[16, 288\]"):
        evaluator.load_weights(network_weights(lived_in(SCREEN, torso="mnih2013", hidden=32)), 5)
    assert evaluator.version == 4
    np.testing.assert_allclose(evaluator(seen(SCREEN, 2)), values(other, seen(SCREEN, 2)), atol=1e-5)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_training_on_does_not_change_an_evaluator(precision: str) -> None:
    net = lived_in(SCREEN, **LITTLE)
    evaluator = QEvaluator(net, device="cpu", precision=precision)
    before = evaluator(seen(SCREEN, 2))
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.mul_(2)
    np.testing.assert_array_equal(evaluator(seen(SCREEN, 2)), before)


@pytest.mark.parametrize(
    "config",
    [{"head": "c51", "noisy": True}, {"noisy": True, "dueling": True}, {"head": "qr", "quantiles": 32}],
)
def test_a_small_lead_of_an_action_survives_half_precision(config: dict[str, Any]) -> None:
    """Two actions of values near 8, which bfloat16 would round to multiples of 1/32, are 1/200 apart."""
    net = QNetwork(QNetworkConfig(**(LITTLE | config)), SCREEN).eval()
    with torch.no_grad():
        for name, parameter in net.head.named_parameters():
            if name.startswith(("advantage.1.", "value.1.")):
                parameter.zero_()
        bias = net.head.advantage[-1].bias.view(3, -1)
        if net.config.head == "c51":  # a little more mass on the highest atom
            bias[:, -1] = torch.tensor([7.0, 7.005, 6.0])
        else:
            (net.head.advantage if net.head.value is None else net.head.value)[-1].bias.add_(8.0)
            bias += torch.tensor([[0.0], [0.005], [-1.0]])
    observations = seen(SCREEN, 2)
    values = QEvaluator(net, precision="bfloat16")(observations)
    assert (values[:, 1] - values[:, 0] > 0.001).all()


def test_noise_is_off_unless_asked_for() -> None:
    net = lived_in(CARTPOLE, torso="mlp", noisy=True)
    calm = values(net, seen(CARTPOLE, 4))
    net.resample_noise()
    steady = QEvaluator(net, device="cpu", precision="float32")
    np.testing.assert_allclose(steady(seen(CARTPOLE, 4)), calm, atol=1e-5)
    restless = QEvaluator(net, device="cpu", precision="float32", noisy=True)
    restless.seed_noise(3)
    answers = [restless(seen(CARTPOLE, 4)) for _ in range(300)]
    assert not np.allclose(answers[0], answers[1])
    restless.seed_noise(3)
    np.testing.assert_array_equal(restless(seen(CARTPOLE, 4)), answers[0])
    noisy = for_inference(net, torch.float32, torch.device("cpu"))  # keeps the noise that there is
    np.testing.assert_allclose(values(noisy, seen(CARTPOLE, 4)), values(net, seen(CARTPOLE, 4)), atol=1e-5)


def test_observations_may_be_read_only_and_out_of_order() -> None:
    evaluator = QEvaluator(lived_in(SCREEN, **LITTLE), device="cpu", precision="float32")
    batch = seen(SCREEN, 3)
    answer = evaluator(batch)
    turned = np.asfortranarray(batch)
    turned.flags.writeable = False
    np.testing.assert_array_equal(evaluator(turned), answer)
    kept = answer.copy()
    evaluator(seen(SCREEN, 3, seed=9))
    np.testing.assert_array_equal(answer, kept)


def test_other_observations_are_refused() -> None:
    evaluator = QEvaluator(lived_in(SCREEN, **LITTLE), device="cpu")
    with pytest.raises(
        TengenError, match=r"have shape \[2, 3, 40, 40\]; this network takes \[B, 4, 40, 40\]"
    ):
        evaluator(seen(SCREEN, 2)[:, :3])
    with pytest.raises(TengenError, match=r"observations are float64; atari/Pong shows bytes \(uint8\)"):
        evaluator(seen(SCREEN, 2) / 255)


def test_packed_layers_are_tried_before_they_are_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(self: PackedLinear, x: torch.Tensor) -> torch.Tensor:
        return torch.zeros(len(x), 24)

    packed_kernels_work.cache_clear()
    monkeypatch.setattr(PackedLinear, "forward", wrong)
    assert not packed_kernels_work(torch.float32)
    monkeypatch.undo()
    packed_kernels_work.cache_clear()
    plain = PackedConv(torch.ones(1, 1, 2, 2), torch.zeros(1), dtype=torch.float32, relu=True, packed=False)
    assert plain(torch.ones(1, 1, 2, 2)).item() == 4


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize(("spec", "config"), [KINDS[1], KINDS[-1]], ids=["batch norm", "mlp"])
def test_what_was_saved_comes_back(
    precision: str, spec: WorldSpec, config: dict[str, Any], tmp_path: Path
) -> None:
    net = lived_in(spec, **config)
    save_q_checkpoint(tmp_path, net, step=7, extra={"score": 20.5}, precision=precision)
    again, meta = load_q_checkpoint(tmp_path, spec)
    assert (meta.step, meta.extra, again.config) == (7, {"score": 20.5}, net.config)
    assert not again.training
    error = 0 if precision == "float32" else 2**-7
    for name, array in network_weights(net).items():
        np.testing.assert_allclose(network_weights(again)[name], array, rtol=error, atol=error * 1e-2)


def test_half_precision_halves_the_file(tmp_path: Path) -> None:
    net = lived_in(SCREEN, **LITTLE)
    for precision in ("float32", "bfloat16"):
        save_q_checkpoint(tmp_path / precision, net, precision=precision)
    full, half = (
        (tmp_path / name / "weights.safetensors").stat().st_size for name in ("float32", "bfloat16")
    )
    assert half < 0.55 * full
    with pytest.raises(TengenError, match="unknown precision 'int8' of a checkpoint"):
        save_q_checkpoint(tmp_path, net, precision="int8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A sound checkpoint."""
    save_q_checkpoint(tmp_path / "pong", lived_in(SCREEN, **LITTLE))
    return tmp_path / "pong"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"name": "atari/Breakout"}, "is for atari/Pong and cannot play atari/Breakout"),
        ({"num_actions": 6}, "with actions 3; this one's are 6"),
        ({"frame_shape": (84, 84)}, r"with frames of shape \[40, 40\]; this one's are \[84, 84\]"),
        ({"frame_dtype": np.float32}, "with frames of type uint8; this one's are float32"),
        ({"stack": 1}, "with stacked frames 4; this one's are 1"),
    ],
)
def test_a_checkpoint_of_another_world_says_so(folder: Path, change: dict[str, Any], reason: str) -> None:
    with pytest.raises(TengenError, match=reason):
        load_q_checkpoint(folder, SCREEN._replace(**change))


def test_checkpoints_of_board_games_and_worlds_are_told_apart(folder: Path, tmp_path: Path) -> None:
    go = make_game("go5")
    save_checkpoint(tmp_path / "go", PolicyValueNet(SMALL, spec_for(go)), game=go)
    with pytest.raises(TengenError, match="for the board game go5, not action values; play it as mcts:"):
        load_q_checkpoint(tmp_path / "go", SCREEN)
    with pytest.raises(TengenError, match=r"holds action values for atari/Pong, not a board game's.*dqn:"):
        load_checkpoint(folder, go)


def _with(folder: Path, **changes: Any) -> None:
    state = json.loads((folder / "state.json").read_text())
    (folder / "state.json").write_text(json.dumps(state | changes))


def test_damage_is_named(folder: Path) -> None:
    weights, state = folder / "weights.safetensors", folder / "state.json"
    whole, described = weights.read_bytes(), json.loads(state.read_text())
    weights.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(TengenError, match="is truncated or not safetensors"):
        load_q_checkpoint(folder)
    weights.write_bytes(whole)
    _with(folder, config=described["config"] | {"hidden": 17})
    with pytest.raises(TengenError, match=r"'head.*' is .*, but its network needs"):
        load_q_checkpoint(folder)
    _with(folder, config=described["config"] | {"torso": "natur"})
    with pytest.raises(TengenError, match=r"state.json: config: torso: 'natur' is not one of.*nature"):
        load_q_checkpoint(folder)
    _with(folder, config=described["config"], spec=described["spec"] | {"frame_shape": [100_000, 100_000]})
    with pytest.raises(TengenError, match="are no world's; the checkpoint is damaged"):
        load_q_checkpoint(folder)
    _with(folder, spec=described["spec"] | {"stack": "four"})
    with pytest.raises(TengenError, match="holds values of the wrong kind"):
        load_q_checkpoint(folder)
    state.write_text(json.dumps({"format": 1, "world": "atari/Pong"}))
    with pytest.raises(TengenError, match="lacks 'spec'; the checkpoint is damaged"):
        load_q_checkpoint(folder)
