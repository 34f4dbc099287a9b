"""One network starts from another: of another board, other planes, another size; frozen and slower layers."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tengen.cli import main
from tengen.config import load_config
from tengen.envs.registry import make_game
from tengen.errors import TengenError
from tengen.metrics import read_metrics
from tengen.networks.checkpoint import load_checkpoint, save_checkpoint
from tengen.networks.heads import BoardNetwork
from tengen.networks.layer_rates import FrozenNorm, lower_layers, set_rates
from tengen.networks.spec import NetworkConfig, spec_for
from tengen.networks.stack import make_network
from tengen.networks.stack_config import StackConfig
from tengen.networks.transfer import rows_there, take_over
from tengen.rundir import RunDir
from tengen.selfplay.config import LearnerConfig, TrainConfig
from tengen.selfplay.init_config import InitConfig
from tengen.selfplay.learner import Learner
from tengen.selfplay.replay import Batch
from tengen.selfplay.start import start_from
from tests.nets import lived_in, observations

SMALL = NetworkConfig(blocks=1, channels=8, head_channels=4, value_hidden=8)


def saved(tmp_path: Path, game: str, config: NetworkConfig | StackConfig = SMALL, seed: int = 1) -> Path:
    torch.manual_seed(seed)
    network = make_network(config, spec_for(make_game(game)))
    with torch.no_grad():
        for tensor in network.state_dict().values():
            if tensor.is_floating_point():
                tensor.add_(0.1 * torch.rand_like(tensor))
    save_checkpoint(tmp_path / "source", network, game=make_game(game), step=7)
    return tmp_path / "source"


def started(
    game: str, path: Path, config: NetworkConfig | StackConfig = SMALL
) -> tuple[BoardNetwork, list[str]]:
    torch.manual_seed(99)
    network = make_network(config, spec_for(make_game(game)))
    return network, take_over(network, make_game(game).planes, path).lines


def test_a_tower_takes_all_its_weights_to_a_larger_board(tmp_path: Path):
    network, lines = started("go9", saved(tmp_path, "go5"))
    assert lines == []
    source, _ = load_checkpoint(tmp_path / "source")
    for name, tensor in network.state_dict().items():
        torch.testing.assert_close(tensor, source.state_dict()[name], rtol=0, atol=0)


def test_rows_keep_their_distance_from_the_nearer_edge():
    assert rows_there(9, 5) == [0, 1, 2, 2, 2, 2, 2, 3, 4]
    assert rows_there(5, 9) == [0, 1, 4, 7, 8] or rows_there(5, 9) == [0, 1, 2, 7, 8]
    assert rows_there(7, 7) == list(range(7))


def test_biases_of_places_are_laid_by_their_distance_from_the_edge(tmp_path: Path):
    maddison = StackConfig(architecture="maddison", channels=4, convolutions=2)
    path = saved(tmp_path, "go5", maddison)
    network, lines = started("go9", path, maddison)
    there, here = load_checkpoint(path)[0].state_dict()["body.1.bias"], network.state_dict()["body.1.bias"]
    for row, column, at_row, at_column in ((0, 0, 0, 0), (0, 4, 0, 2), (8, 7, 4, 3), (3, 5, 2, 2)):
        torch.testing.assert_close(here[:, row, column], there[:, at_row, at_column])
    assert "body.1: taken over: laid onto the other board" in lines
    assert not any("begins anew" in line for line in lines)


def test_a_tied_layer_and_a_value_head_reach_the_other_board(tmp_path: Path):
    tied = StackConfig(architecture="clark-storkey", channels=4, convolutions=2, value=True)
    same, lines = started("go5", saved(tmp_path, "go5", tied), tied)
    source, _ = load_checkpoint(tmp_path / "source")
    obs = torch.rand(3, *spec_for(make_game("go5")).obs_shape)
    torch.testing.assert_close(same.eval()(obs).policy, source(obs).policy)
    assert lines == []
    larger, lines = started("go9", tmp_path / "source", tied)
    assert {line.partition(":")[0] for line in lines} == {"policy", "value.hidden.weight"}
    own, old = larger.policy.full, source.policy.full
    corner_to_next = own.weight[:, own.pair[0, 1]]  # out: the corner, in: the point beside it
    torch.testing.assert_close(corner_to_next, old.weight[:, old.pair[0, 1]])
    assert (own.weight[:, own.pair[0, 80]] == 0).all()  # further than the small board goes
    row, ones = larger.value.hidden.weight.sum(1), source.value.hidden.weight.sum(1)
    assert row.shape == ones.shape


def test_planes_are_taken_by_name_and_new_ones_change_nothing_at_first(tmp_path: Path):
    from tests.nets import Shapes

    few, more = Shapes(), Shapes(planes=("ones", "ladders", "own", "other"))
    network = lived_in(few)
    save_checkpoint(tmp_path / "source", network, game=few)
    wider = make_network(network.config, spec_for(more))
    lines = take_over(wider, more.planes, tmp_path / "source").lines
    assert lines == [
        "tower.stem.conv: taken over: 3 of 4 planes by name, the others from zero; "
        "0 of 3 there are not seen here"
    ]
    seen = torch.from_numpy(np.ascontiguousarray(observations(few, 4)))
    order = [few.planes.index(plane) if plane in few.planes else 0 for plane in more.planes]
    torch.testing.assert_close(wider.eval()(seen[:, order]).policy, network(seen).policy)


def test_what_does_not_fit_is_listed_a_part_a_line(tmp_path: Path):
    path = saved(tmp_path, "go5", NetworkConfig(blocks=2, channels=8, head_channels=4, value_hidden=8))
    _, lines = started("checkers", path, NetworkConfig(blocks=3, channels=8, head_channels=4, value_hidden=8))
    assert "tower.blocks.2: begins anew, the source has none" in lines
    assert "tower.stem.conv: begins anew: sees none of the planes there" in lines
    assert any(line.startswith("heads.policy_maps: begins anew: 1x4x1x1 there") for line in lines)
    assert "heads.ownership: left behind, this network has none" in lines


def test_a_source_without_a_layer_that_fits_is_refused(tmp_path: Path):
    path = saved(tmp_path, "go5", StackConfig(architecture="maddison", channels=4, convolutions=2))
    with pytest.raises(TengenError, match=r"no layer of .* fits this network"):
        started("go5", path)
    with pytest.raises(TengenError, match="there is no such checkpoint"):
        started("go5", tmp_path / "nothing")


# --- rates ------------------------------------------------------------------------------------------------


def batch(network: BoardNetwork, size: int = 6) -> Batch:
    rng = np.random.default_rng(3)
    policy = np.eye(network.spec.num_actions, dtype=np.float32)[
        rng.integers(network.spec.num_actions, size=size)
    ]
    points = network.spec.height * network.spec.width
    return Batch(
        rng.random((size, *network.spec.obs_shape), np.float32),
        policy,
        np.eye(3, dtype=np.float32)[rng.integers(3, size=size)],
        np.zeros((size, points), np.float32),
        np.zeros(size, np.float32),
        np.zeros(size, np.float32),
    )


@pytest.mark.parametrize("config", [SMALL, StackConfig(architecture="maddison", channels=4, norm="batch")])
def test_frozen_layers_stay_and_slower_ones_learn_less(config: NetworkConfig | StackConfig):
    network = make_network(config, spec_for(make_game("go5")))
    rates = set_rates(network, freeze=1, slower=0.25)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    learner = Learner(
        network,
        LearnerConfig(optimizer="sgd", momentum=0, weight_decay=0, warmup_steps=0, threads=1),
        slower=rates,
    )
    learner.step(batch(network))
    frozen = {id(part) for part in lower_layers(network)[0].state_dict(keep_vars=True).values()}
    moved = {
        name
        for name, tensor in network.state_dict(keep_vars=True).items()
        if not torch.equal(tensor, before[name]) and id(tensor) in frozen
    }
    assert moved == set()
    assert any(isinstance(part, FrozenNorm) for part in network.modules())
    groups = {group["factor"]: group["lr"] for group in learner.optimizer.param_groups}
    assert groups[0.25] == pytest.approx(0.25 * groups[1.0])
    assert not torch.equal(network.state_dict()[next(iter(rates))], before[next(iter(rates))])
    with pytest.raises(TengenError, match=r"init.freeze: 99 is more than the \d+ layers"):
        set_rates(network, 99, 1.0)


# --- runs -------------------------------------------------------------------------------------------------


TOWER = "{blocks: 1, channels: 8, head_channels: 4, value_hidden: 8}"


def recipe(tmp_path: Path, network: str = TOWER, **more: str) -> list[str]:
    file = tmp_path / "play.yaml"
    file.write_text(
        f"game: go5\nnetwork: {network}\n"
        "search: {simulations: 2, considered: 2}\n"
        "rollouts: {threads: 1, games: 4, positions_per_update: 40}\n"
        "replay: {min_positions: 30}\nlearner: {batch_size: 16, threads: 1}\n"
        "evaluation: {opponents: []}\nstop: {updates: 2}\n"
    )
    return ["train", str(file), "--run", str(tmp_path / "run"), *(f"{k}={v}" for k, v in more.items())]


def test_self_play_starts_from_a_papers_network_of_another_board_and_goes_on_without_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    maddison = StackConfig(architecture="maddison", channels=4, convolutions=2)
    path = saved(tmp_path, "go9", maddison)
    network = "{architecture: maddison, channels: 4, convolutions: 2, value: true}"
    assert main(recipe(tmp_path, network=network, init=f"{{from: {path}, freeze: 1}}")) == 0
    told = capsys.readouterr().err
    assert "init: value: begins anew, the source has none" in told
    path.rename(tmp_path / "gone")
    assert main(["train", "--resume", str(tmp_path / "run"), "stop.updates=3"]) == 0
    assert read_metrics(tmp_path / "run")[-1]["step"] == 3
    network_now, _ = load_checkpoint(tmp_path / "run")
    source, _ = load_checkpoint(tmp_path / "gone")
    torch.testing.assert_close(
        network_now.state_dict()["body.0.weight"], source.state_dict()["body.0.weight"]
    )


def test_a_run_that_was_stopped_before_its_first_checkpoint_starts_from_the_source_again(tmp_path: Path):
    path = saved(tmp_path, "go5")
    network = make_network(SMALL, spec_for(make_game("go5")))
    with RunDir.create(tmp_path / "run", "game: go5\n") as run:
        start_from(InitConfig(path=str(path)), network, make_game("go5"), run, resume=True)
    source, _ = load_checkpoint(path)
    torch.testing.assert_close(network.state_dict(), source.state_dict())


@pytest.mark.parametrize(
    ("init", "words"),
    [
        ("runs/none", "there is no such checkpoint"),
        ("{freeze: 2}", "init.from: missing"),
        ("{from: runs/none, slower: 0}", "init.slower: 0 is out of range"),
        ("{from: runs/none, frees: 1}", "did you mean init.freeze"),
        ("3", "init: 3 is not"),
        ("''", "init"),
    ],
)
def test_a_start_that_cannot_be_is_told_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], init: str, words: str
):
    assert main(recipe(tmp_path, init=init)) == 2
    told = capsys.readouterr().err
    assert words in told and "Traceback" not in told
    assert not (tmp_path / "run").exists()


def test_self_play_refuses_a_network_without_a_value(tmp_path: Path):
    with pytest.raises(TengenError, match="self-play needs a policy and a value, and maddison lacks one"):
        load_config(recipe(tmp_path, "{architecture: maddison}")[1], TrainConfig)
