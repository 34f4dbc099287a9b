"""Clusters that are joined: networks that are cut, machines that differ, drivers that are killed."""

import json
import os
import secrets
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator

import psutil
import pytest

from tests.cluster_tools import Watch

pytestmark = pytest.mark.cluster
NETWORK = "tengen"  # the names of networks of ours, before a process id


@pytest.fixture(autouse=True)
def leaves_nothing():
    """Processes, shared memory and folders of ours and of Ray's are as they were, in the end."""
    watch = Watch()
    yield watch
    watch.end()


def run(program: str, *arguments: str) -> dict[str, object]:
    """What a program, with a cluster of its own, prints as its last line: a JSON object."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(COMMON) + textwrap.dedent(program), *arguments],
        capture_output=True,
        text=True,
        timeout=500,
        env={**os.environ, "RAY_AUTH_TOKEN": secrets.token_hex(32), "RAY_AUTH_MODE": "token"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return {**found, "err": done.stderr}


COMMON = """
    import atexit, json, os, shutil, subprocess, sys, tempfile, time
    import ray
    from ray.cluster_utils import Cluster
    from tengen.errors import TengenError
    from tengen.selfplay import ray_pool
    from tengen.selfplay.ray_cluster import connect
    from tests import cluster_tools
    from tests.cluster_tools import FAST_CHECKS, WEIGHTS, play_until, rollouts, within

    ray_pool.LOOK_S = 0.25
    atexit.register(lambda: shutil.rmtree(folder, ignore_errors=True))
    folder = tempfile.mkdtemp(prefix=f"tengen-ray-{os.getpid()}-", dir="/tmp")

    def head(**more):
        here = {"include_dashboard": False, "_system_config": FAST_CHECKS, "temp_dir": folder}
        made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **here, **more})
        ray.cloudpickle.register_pickle_by_value(cluster_tools)
        return made

    def end(cluster, **found):
        ray.shutdown()
        cluster.shutdown()
        shutil.rmtree(folder)
        print(json.dumps(found))
