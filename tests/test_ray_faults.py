"""What the pool of actors does about faults, without Ray: whom it replaces, what it drops, what it says."""

import os
import shutil
import subprocess
import sys
import textwrap
from collections import namedtuple
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tengen.errors import MachineError, TengenError
from tengen.selfplay import fitness, ray_cluster, ray_pool, ray_session, world_rollouts
from tengen.selfplay.games import Games
from tengen.selfplay.pooled import sound
from tengen.selfplay.pulse import SILENT_LOOKS, Pulse
from tengen.selfplay.ray_rollouts import RayRollouts
from tengen.selfplay.saving import saving
from tests.cluster_tools import within
from tests.selfplay_tools import played, small
from tests.test_ray_rollouts import FakeRay, newest

# --- answers ----------------------------------------------------------------------------------------------


def test_games_with_what_no_game_has_are_told_from_sound_ones():
    games = played(small(), 60)
    assert games.unsound() is None and Games.none(7, 0).unsound() is None
    for name in ("policy", "values", "scores"):
        array = getattr(games, name).copy()
        array.flat[-1] = np.nan
        assert replace(games, **{name: array}).unsound() == f"its {name} are not all numbers"
    results = np.full_like(games.results, 2)
    assert replace(games, results=results).unsound() == "its results are none that a game has"


def test_some_games_are_taken_out_of_many_whole():
    games = played(small(), 200)
    assert len(games) > 3
    keep = np.arange(len(games)) % 2 == 1
    parts = [games.only(np.arange(len(games)) == i) for i in np.flatnonzero(keep)]
    for one, other in zip(
        Games.concatenate(parts).arrays().values(), games.only(keep).arrays().values(), strict=True
    ):
        assert np.array_equal(one, other)
    assert games.only(keep).fault(7, 0) is None
    assert len(games.only(~keep)) + keep.sum() == len(games)


def test_rewards_results_and_weights_are_numbers():
    steps: Any = SimpleNamespace(rewards=np.array([0.0, np.inf], np.float32))
    assert world_rollouts.unsound(steps) == "its rewards are not all numbers"
    assert fitness.unsound(np.array([[1, 9], [-1, 4]], np.int32)) is None
    assert fitness.unsound(np.array([[2, 9]], np.int32)) == "its results are none that a game has"
    with pytest.raises(TengenError, match=r"weights b are not all numbers.*learning_rate"):
        sound({"a": np.ones(2), "b": np.array([1.0, np.nan])})
    assert set(sound({"steps": np.array([3])})) == {"steps"}


def test_a_fault_of_machines_saves_what_came_and_is_told(monkeypatch):
    saved: list[int] = []
    with pytest.raises(MachineError, match="the head"), saving(lambda: saved.append(1)):
        raise MachineError("the head")

    def full() -> None:
        raise MachineError("disk full")

    with pytest.raises(MachineError, match="the head"), saving(full):
        raise MachineError("the head")
    with pytest.raises(KeyError), saving(lambda: saved.append(2)):
        raise KeyError
    with (
        pytest.raises(MachineError, match="the head"),
        saving(lambda: saved.append(4), lambda: saved.append(3)),
    ):
        raise MachineError("the head")
    assert saved == [1, 3, 4]


# --- the pool ---------------------------------------------------------------------------------------------


@pytest.fixture
def faked(monkeypatch):
    """Rollouts of two actors over a stand-in for Ray."""
    ray = FakeRay()
    monkeypatch.setitem(sys.modules, "ray", ray)
    monkeypatch.setattr(ray_pool, "REST_S", 0.0)
    rollouts = RayRollouts(small(rollouts={"workers": 2, "in_flight": 2, "opening_plies": 0}))
    rollouts.publish(newest(rollouts.config), 0)
    return ray, rollouts


def test_games_that_came_before_a_fault_are_there_to_be_kept(faked, monkeypatch):
    _, rollouts = faked
    answers = rollouts.pool.next_answer
    came: list[int] = []

    def next_answer() -> object:
        if came:
            raise MachineError("the head")
        came.append(len((found := answers())[0]))
        return found

    monkeypatch.setattr(rollouts.pool, "next_answer", next_answer)
    more = rollouts.config.rollouts.model_copy(update={"positions_per_update": 1000})
    rollouts.config = rollouts.config.model_copy(update={"rollouts": more})
    with pytest.raises(MachineError, match="the head"):
        rollouts.collect()
    assert sum(came) and len(rollouts.received()) == sum(came) and not len(rollouts.received())


def test_an_answer_that_is_none_is_dropped_counted_and_its_actor_replaced(faked, monkeypatch):
    _, rollouts = faked
    ill = [True]
    monkeypatch.setattr(Games, "unsound", lambda games: "its values are odd" if ill and ill.pop() else None)
    rollouts.collect()
    stats = rollouts.stats()
    assert stats["rejected"] == 1 and stats["restarts"] == 1 and rollouts.stats()["rejected"] == 0


def test_actors_that_all_answer_nonsense_end_the_run_and_say_what_it_was(faked, monkeypatch):
    _, rollouts = faked
    monkeypatch.setattr(ray_pool, "FAILURES", 2)
    monkeypatch.setattr(Games, "unsound", lambda games: "its values are odd")
    with pytest.raises(MachineError, match="keep failing; the last one said: its values are odd"):
        rollouts.collect()


