"""Self-play in Ray actors. Every cluster runs in a process of its own, with token authentication."""

import json
import os
import socket
import stat
import subprocess
import sys
import textwrap
import threading
from types import SimpleNamespace
from typing import Any

import pytest

from tengen import cli
from tengen._runtime import cache_root
from tengen.errors import MachineError, TengenError
from tengen.selfplay import ray_cluster, ray_pool
from tengen.selfplay.actors_config import ActorsConfig
from tengen.selfplay.capacity import lacking, room
from tengen.selfplay.games import Games
from tengen.selfplay.ray_rollouts import RayPlayer, RayRollouts
from tengen.selfplay.rollouts import ThreadRollouts, make_rollouts, worker_seed
from tests.selfplay_tools import newest, small


def test_threads_do_not_need_ray():
    program = """
        import sys
        from tengen.selfplay.rollouts import make_rollouts
        from tests.selfplay_tools import small
        rollouts = make_rollouts(small())
        rollouts.close()
        print("ray" in sys.modules)
    """
    assert run(program) == ["False"]


def test_the_actors_class_plays_by_the_weights_of_each_call():
    config = small(rollouts={"opening_plies": 0})
    player = RayPlayer(config.model_dump(), seed=1)
    games, counts = player.collect(200, newest(config), 3).answer
    assert counts["recorded"] >= 200 and (games.versions == 3).all()
    later, _ = player.collect(400, newest(config), 7).answer
    assert set(later.versions) == {3, 7}
    assert player._player is not None and player._player.evaluator.version == 7


def test_weights_of_another_network_are_a_sentence():
    config = small()
    player = RayPlayer(config.model_dump(), seed=1)
    with pytest.raises(TengenError, match="this network's is"):
        player.collect(10, newest(small(network={"channels": 12})), 1)


def test_threads_collect_publish_and_report():
    config = small(rollouts={"threads": 2})
    rollouts = make_rollouts(config)
    assert isinstance(rollouts, ThreadRollouts)
    rollouts.publish(newest(config), 3)
    games = Games.concatenate([rollouts.collect() for _ in range(3)])
    assert games.positions > 0 and (games.versions == 3).all()
    stats = rollouts.stats()
    assert stats["evaluations_per_s"] > 0 and 0 <= stats["first_player_score"] <= 1
    assert len(rollouts.state()) == 2
    rollouts.close()


def test_no_two_workers_share_a_seed():
    seeds = {worker_seed(run, worker) for run in range(20) for worker in range(50)}
    assert len(seeds) == 1000


def test_a_cluster_is_joined_by_as_many_actors_as_fit():
    assert ActorsConfig(address="auto").workers == "auto"
    assert ActorsConfig(address="auto", workers=3).workers == 3 and ActorsConfig().workers == 0
    for wrong in ({"address": "auto"}, {"gpus_per_worker": 0.5}):
        with pytest.raises(ValueError, match="is for Ray actors, and workers is 0"):
            ActorsConfig.model_validate({"workers": 0, **wrong})


@pytest.mark.parametrize("address", ["127.0.0.1", "ray://head", "head:", ":6379", "head:port"])
def test_what_is_no_address_is_refused(address):
    with pytest.raises(TengenError, match="is no address of a Ray cluster; HOST:PORT"):
        ray_cluster.probe(address)


