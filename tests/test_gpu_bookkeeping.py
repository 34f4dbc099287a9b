"""Who has which GPU: actors, a learner's ranks, and the learner in the process of the command."""

import sys
import types

import pytest

from tengen.selfplay import ray_cluster
from tengen.selfplay.actors_config import ActorsConfig
from tengen.selfplay.config import LearnerConfig
from tengen.selfplay.learner import Learner
from tengen.selfplay.learner_places import extra_cpus, lacking_ranks, rank_cpus, settled_devices
from tengen.selfplay.make_learner import make_learner
from tests.selfplay_tools import network, small
from tests.several_devices import GPUS, facts

# --- with made-up GPUs ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def places():
    return facts()["places"]


@pytest.mark.ray
def test_the_learner_takes_what_the_rollouts_leave(places):
    """Four GPUs, one of which two actors share: three are left, and a batch of 32 can be dealt out to two."""
    assert places["devices"] == 2
    assert places["booked"] == {"CPU": 1.0, "GPU": 1.5}  # a rank's, and half of this process's


@pytest.mark.ray
def test_no_actor_is_given_the_learners_gpus(places):
    assert places["room"] == 5  # halves of GPUs
    given = [gpu for player in places["players"] for gpu in player["gpus"]]
    assert set(given) & set(places["ranks"]) == set() and len(places["ranks"]) == 1
    assert sorted(given) == sorted(given, key=int) and max(map(given.count, given)) == 2
    assert places["free"] == 0.0


@pytest.mark.ray
def test_ray_alone_says_which_gpus_an_actor_sees(places):
    assert all(player["visible"] == ",".join(player["gpus"]) for player in places["players"])
    assert places["driver_visible"] is None


@pytest.mark.ray
def test_an_actor_that_asked_for_no_gpu_sees_none(places):
    assert places["without"] == {"gpus": [], "visible": ""}


@pytest.mark.ray
def test_everything_is_given_back(places):
    assert places["free_after"] == places["free_in_the_end"] == GPUS


@pytest.mark.ray
def test_the_gpu_that_is_held_is_found_among_those_that_are_visible(places):
    assert places["seat"] in {"0", "1", "2", "3"} and places["seat_index"] == 1
    assert "CUDA_VISIBLE_DEVICES=7 hides" in places["seat_hidden"]


@pytest.mark.ray
def test_what_there_is_not_is_refused_with_what_is_missing(places):
    assert places["too_many"] == (
        "MachineError: learner.devices=8 wants 8 GPUs of which the cluster has 4; "
        "fewer devices would fit, or more machines"
    )
    assert "rollouts and learner want 5 GPUs of which this machine has 4" in places["no_room"]
    assert "which they cannot through ray://head:10001" in places["client"]


# --- without Ray ------------------------------------------------------------------------------------------


def test_how_many_devices_auto_means():
    config = LearnerConfig(devices="auto", batch_size=512)
    quarter = ActorsConfig(workers=8, gpus_per_worker=0.25)
    assert settled_devices(config, None, {"GPU": 8}) == 8
    assert settled_devices(config, None, {"GPU": 7}) == 4  # 512 cannot be dealt out to 7, 6 or 5
    assert settled_devices(config, quarter, {"GPU": 4}) == 2
    assert settled_devices(config, quarter, {"GPU": 1}) == settled_devices(config, None, {}) == 1
    greedy = ActorsConfig(workers="auto", gpus_per_worker=1)
    assert settled_devices(config, greedy, {"GPU": 8}) == 1
    assert settled_devices(config, ActorsConfig(workers="auto"), {"GPU": 8}) == 8
    assert settled_devices(LearnerConfig(devices=2), quarter, {"GPU": 1}) == 2  # as told; refused later


def test_cpus_of_ranks_without_gpus(monkeypatch):
    monkeypatch.setattr("tengen.selfplay.learner_places.usable_cores", lambda: 8)
    four = LearnerConfig(devices=4)
    assert rank_cpus(four, local=True) == 2 and rank_cpus(four, local=False) == 1
    assert rank_cpus(LearnerConfig(devices=4, threads=3), local=False) == 3
    assert extra_cpus(four) == 6 and extra_cpus(LearnerConfig()) == 0
    assert extra_cpus(LearnerConfig(devices="auto")) == 0


def test_what_ranks_lack():
    assert lacking_ranks(2, 1.0, {"GPU": 2}) == lacking_ranks(2, 0.0, {}) == ""
    assert "wants 3 GPUs of which the cluster has 2" in lacking_ranks(3, 1.0, {"GPU": 2})


def test_one_device_needs_no_ray(monkeypatch):
    monkeypatch.setattr(ray_cluster, "connect", lambda *_: pytest.fail("Ray was asked for"))
    for settings in ({}, {"devices": "auto"}):
        config = small(learner=settings, rollouts={"workers": 2})
        learner = make_learner(network(config), config.learner, rollouts=config.rollouts)
        assert type(learner) is Learner and learner.booked == {}
        learner.close()


def test_nothing_is_hidden_outside_of_actors(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    context = types.SimpleNamespace(get_actor_id=lambda: None)
    fake = types.SimpleNamespace(
        is_initialized=lambda: True, get_runtime_context=lambda: context, get_gpu_ids=list
    )
    import os

    monkeypatch.setitem(sys.modules, "ray", fake)
    ray_cluster.own_gpus_only()
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "1"
    context.get_actor_id = lambda: "an actor"
    ray_cluster.own_gpus_only()
    assert os.environ["CUDA_VISIBLE_DEVICES"] == ""
