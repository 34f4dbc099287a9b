"""Machines and processes that die, hang and lie: training goes on, and nothing of them is left.

In a process of their own (make test): a cluster of several machines on this one, with Ray's quick checks.
"""

import os
import secrets
import shutil
import signal
import tempfile
from typing import Any

import psutil
import pytest

from tengen.selfplay import ray_pool
from tests import cluster_tools
from tests.cluster_tools import (
    FAST_CHECKS,
    WEIGHTS,
    Ill,
    Machines,
    Slow,
    Watch,
    play_until,
    rollouts,
    within,
)

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def cluster():
    """A head without room for actors, and this process in it."""
    ray = pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    watch = Watch()
    folder = tempfile.mkdtemp(prefix="tengen-ray-test-", dir="/tmp")
    os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
    made = Cluster(
        initialize_head=True,
        head_node_args={
            "num_cpus": 0,
            "include_dashboard": False,
            "_system_config": FAST_CHECKS,
            "temp_dir": folder,
        },
    )
    from tengen.selfplay.ray_cluster import connect

    connect(made.address, 0)
    ray.cloudpickle.register_pickle_by_value(cluster_tools)
    yield made
    ray.shutdown()
    made.shutdown()
    shutil.rmtree(folder)
    del os.environ["RAY_AUTH_TOKEN"]
    watch.end()


@pytest.fixture
def machines(cluster, monkeypatch):
    """The cluster's machines, none at first and none in the end; looks come every quarter of a second."""
    monkeypatch.setattr(ray_pool, "LOOK_S", 0.25)
    watch = Watch()
    found = Machines(cluster)
    yield found
    found.clear()
    watch.end(besides="ray::IDLE_")  # the head's, for objects that it had no room for


@pytest.fixture
def playing(cluster, machines):
    """Makes rollouts that are closed in the end."""
    made: list[Any] = []

    def make(*arguments: Any, **settings: Any) -> Any:
        made.append(rollouts(cluster, *arguments, **settings))
        made[-1].publish(WEIGHTS, 1)
        return made[-1]

    yield make
    for one in made:
        one.close()


def pids(found: Any) -> list[int]:
    import ray

    return [ray.get(actor.ready.remote()) for actor in found.pool.actors.values()]


def all_play(found: Any, count: int = 2) -> Any:
    """A condition: so many actors have answered since they were made."""
    return lambda: len(found.pool._answered & set(found.pool.actors)) == count


def test_an_actor_that_is_killed_is_replaced(machines, playing):
    machines.add()
    found = playing()
    play_until(found, all_play(found))
    os.kill(pids(found)[0], signal.SIGKILL)
    play_until(found, lambda: found.pool.restarts >= 1)
    play_until(found, all_play(found))
    assert found.stats()["actors"] == 2


def test_an_actor_that_hangs_is_replaced(machines, playing, capfd):
    machines.add()
    found = playing()
    play_until(found, all_play(found))
    hanging = pids(found)[0]
    os.kill(hanging, signal.SIGSTOP)
    play_until(found, lambda: found.pool.restarts >= 1)
    assert "actor 0 has answered nothing for long; another one takes its place" in capfd.readouterr().err
    play_until(found, all_play(found))
    within(20, lambda: not psutil.pid_exists(hanging), "the process that hung is gone")


def test_a_machine_that_dies_is_made_up_for_by_another(machines, playing, capfd):
    first = machines.add()
    found = playing()
    play_until(found, all_play(found))
    machines.add()
    gone = machines.processes(first)
    machines.raylet(first).kill()
    play_until(found, lambda: found.pool.restarts >= 2)
    play_until(found, all_play(found))
    _, alive = psutil.wait_procs(gone, timeout=20)
    assert not alive
    out, err = capfd.readouterr()
    assert out == "" and "Ray: " in err  # what Ray says of it is no output of ours


def test_a_machine_that_hangs_is_made_up_for_and_its_players_end_once_it_wakes(machines, playing):
    first = machines.add()
    found = playing()
    play_until(found, all_play(found))
    players = [psutil.Process(pid) for pid in pids(found)]
    machines.add()
    with machines.hanging(first):
        play_until(found, lambda: found.pool.restarts >= 2)
        play_until(found, all_play(found))
    _, alive = psutil.wait_procs(players, timeout=60)
    assert not alive  # what Ray itself runs on that machine takes minutes at times


def test_training_waits_for_machines_and_uses_those_that_come(machines, playing, capfd):
    first = machines.add(cpus=1)
    found = playing(workers="auto")
    play_until(found, all_play(found, 1))
    machines.add(cpus=2)
    play_until(found, all_play(found, 3))
    machines.raylet(first).kill()
    play_until(found, lambda: len(found.pool.actors) == 2)
    play_until(found, all_play(found, 2))


def test_more_gpus_than_there_are_are_waited_for_with_what_is_missing(machines, playing, capfd):
    machines.add(num_gpus=1)
    found = playing(gpus_per_worker=1)
    play_until(found, all_play(found, 1))
    wanted = "waiting for Ray: 2 actors want 2 GPUs of which the cluster has 1\n"
    play_until(found, lambda: wanted in capfd.readouterr().err)
    machines.add(num_gpus=1)
    play_until(found, all_play(found, 2))


def test_answers_that_are_not_numbers_are_dropped_and_counted(machines, playing, tmp_path):
    machines.add()
    found = playing(Ill, str(tmp_path / "was-here"))
    rejected = 0

    def has_met_it() -> bool:
        nonlocal rejected
        rejected += int(found.stats()["rejected"])
        return rejected > 0 and all_play(found)()

    play_until(found, has_met_it)
    assert found.pool.restarts >= 1 and rejected == 1


def test_games_of_old_versions_are_counted_and_dropped_where_it_is_asked_for(machines, playing):
    machines.add()
    kept = playing(Slow)
    play_until(kept, all_play(kept))
    stats = kept.stats()
    assert 4 < stats["staleness"] < 6 and "too_old" not in stats
    kept.close()
    found = playing(Slow, max_staleness=5)
    games = found.collect()
    while not len(games):
        games = found.collect()
    assert (games.versions == 1).all() and found.stats()["too_old"] == len(games)


def test_an_object_store_that_is_full_holds_nobody_up(machines, playing, cluster):
    import numpy as np
    import ray

    machines.add(object_store_memory=80 * 2**20)
    found = playing()
    ballast = [ray.put(np.zeros(20 * 2**20, np.uint8)) for _ in range(8)]  # more than the head has room for
    for version in range(2, 12):
        found.publish({"all": np.full(10 * 2**20, version, np.uint8)}, version)
        found.collect()
    play_until(found, lambda: set(found.collect().versions.tolist()) == {11})
    # Fast health checks may lose a machine while it writes a full store to disk, once perhaps.
    assert found.pool.restarts <= 1 and len(ray.get(ballast[0])) == 20 * 2**20
