"""The papers' networks: layers as published, symmetry by tied weights, checkpoints, and the calculator."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from tengen.cli import main
from tengen.envs.registry import make_game
from tengen.errors import TengenError
from tengen.networks.checkpoint import load_checkpoint, save_checkpoint
from tengen.networks.describe import describe_network, output_size, receptive_field
from tengen.networks.evaluator import NetworkEvaluator
from tengen.networks.layers.symmetric import SymmetricConv2d, SymmetricLinear, square_symmetries
from tengen.networks.spec import spec_for
from tengen.networks.stack import StackNet, make_network
from tengen.networks.stack_config import StackConfig

GO5 = make_game("go5:features=clark-storkey")


def turned(x: torch.Tensor, symmetry: int) -> torch.Tensor:
    """[..., H, W] with what stood at a place moved to where the symmetry takes it."""
    moved = torch.empty_like(x).flatten(-2)
    moved[..., torch.from_numpy(square_symmetries(x.shape[-1])[symmetry].copy())] = x.flatten(-2)
    return moved.view(x.shape)


def stack(architecture: str, game=GO5, **more) -> StackNet:
    torch.manual_seed(1)
    network = make_network(StackConfig(architecture=architecture, **more), spec_for(game))
    assert isinstance(network, StackNet)
    return network


@pytest.mark.parametrize(("kernel", "weights"), [(1, 1), (3, 3), (5, 6), (7, 10)])
def test_a_symmetric_kernel_has_a_weight_an_orbit(kernel: int, weights: int):
    assert SymmetricConv2d(2, 3, kernel).weight.shape == (3, 2, weights)


@pytest.mark.parametrize("symmetry", range(8))
def test_tied_layers_turn_with_the_board(symmetry: int):
    torch.manual_seed(0)
    x = torch.randn(2, 3, 5, 5)
    conv, full = SymmetricConv2d(3, 4, 5), SymmetricLinear(3, 5)
    torch.nn.init.normal_(full.bias)
    torch.testing.assert_close(conv(turned(x, symmetry)), turned(conv(x), symmetry))
    answer = full(x).view(2, 5, 5)
    torch.testing.assert_close(full(turned(x, symmetry)).view(2, 5, 5), turned(answer, symmetry))


def test_the_whole_of_clark_and_storkey_turns_with_the_board():
    network = stack("clark-storkey", value=False)
    x = torch.randn(1, 8, 5, 5)
    here = network(x).policy[0]
    for symmetry in range(8):
        there = network(turned(x, symmetry)).policy[0]
        torch.testing.assert_close(there[:25].view(5, 5), turned(here[:25].view(5, 5), symmetry))
        torch.testing.assert_close(there[25], here[25])


@pytest.mark.parametrize(
    ("architecture", "features", "convolutions", "parameters"),
    [
        # AlphaGo's: 48 * 25 * 192 + 11 * 192 * 9 * 192 with biases, 192 of the last filter, 361 of places;
        # and 193 for the logit of passing.
        ("alphago-policy", "alphago48", 13, 230_592 + 11 * 331_968 + 192 + 361 + 193),
        ("maddison", "maddison36", 12, 115_328 + 10 * 147_584 + 11 * 128 * 361 + 128 + 361 + 129),
    ],
)
def test_layers_as_published(architecture: str, features: str, convolutions: int, parameters: int):
    network = stack(architecture, make_game(f"go19:features={features}"))
    rows = describe_network(network)
    kernels = [row.kind for row in rows if "Conv2d" in row.kind]
    assert kernels == ["Conv2d 5x5"] + ["Conv2d 3x3"] * (convolutions - 2) + ["Conv2d 1x1"]
    assert network.parameter_count() == parameters == sum(row.parameters for row in rows)


def test_clark_and_storkey_as_published():
    rows = describe_network(stack("clark-storkey", make_game("go19:features=clark-storkey")))
    sizes = [(row.shape[0], row.kind.split()[1]) for row in rows if "Conv2d" in row.kind]
    assert sizes == [(64, "7x7"), *[(64, "5x5")] * 2, *[(48, "5x5")] * 2, *[(32, "5x5")] * 2]


def test_alphagos_value_network_says_nothing_of_moves():
    game = make_game("go5:features=alphago49")
    output = stack("alphago-value", game, channels=8)(torch.randn(3, 49, 5, 5))
    assert output.policy.shape == (3, 26)
    assert not output.policy.any()
    assert output.value.shape == (3, 3)
    assert output.value.std() > 0


@pytest.mark.parametrize("architecture", ["clark-storkey", "maddison", "alphago-value"])
def test_a_checkpoint_comes_back_and_is_evaluated_alike(tmp_path: Path, architecture: str):
    network = stack(architecture, channels=8, convolutions=3, value=True).eval()
    save_checkpoint(tmp_path, network, game=GO5, step=3)
    again, meta = load_checkpoint(tmp_path, GO5)
    assert meta.step == 3
    assert again.config == network.config
    obs = np.random.default_rng(0).random((3, *GO5.obs_shape), np.float32)
    with torch.no_grad():
        expected = network(torch.from_numpy(obs))
    evaluator = NetworkEvaluator(again, device="cpu", precision="float32", threads=1)
    for _ in range(2):
        policy, value = evaluator(obs)
        np.testing.assert_allclose(policy, expected.policy.numpy(), atol=1e-5)
        chance = expected.value.softmax(1).numpy()
        np.testing.assert_allclose(value, chance[:, 0] - chance[:, 2], atol=1e-5)
        weights = {name: tensor.numpy() for name, tensor in network.state_dict().items()}
        evaluator.load_weights(weights, 1)


def test_weights_of_places_serve_their_board_only(tmp_path: Path):
    save_checkpoint(tmp_path, stack("maddison", channels=8, convolutions=2), game=GO5)
    with pytest.raises(TengenError, match="maddison has weights for each place of its board"):
        load_checkpoint(tmp_path, make_game("go7:features=clark-storkey"))
    with pytest.raises(TengenError, match="sees other planes"):
        load_checkpoint(tmp_path, make_game("go5"))
    with pytest.raises(TengenError, match="serves Go only"):
        stack("clark-storkey", make_game("connect4"))


def test_the_calculator_by_hand():
    assert receptive_field([(5, 1), (3, 1), (3, 1)]) == 9
    assert receptive_field([(8, 4), (4, 2), (3, 1)]) == 36  # the network of DQN
    assert [output_size(84, 8, 4), output_size(20, 4, 2), output_size(9, 3)] == [20, 9, 7]
    rows = describe_network(stack("maddison", channels=4, convolutions=2))
    first, second = (row for row in rows if row.kind in ("Conv2d 5x5", "Conv2d 3x3"))
    assert (first.shape, first.parameters) == ((4, 5, 5), 4 * (8 * 25 + 1))
    assert (first.flops, first.receptive_field) == (2 * 8 * 25 * 4 * 25, 5)
    assert second.receptive_field == 5  # the whole board


def test_the_command_shows_the_layers(capsys: pytest.CaptureFixture[str]):
    assert main(["network", "show", "configs/demo.yaml", "--json"]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told["parameters"] == sum(layer["parameters"] for layer in told["layers"])
    assert main(["network", "show", "configs/demo.yaml"]) == 0
    assert f"{told['parameters']:,} parameters" in capsys.readouterr().out
    assert main(["network", "show", "configs/cartpole.yaml"]) == 2
    assert "trains no policy and value" in capsys.readouterr().err
