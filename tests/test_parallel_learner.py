"""Learning on several devices: the same steps as on one, and ranks that fail."""

import math

import pytest
import torch

from tengen import cli
from tengen.errors import TengenError
from tengen.networks.layer_rates import FrozenNorm
from tengen.networks.synced_norm import SyncedNorm, synced
from tengen.selfplay import process_group
from tengen.selfplay.config import LearnerConfig
from tengen.selfplay.replica import split
from tengen.selfplay.supervised_config import SupervisedLearnerConfig
from tests.selfplay_tools import network, small
from tests.several_devices import facts

# --- with two ranks, on a Ray of their own ----------------------------------------------------------------


@pytest.fixture(scope="module")
def learning():
    return facts()["learning"]


@pytest.mark.ray
def test_two_ranks_make_the_steps_of_one_with_the_whole_batch(learning):
    """All that is scored is in the first rank's part, gradients are clipped, batch norm sees all."""
    for one, two in learning["losses"]:
        assert two == pytest.approx(one, rel=1e-5)
    assert learning["apart"] < 1e-3 < 0.1 < learning["moved"]
    assert learning["ranks_agree"]


@pytest.mark.ray
def test_a_run_goes_on_with_more_or_fewer_devices(learning):
    expected, alone = learning["resumed_alone"]
    assert alone == pytest.approx(expected, rel=1e-5)
    assert learning["resumed_together"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.ray
@pytest.mark.parametrize("fault", ["ends", "hangs"])
def test_a_rank_that_fails_in_a_step_is_replaced_and_the_step_made_once(learning, fault):
    found = learning["failures"][fault]
    one, two = found["losses"]
    assert two == pytest.approx(one, rel=1e-4)
    assert found["restarts"] == 1 and found["steps"] and found["apart"] < 1e-2


@pytest.mark.ray
def test_ranks_that_keep_failing_stop_training_with_their_reason(learning):
    assert learning["hopeless"] == (
        "MachineError: the learner's devices failed 2 times in a row; the last time: odd losses"
    )


@pytest.mark.ray
def test_a_loss_that_is_no_number_in_one_part_stops_all(learning):
    assert learning["diverged"].startswith("TengenError: the loss became nan at step 4; go on from the last")


@pytest.mark.ray
def test_without_synced_norms_the_running_statistics_are_means_of_the_parts(learning):
    assert learning["quick_ranks_agree"]


@pytest.mark.ray
def test_a_run_trains_on_two_devices_and_goes_on_with_one():
    found = facts()["training"]
    assert found["codes"] == [0, 0] and found["updates"] == [1, 2, 3]
    steps = found["steps"][1:]  # games that have not ended teach nothing
    assert steps == sorted(set(steps)) and steps[0] > 0 and all(map(math.isfinite, found["loss"]))
    assert found["free"] == 4


# --- without Ray ------------------------------------------------------------------------------------------


def test_a_batch_is_dealt_out_in_order():
    from tengen.envs import make_game
    from tengen.selfplay.replay import Replay
    from tests.selfplay_tools import played

    config = small()
    replay = Replay(make_game("connect4"), config.replay)
    replay.add(played(config, positions=60))
    import numpy as np

    batch = replay.sample(12, np.random.default_rng(0))
    parts = split(batch, 3)
    for name, whole in vars(batch).items():
        assert (np.concatenate([vars(part)[name] for part in parts]) == whole).all()


def test_norms_that_learn_are_synced_and_frozen_ones_are_not():
    one = network(small())
    one.tower.stem.norm.__class__ = FrozenNorm
    before = {name: value.clone() for name, value in one.state_dict().items()}
    synced(one, torch.device("cpu"))
    kinds = [type(module) for module in one.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    assert kinds.count(FrozenNorm) == 1 and set(kinds) == {FrozenNorm, SyncedNorm}
    assert all(torch.equal(value, before[name]) for name, value in one.state_dict().items())
    one.eval()  # outside of training no other rank is needed
    assert torch.isfinite(one(torch.zeros(1, *one.spec.obs_shape)).policy).all()


def test_on_gpus_torchs_own_synced_norm_is_used():
    one = network(small())
    synced(one, torch.device("cuda"))
    assert isinstance(one.tower.stem.norm, torch.nn.SyncBatchNorm)
    assert one.state_dict().keys() == network(small()).state_dict().keys()


@pytest.mark.parametrize("kind", [LearnerConfig, SupervisedLearnerConfig])
def test_a_batch_that_cannot_be_dealt_out_evenly_is_refused(kind):
    assert kind(batch_size=6, devices=3).devices == 3
    with pytest.raises(ValueError, match=r"learner\.batch_size: 512 cannot .* learner\.devices=3; 513 can"):
        kind(devices=3)


def test_several_devices_are_for_learners_of_boards(capsys):
    assert cli.main(["config", "show", "cartpole", "learner.devices=2"]) == 2
    assert "learner.devices: several devices are for learners of boards" in capsys.readouterr().err


def test_a_torch_that_cannot_join_devices_is_a_sentence(monkeypatch):
    monkeypatch.setattr("torch.distributed.is_gloo_available", lambda: False)
    with pytest.raises(TengenError, match=r"lacks gloo.*learner\.devices=1"):
        process_group.backend_for(torch.device("cpu"))


def test_the_store_of_a_group_listens_at_one_address_only():
    import psutil

    meeting, store = process_group.convene(process_group.LOOPBACK, 1, 5.0)
    listening = [
        connection.laddr
        for connection in psutil.Process().net_connections("inet")
        if connection.status == "LISTEN" and connection.laddr.port == meeting.port
    ]
    assert [address.ip for address in listening] == [process_group.LOOPBACK]
    del store


def test_the_interface_of_an_address_is_found():
    assert process_group.interface_of(process_group.LOOPBACK) == "lo"
    assert process_group.interface_of("203.0.113.7") is None