def test_nobody_listens_at_the_address(monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for address in (f"127.0.0.1:{port}", f"ray://127.0.0.1:{port}", "127.0.0.1:99999"):
        with pytest.raises(MachineError, match=r"rollouts\.address: no Ray cluster answers at"):
            ray_cluster.connect(address, 1)


def test_something_else_listens_at_the_address(monkeypatch):
    monkeypatch.setattr(ray_cluster, "PROBE_TIMEOUT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        with pytest.raises(MachineError, match=r"no Ray cluster answers at .* \(timed out\)"):
            ray_cluster.connect(address, 1)
        answering = threading.Thread(target=lambda: other.accept()[0].sendall(b"SSH-2.0-OpenSSH"))
        other.accept()[0].close()
        answering.start()
        with pytest.raises(MachineError, match="what listens there is something else"):
            ray_cluster.connect(address, 1)
        answering.join()


def test_training_without_its_cluster_is_one_sentence(tmp_path, capsys):
    recipe = tmp_path / "tiny.yaml"
    recipe.write_text("game: connect4\nrollouts: {workers: 2, address: '127.0.0.1:1'}\n")
    assert cli.main(["train", str(recipe), "--run", str(tmp_path / "run")]) == 1
    sentence = capsys.readouterr().err.splitlines()[-1]
    assert sentence.startswith("tengen: error: rollouts.address: no Ray cluster answers at 127.0.0.1:1")
    assert not (tmp_path / "run").exists()


def test_the_cluster_token_is_for_this_user_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.setenv(name, "so that it is put back in the end")
        monkeypatch.delenv(name)
    before = os.umask(0)
    try:
        ray_cluster.ensure_token()
    finally:
        os.umask(before)
    token = tmp_path / ".ray" / "auth_token"
    assert stat.S_IMODE(token.stat().st_mode) == 0o600 and stat.S_IMODE(token.parent.stat().st_mode) == 0o700
    assert len(token.read_text()) == 64
    text = token.read_text()
    ray_cluster.ensure_token()
    assert token.read_text() == text
    (tmp_path / "file").touch()
    monkeypatch.setenv("HOME", str(tmp_path / "file"))  # nothing can be made there
    ray_cluster.ensure_token()
    assert len(os.environ["RAY_AUTH_TOKEN"]) == 64


# --- with a stand-in for Ray: what is sent, and when ------------------------------------------------------


class Call:
    """A reference to an answer."""

    def __init__(self, answer: Any, is_work: bool = False) -> None:
        self.answer = answer
        self.is_work = is_work  # and not a question whether somebody is there


class FakeRay:
    """Just enough of Ray to run actors in this process; `faults` are raised by the next answers."""

    class exceptions:
        class RayError(Exception): ...

        class RayTaskError(RayError):
            cause: Exception | None = None

        class ActorUnavailableError(RayError): ...

        class ActorDiedError(RayError): ...

    def __init__(self) -> None:
        self.faults: list[Exception] = []
        self.seeds: list[int] = []
        self.killed = 0
        self.most_outstanding = 0
        self.calls: list[tuple[int, int]] = []  # actor's seed, version
        self.resources = {"CPU": 2.0}
        self.options: list[dict[str, Any]] = []

    def remote(self, **_: Any) -> Any:
        return self._remote

    def _remote(self, cls: type) -> Any:
        def make(config: Any, seed: int) -> Any:
            self.seeds.append(seed)
            player = cls(config, seed)

            def collect(*arguments: Any) -> Call:
                self.calls.append((seed, arguments[2]))
                return Call(lambda: player.collect(*arguments), is_work=True)

            ready = SimpleNamespace(remote=lambda: Call(lambda: None))
            return SimpleNamespace(collect=SimpleNamespace(remote=collect), ready=ready)

        def options(**given: Any) -> Any:
            self.options.append(given)
            return SimpleNamespace(remote=make)

        return SimpleNamespace(options=options)

    def cluster_resources(self) -> dict[str, float]:
        return self.resources

    def nodes(self) -> list[dict[str, Any]]:
        return [{"Alive": True, "Resources": self.resources}]

    def method(self, **_: Any) -> Any:
        return lambda method: method

    def put(self, value: Any) -> Any:
        return value

    def wait(self, calls: list[Call], num_returns: int = 1, timeout: float | None = None) -> Any:
        self.most_outstanding = max(self.most_outstanding, len(calls))
        return calls[:num_returns], calls[num_returns:]

    def get(self, call: Call) -> Any:
        if self.faults and call.is_work:
            raise self.faults.pop(0)
        return call.answer()

    def kill(self, actor: Any) -> None:
        self.killed += 1

    def is_initialized(self) -> bool:
        return True

    def get_runtime_context(self) -> Any:
        return SimpleNamespace(get_actor_id=lambda: None)


@pytest.fixture
def faked(monkeypatch):
    """Rollouts of two actors over a stand-in for Ray."""
    ray = FakeRay()
    monkeypatch.setitem(sys.modules, "ray", ray)
    monkeypatch.setattr("tengen.selfplay.ray_pool.time.sleep", lambda _: None)
    monkeypatch.setattr(ray_pool, "REST_S", 0.0)
    monkeypatch.setattr(ray_pool, "OUT_OF_REACH_S", 0.0)
    config = small(rollouts={"workers": 2, "in_flight": 2, "opening_plies": 0})
    rollouts = RayRollouts(config)
    rollouts.publish(newest(config), 0)
    return ray, rollouts


def test_calls_in_flight_are_bounded_however_often_weights_are_published(faked):
    ray, rollouts = faked
    for version in range(1, 6):
        rollouts.collect()
        rollouts.publish(newest(rollouts.config), version)
    assert ray.most_outstanding <= 4 and len(rollouts.pool.calls) == 4
    versions = [version for _, version in ray.calls]
    assert versions == sorted(versions) and versions[-1] == 4  # the newest go with the next calls
    assert len(ray.seeds) == len(set(ray.seeds)) == 2


def test_as_many_positions_come_as_were_asked_for(faked):
    _, rollouts = faked
    for update in range(1, 8):
        rollouts.collect()
        recorded = rollouts._rates._sums["recorded"]
        assert recorded - rollouts._waiting == update * 96
        assert 0 <= rollouts._waiting < 96


def test_a_dead_actor_is_replaced_and_has_its_weights(faked):
    ray, rollouts = faked
    rollouts.publish(newest(rollouts.config), 4)
    ray.faults = [ray.exceptions.ActorDiedError("killed")]
    rollouts.collect()
    assert rollouts._rates._sums["recorded"] >= 96
    assert rollouts.pool.restarts == 1 and ray.killed == 1 and len(set(ray.seeds)) == 3
    assert (ray.seeds[2], 4) in ray.calls
    assert len(rollouts.pool.calls) == 4


def test_an_actor_out_of_reach_is_asked_again(faked):
    ray, rollouts = faked
    ray.faults = [ray.exceptions.ActorUnavailableError("network")] * 3
    rollouts.collect()
    assert rollouts._rates._sums["recorded"] >= 96 and not ray.faults
    assert rollouts.pool.restarts == 0


def test_actors_that_keep_dying_end_the_run(faked):
    ray, rollouts = faked
    ray.faults = [ray.exceptions.ActorDiedError("no memory")] * 100
    with pytest.raises(MachineError, match="Ray actors keep failing; the last one said: no memory"):
        rollouts.collect()


def test_a_users_fault_in_an_actor_is_the_same_sentence(faked):
    ray, rollouts = faked
    for cause, kind, sentence in [
        (TengenError("weights lack 'a'"), TengenError, "^weights lack 'a'$"),
        (ValueError("odd\nmore"), MachineError, "^a rollout actor failed: ValueError: odd$"),
    ]:
        error = ray.exceptions.RayTaskError("Traceback ...")
        error.cause = cause
        ray.faults = [error]
        with pytest.raises(kind, match=sentence):
            rollouts.collect()


def test_every_resumed_run_draws_from_streams_of_its_own(faked):
    ray, rollouts = faked
    for _ in range(3):
        resumed = RayRollouts(rollouts.config)
        resumed.restore(rollouts.state())
        resumed.publish(newest(rollouts.config), 0)
        rollouts = resumed
    assert len(set(ray.seeds)) == len(ray.seeds) == 8


def test_how_many_actors_fit_and_what_is_lacking():
    wants = ActorsConfig(workers="auto", cpus_per_worker=2, gpus_per_worker=0.25)
    assert room(wants, {"CPU": 64, "GPU": 4}) == 16
    assert room(wants, {"CPU": 9, "GPU": 4}) == 4
    assert room(wants, {}) == 1
    assert room(ActorsConfig(workers="auto", gpus_per_worker=0.4), {"CPU": 64, "GPU": 4.5}) == 9
    assert room(ActorsConfig(workers="auto", gpus_per_worker=2), {"CPU": 64, "GPU": 5}) == 2
    pieces = [{"CPU": 3}, {"CPU": 5, "GPU": 0.5}, {"CPU": 8, "GPU": 4}]
    assert room(wants, {"CPU": 16, "GPU": 4.5}, pieces) == 0 + 2 + 4
    assert room(wants, {"CPU": 6, "GPU": 4.5}, pieces) == 3  # the rest is the learner's
    assert room(ActorsConfig(cpus_per_worker=0.1), {"CPU": 0.3}) == 3
    assert lacking(wants, 4, {"CPU": 8, "GPU": 1}) == ""
    assert (
        lacking(wants, 8, {"CPU": 8})
        == "16 CPUs of which the cluster has 8 and 2 GPUs of which the cluster has 0"
    )


@pytest.fixture
def growing(monkeypatch):
    """Rollouts of as many actors as a cluster has room for, which is looked at before every call."""
    ray = FakeRay()
    monkeypatch.setitem(sys.modules, "ray", ray)
    monkeypatch.setattr(ray_pool, "LOOK_S", 0.0)
    config = small(rollouts={"workers": "auto", "address": "auto", "opening_plies": 0, "placement": "spread"})
    rollouts = RayRollouts(config)
    rollouts.publish(newest(config), 0)
    return ray, rollouts


def test_actors_come_with_machines_and_go_with_them(growing):
    ray, rollouts = growing
    assert len(rollouts.pool.actors) == 2 and ray.options[0]["scheduling_strategy"] == "SPREAD"
    ray.resources = {"CPU": 5.0}
    rollouts.collect()
    assert len(rollouts.pool.actors) == 5 and rollouts.stats()["actors"] >= 1
    while rollouts.stats()["actors"] < 5:
        rollouts.collect()
    ray.resources = {"CPU": 3.0}  # two machines left, and the actors on them died
    ray.faults = [ray.exceptions.ActorDiedError("node")] * 2
    rollouts.collect()
    rollouts.collect()
    assert len(rollouts.pool.actors) == 3 and set(rollouts.pool.calls.values()) <= set(rollouts.pool.actors)
    assert len(set(ray.seeds)) == len(ray.seeds)


def test_who_plays_is_not_let_go_before_its_machine(growing):
    ray, rollouts = growing
    while rollouts.stats()["actors"] < 2:
        rollouts.collect()
    ray.resources = {"CPU": 1.0}  # somebody else's claim, say
    rollouts.collect()
    assert len(rollouts.pool.actors) == 2 and not ray.killed


def test_more_than_this_machine_has_is_refused_with_what_is_missing(monkeypatch):
    ray = FakeRay()
    monkeypatch.setitem(sys.modules, "ray", ray)
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray_pool, "connect", lambda address, cpus: None)
    monkeypatch.setattr(ray, "shutdown", lambda: None, raising=False)
    config = small(rollouts={"workers": 2, "gpus_per_worker": 1})
    rollouts = RayRollouts(config)
    with pytest.raises(MachineError, match="2 actors want 2 GPUs of which the cluster has 0; fewer"):
        rollouts.publish(newest(config), 0)


def test_a_joined_cluster_is_waited_for_and_it_is_said_why(monkeypatch, capsys):
    ray = FakeRay()
    monkeypatch.setitem(sys.modules, "ray", ray)
    looks = [([], [1]), ([], [1])]
    wait = ray.wait
    monkeypatch.setattr(ray, "wait", lambda *a, **k: looks.pop() if looks else wait(*a, **k))
    config = small(rollouts={"workers": 3, "address": "auto", "gpus_per_worker": 0.5})
    RayRollouts(config).publish(newest(config), 0)
    said = capsys.readouterr().err
    wanted = "3 CPUs of which the cluster has 2 and 1.5 GPUs of which the cluster has 0"
    assert said == f"waiting for Ray: 3 actors want {wanted}\n"


def test_actors_say_how_long_they_waited(faked):
    _, rollouts = faked
    for _ in range(4):
        rollouts.collect()
    stats = rollouts.stats()
    assert 0 <= stats["idle_share"] < 1 and stats["calls_in_flight"] == 4 and stats["actors"] == 2


# --- with Ray ---------------------------------------------------------------------------------------------


def run(program: str, **environment: str) -> list[str]:
    """The lines that a program prints in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.ray
def test_two_actors_play_are_killed_replaced_and_leave_nothing_behind(tmp_path):
    program = """
        import json, os, psutil, ray
        from tengen.selfplay.ray_cluster import probe
        from tengen.selfplay.ray_rollouts import RayRollouts
        from tests.selfplay_tools import small
        from tests.test_ray_rollouts import newest

        config = small(rollouts={"workers": 2, "opening_plies": 0})
        rollouts = RayRollouts(config)
        rollouts.publish(newest(config), 1)
        probe(ray.get_runtime_context().gcs_address)
        versions = set(rollouts.collect().versions.tolist())
        ray.kill(rollouts.pool.actors[0])
        for version in range(2, 6):
            rollouts.publish(newest(config), version)
            versions |= set(rollouts.collect().versions.tolist())
        processes = psutil.Process().children(recursive=True)
        stats = rollouts.stats()
        rollouts.close()
        gone, alive = psutil.wait_procs(processes, timeout=30)
        print(json.dumps({
            "versions": sorted(versions), "restarts": stats["restarts"], "processes": len(processes),
            "alive": [p.name() for p in alive], "rate": stats["games_per_s"],
            "mode": os.environ["RAY_AUTH_MODE"],
        }))
    """
    home = tmp_path / "home"
    home.mkdir()
    found = json.loads(run(program, HOME=str(home), XDG_CACHE_HOME=str(cache_root().parent))[-1])
    assert found["versions"][:2] == [1, 2] and found["restarts"] == 1 and found["rate"] > 0
    assert found["processes"] >= 4 and found["alive"] == []
    assert found["mode"] == "token"
    assert stat.S_IMODE((home / ".ray" / "auth_token").stat().st_mode) == 0o600


@pytest.mark.ray
def test_training_with_actors_stops_by_ctrl_c_and_resumes(tmp_path):
    from tengen.metrics import read_metrics
    from tests.test_train import RECIPE, start, wait_for

    recipe, directory = tmp_path / "tiny.yaml", tmp_path / "run"
    recipe.write_text(RECIPE)
    process = start(str(recipe), "--run", str(directory), "rollouts.workers=2", "stop.updates=100000")
    wait_for(process, lambda: len(read_metrics(directory)) >= 2)
    os.killpg(process.pid, 2)  # as a terminal does, to every process of the group
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130 and "go on with: tengen train --resume" in out
    assert "Traceback" not in err
    last = read_metrics(directory)[-1]["step"]
    again = start("--resume", str(directory), f"stop.updates={last + 2}")
    out, err = again.communicate(timeout=240)
    assert again.returncode == 0, err
    rows = read_metrics(directory)
    assert [row["step"] for row in rows] == list(range(1, last + 3))
    assert rows[-1]["learner_steps"] == rows[-1]["positions"] * 2 // 32
    assert rows[-1]["restarts"] == 1