def test_a_machine_without_tengen_ends_the_run_only_where_nobody_has_played(faked):
    ray, rollouts = faked
    died = ray.exceptions.ActorDiedError("died\nModuleNotFoundError: No module named 'tengen'\n")
    ray.faults = [died]
    with pytest.raises(MachineError, match=r"has no module 'tengen'; install .* or .*tengen cluster submit"):
        rollouts.collect()
    rollouts.collect()
    ray.faults = [died]
    rollouts.collect()
    assert rollouts.pool.restarts == 1


def test_who_fails_again_and_again_rests_longer_and_longer(faked, monkeypatch):
    _, rollouts = faked
    monkeypatch.setattr(ray_pool, "REST_S", 15.0)
    monkeypatch.setattr(ray_pool.time, "monotonic", lambda: 1000.0)
    pool = rollouts.pool
    rests = []
    for _ in range(7):
        pool._fail(0, "odd", "", None)
        rests.append(pool._rests[0] - 1000.0)
        assert (0 in pool.idle()) == (rests[-1] == 0)
    assert rests == [0, 1, 2, 4, 8, 15, 15]
    assert pool.idle() == [1, 1]


class Quiet:
    """Just enough of Ray for questions that are answered, or not."""

    class exceptions:
        class RayError(Exception): ...

        class RayTaskError(RayError): ...

    def __init__(self) -> None:
        self.silent: set[int] = set()
        self.lost: set[int] = set()

    def actor(self, index: int) -> Any:
        return SimpleNamespace(ready=SimpleNamespace(remote=lambda: (index, object())))

    def wait(self, calls: list[Any], num_returns: int, timeout: float) -> Any:
        return [call for call in calls if call[0] not in self.silent][:num_returns], []

    def get(self, call: Any) -> None:
        if call[0] in self.lost:
            raise self.exceptions.RayError


def test_silence_counts_from_when_an_actor_has_a_place():
    ray = Quiet()
    pulse, actors = Pulse(ray), {index: ray.actor(index) for index in range(3)}
    ray.silent = {2}  # waits for a place
    for index, actor in actors.items():
        pulse.begin(index, actor)
    for _ in range(3 * SILENT_LOOKS):
        assert pulse.look(actors) == []
    assert pulse.placed == {0, 1}
    ray.silent, ray.lost = {0, 2}, {1}  # one hangs, one is out of reach
    found = [pulse.look(actors) for _ in range(SILENT_LOOKS + 1)]
    assert found[-1] == [0, 1] and not any(found[:-2])
    pulse.heard(0)
    assert pulse.look(actors) == [1]
    pulse.forget(1)
    assert pulse.placed == {0}


# --- Ray itself -------------------------------------------------------------------------------------------


def test_another_version_is_told_as_both_versions():
    said = (
        "Version mismatch: The cluster was started with:\n    Ray: 2.9.0\n    Python: 3.10.2\n"
        "This process on node 1.2.3.4 was started with:\n    Ray: 2.60.0\n    Python: 3.11.7\n"
    )
    assert ray_cluster._reason(RuntimeError(said)) == (
        "it runs Ray 2.9.0 and Python 3.10.2, and this is Ray 2.60.0 and Python 3.11.7; "
        "all machines need the same"
    )


def test_the_object_store_takes_what_shared_memory_has(monkeypatch, capsys):
    usage = namedtuple("usage", "free")
    for free, size in ((2**30, 500), (200, 180), (100, 500), (32, 500)):
        free_bytes = free * 2**20 if free < 2**20 else free
        monkeypatch.setattr(shutil, "disk_usage", lambda path, free_bytes=free_bytes: usage(free_bytes))
        assert ray_session.store_bytes(500 * 2**20) == size * 2**20
    assert capsys.readouterr().err.count("too little for Ray's objects") == 2


def test_what_ray_says_of_its_machines_goes_to_standard_error_in_a_line(capsys):
    worker = SimpleNamespace(print_to_stdstream=print)
    ray_session.quiet(SimpleNamespace(_private=SimpleNamespace(worker=worker)))
    lines = ["Raylet is terminated. Last 20 lines:\n    [a]\n    [b]\n"]
    worker.print_to_stdstream({"lines": lines, "pid": "raylet", "is_err": False}, ignore_prefix=False)
    out, err = capsys.readouterr()
    assert out == "" and err == "Ray: Raylet is terminated. Last 20 lines:\n"
    ray_session.quiet(SimpleNamespace())  # a Ray that has no such thing


@pytest.mark.parametrize("end", ["ray_session.end()", "os.kill(os.getpid(), 9)", "pass"])
def test_the_folder_of_a_ray_goes_however_we_end(end):
    program = f"""
        import os
        from pathlib import Path
        from tengen.selfplay import ray_session
        path = ray_session.begin()["_temp_dir"]
        (Path(path) / "log").write_text("x")
        print(path, flush=True)
        {end}
    """
    without = {name: value for name, value in os.environ.items() if name != "RAY_TMPDIR"}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, env=without
    )
    path = done.stdout.strip()
    assert path.startswith("/tmp/tengen-ray-")
    within(30, lambda: not os.path.exists(path), path)


def test_a_ray_whose_folder_is_chosen_keeps_it(monkeypatch):
    monkeypatch.setenv("RAY_TMPDIR", "/somewhere")
    assert ray_session.begin() == {}