"""


def free_network() -> str:
    """The first three numbers of addresses that nothing on this machine has."""
    taken = subprocess.run(["ip", "-4", "addr"], capture_output=True, text=True).stdout
    return next(net for n in range(1, 255) if (net := f"10.201.{n}.") not in taken)


def remove_abandoned() -> None:
    """Take away networks of tests that were killed."""
    listed = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True).stdout
    for there in (line.split()[0] for line in listed.splitlines() if line.startswith(NETWORK)):
        owner = there.removeprefix(NETWORK)
        if owner.isdecimal() and not psutil.pid_exists(int(owner)):
            subprocess.run(["ip", "netns", "del", there], capture_output=True)


@pytest.fixture
def wire() -> Iterator[tuple[str, str, str]]:
    """Another network on this machine, the wire to it, and how addresses begin: 1 is here and 2 there."""
    if os.geteuid() or not shutil.which("ip"):
        pytest.skip("needs a network of its own")
    remove_abandoned()
    there, end, net = f"{NETWORK}{os.getpid()}", f"tg{os.getpid()}", free_network()
    setup = f"""
        ip netns add {there}
        ip link add {end}a type veth peer name {end}b netns {there}
        ip addr add {net}1/24 dev {end}a
        ip link set {end}a up
        ip -n {there} addr add {net}2/24 dev {end}b
        ip -n {there} link set {end}b up
        ip -n {there} link set lo up
    """
    done = subprocess.run(["sh", "-ec", setup], capture_output=True, text=True)
    try:
        if done.returncode:
            pytest.skip(f"no network of our own: {done.stderr.strip()}")
        yield there, f"{end}a", net
    finally:
        subprocess.run(["ip", "netns", "del", there], capture_output=True)
        subprocess.run(["ip", "link", "del", f"{end}a"], capture_output=True)


def test_a_network_that_is_cut_costs_the_machines_behind_it(wire):
    found = run(
        """
        there, wire, net = sys.argv[1:]
        cluster = head(node_ip_address=f"{net}1")
        connect(cluster.address, 0)
        far = subprocess.Popen(
            ["ip", "netns", "exec", there, sys.executable, "-m", "ray.scripts.scripts", "start", "--block",
             f"--address={cluster.address}", f"--node-ip-address={net}2", "--num-cpus=2",
             "--object-store-memory=100000000"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        atexit.register(far.kill)
        within(120, lambda: ray.cluster_resources().get("CPU") == 2, "the far machine")
        playing = rollouts(cluster)
        playing.publish(WEIGHTS, 1)
        placed = lambda: len(playing.pool._answered & set(playing.pool.actors)) == 2
        play_until(playing, placed)
        cluster.add_node(num_cpus=2, node_ip_address=f"{net}1")
        subprocess.run(["ip", "link", "set", wire, "down"], check=True)
        began = time.monotonic()
        games = play_until(playing, lambda: playing.pool.restarts >= 2 and placed(), 90)
        cut_s = time.monotonic() - began
        subprocess.run(["ip", "link", "set", wire, "up"], check=True)
        playing.close()
        # It learns that it was given up, and ends; Ray may take its time over that.
        behind = subprocess.run(["ip", "netns", "pids", there], capture_output=True, text=True)
        for process in behind.stdout.split():
            subprocess.run(["kill", "-9", process])
        far.wait(60)
        end(cluster, games=games, cut_s=cut_s, restarts=playing.pool.restarts)
        """,
        *wire,
    )
    assert found["games"] > 0 and found["restarts"] >= 2


CLIENT_RECIPE = """
game: connect4
seed: 1
network: {blocks: 1, channels: 8, head_channels: 4, value_hidden: 8}
search: {simulations: 4, considered: 4}
rollouts: {games: 8, workers: 2, positions_per_update: 32}
replay: {base: 500, min_positions: 32}
learner: {batch_size: 32, threads: 1}
evaluation: {every_minutes: 60, games: 2, simulations: 2, opponents: [random]}
stop: {updates: 3}
"""


def test_training_from_outside_goes_through_rays_client_and_ends_with_a_sentence_when_that_ends(tmp_path):
    (tmp_path / "recipe.yaml").write_text(CLIENT_RECIPE)
    found = run(
        """
        import socket
        os.chdir(sys.argv[1])
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        cluster = head(ray_client_server_port=port)
        cluster.add_node(num_cpus=2)

        def train(run, *more):
            words = ["train", "recipe.yaml", "--run", run, f"rollouts.address=ray://127.0.0.1:{port}", *more]
            return subprocess.Popen([sys.executable, "-m", "tengen", *words],
                                    stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

        whole = train("whole")
        whole_err = whole.communicate(timeout=200)[1]
        cut = train("cut", "stop.updates=100000")
        log = "cut/metrics.jsonl"
        has_learnt = lambda: os.path.exists(log) and len(open(log).readlines()) >= 3
        within(200, lambda: has_learnt() or cut.poll() is not None, "three updates")
        subprocess.run(["kill", "-9", str(cluster.head_node.all_processes["raylet"][0].process.pid)])
        cut_err = cut.communicate(timeout=100)[1]
        end(cluster, whole=whole.returncode, whole_err=whole_err, cut=cut.returncode, cut_err=cut_err,
            saved=os.listdir("cut/checkpoints"))
        """,
        str(tmp_path),
    )
    assert found["whole"] == 0, found["whole_err"]
    last = str(found["cut_err"]).splitlines()[-1]
    assert found["cut"] == 1 and last.startswith("tengen: error: ") and "--resume" in last
    assert found["saved"]


def test_a_machine_without_tengen_is_named_with_the_remedy(tmp_path):
    shadow = tmp_path / "shadow"
    shadow.mkdir()
    (shadow / "tengen.py").write_text(
        "raise ModuleNotFoundError(\"No module named 'tengen'\", name='tengen')\n"
    )
    found = run(
        """
        from tengen.selfplay.ray_rollouts import RayRollouts
        from tests.selfplay_tools import small

        cluster = head()
        os.environ["PYTHONPATH"] = sys.argv[1]
        cluster.add_node(num_cpus=1)
        connect(cluster.address, 0)
        playing = RayRollouts(small(rollouts={"workers": 1, "address": cluster.address}))
        try:
            playing.publish(WEIGHTS, 1)
            playing.collect()
            said = "nothing"
        except TengenError as error:
            said = str(error)
        playing.close()
        end(cluster, said=said)
        """,
        str(shadow),
    )
    assert "a machine of the cluster has no module 'tengen'; install the same" in str(found["said"])


def test_another_version_of_ray_is_a_sentence():
    found = run(
        """
        cluster = head()
        ray.__version__ = "2.9.0"
        try:
            connect(cluster.address, 0)
            said = "nothing"
        except TengenError as error:
            said = str(error)
        end(cluster, said=said)
        """
    )
    assert " and this is Ray 2.9.0 and Python " in str(found["said"])
    assert str(found["said"]).endswith("all machines need the same")


def test_a_wrong_token_is_a_sentence():
    found = run(
        """
        cluster = head()
        other = '''
        from tengen.errors import TengenError
        from tengen.selfplay.ray_cluster import connect
        import sys
        try:
            connect(sys.argv[1], 0)
        except TengenError as error:
            print(error)
        '''
        import textwrap
        environment = {**os.environ, "RAY_AUTH_TOKEN": "f" * 64}
        done = subprocess.run([sys.executable, "-c", textwrap.dedent(other), cluster.address],
                              capture_output=True, text=True, env=environment, timeout=120)
        end(cluster, said=done.stdout, rc=done.returncode, stderr=done.stderr[-1500:])
        """
    )
    assert found["rc"] == 0, found["stderr"]
    assert "is the token the same on both machines? Copy ~/.ray/auth_token" in str(found["said"])


def test_a_driver_that_is_killed_leaves_its_cluster_as_it_was():
    found = run(
        """
        cluster = head()
        cluster.add_node(num_cpus=2)
        connect(cluster.address, 0)
        driver = '''
        import sys
        import ray
        from types import SimpleNamespace
        from tengen.selfplay.ray_cluster import connect
        from tests import cluster_tools
        connect(sys.argv[1], 0)
        ray.cloudpickle.register_pickle_by_value(cluster_tools)
        playing = cluster_tools.rollouts(SimpleNamespace(address=sys.argv[1]))
        playing.publish(cluster_tools.WEIGHTS, 1)
        while True:
            playing.collect()
            print(playing.stats()["actors"], flush=True)
        '''
        import textwrap
        one = subprocess.Popen([sys.executable, "-c", textwrap.dedent(driver), cluster.address],
                               stdout=subprocess.PIPE, text=True)
        while one.stdout.readline() != "2.0\\n":
            assert one.poll() is None
        one.kill()
        one.wait()
        within(20, lambda: ray.available_resources().get("CPU") == 2, "the actors' places are free again")
        end(cluster, free=True)
        """
    )
    assert found["free"]
