"""Training from the command line, from the first second to the last: what is on disk, and what survives."""

import contextlib
import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from tengen import cli
from tengen.league.store import Store
from tengen.metrics import read_metrics
from tengen.rundir import RunDir, checkpoints
from tengen.selfplay.resume import OPTIMIZER
from tengen.selfplay.shards import shards

RECIPE = """
game: connect4
seed: 3
network: {blocks: 1, channels: 8, head_channels: 4, value_hidden: 8}
search: {simulations: 4, considered: 4}
rollouts: {games: 16, threads: 1, positions_per_update: 128, opening_plies: 2}
replay: {base: 500, min_positions: 64}
learner: {batch_size: 32, threads: 1, warmup_steps: 2}
evaluation: {every_minutes: 60, games: 4, simulations: 4, opponents: [random]}
stop: {updates: 6}
"""


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "tiny.yaml"
    path.write_text(RECIPE)
    return str(path)


def fault(capsys, code: int, *arguments: str) -> str:
    """The one sentence on standard error that a command which ends with `code` answers."""
    assert cli.main(["train", *arguments]) == code
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("tengen: error: ")
    return line.removeprefix("tengen: error: ")


def weights(run: Path, step: int) -> dict[str, np.ndarray]:
    return load_file(checkpoints(run)[step] / "weights.safetensors")


def same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[k], other[k]) for k in one)


def start(*arguments: str) -> subprocess.Popen[str]:
    """A training process of its own, in its own process group."""
    return subprocess.Popen(
        [sys.executable, "-m", "tengen", "train", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_for(process: subprocess.Popen[str], condition, limit_s: float = 240) -> None:
    """Wait until a process has brought something about, or fail if it ends or takes too long."""
    until = time.monotonic() + limit_s
    while not condition():
        if process.poll() is not None or time.monotonic() > until:
            process.kill()
            raise AssertionError(f"ended or late: {process.communicate()}")
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.05)


def test_a_run_leaves_what_it_promises(recipe, tmp_path, capsys):
    run = tmp_path / "runs" / "tiny"
    assert cli.main(["train", recipe, "--run", str(run), "evaluation.final_games=4"]) == 0
    out = capsys.readouterr().out
    assert "The trained network, 4 simulations a move" in out and "random" in out
    assert f"tengen play connect4 --opponent 'mcts:{run}/latest?sims=100'" in out
    rows = read_metrics(run)
    assert [row["step"] for row in rows] == [1, 2, 3, 4, 5, 6]
    for name in ("time", "seconds", "learner_steps", "games", "positions", "progress"):
        values = [row[name] for row in rows]
        assert values == sorted(values), name
    assert rows[-1]["learner_steps"] == rows[-1]["positions"] * 2 // 32
    assert rows[-1]["score/random"] is not None and "rating" in rows[-1]
    assert 6 in checkpoints(run)
    assert {file.name for file in checkpoints(run)[6].iterdir()} == {
        "weights.safetensors", OPTIMIZER, "state.json", "keep"
    }  # fmt: skip
    assert list((run / "tensorboard").glob("events.*"))
    assert list(shards(run / "replay"))
    assert "game: connect4" in (run / "config.yaml").read_text()


def test_the_younger_self_of_the_final_table_is_kept_for_good(recipe, tmp_path):
    run = tmp_path / "run"
    assert cli.main(["train", recipe, "--run", str(run), "checkpoint.keep=1"]) == 0
    assert list(checkpoints(run)) == [2, 6]
    assert all((folder / "keep").exists() for folder in checkpoints(run).values())


@pytest.mark.parametrize("beside", [[], ["rollouts.beside_learning=true", "rollouts.threads=2"]])
def test_the_same_seed_gives_the_same_network(recipe, tmp_path, beside):
    for name, seed in (("one", 3), ("same", 3), ("other", 4)):
        run = ["--run", str(tmp_path / name), f"seed={seed}", "stop.updates=3"]
        assert cli.main(["train", recipe, *run, *beside]) == 0
    assert same(weights(tmp_path / "one", 3), weights(tmp_path / "same", 3))
    assert not same(weights(tmp_path / "one", 3), weights(tmp_path / "other", 3))


@pytest.mark.parametrize("beside", ["false", "true"])
def test_ctrl_c_finishes_the_step_saves_and_says_how_to_go_on(recipe, tmp_path, capsys, beside):
    run = tmp_path / "run with a space"
    process = start(recipe, "--run", str(run), "stop.updates=100000", f"rollouts.beside_learning={beside}")
    wait_for(process, lambda: len(read_metrics(run)) >= 2)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert out.splitlines()[-1] == f"saved; go on with: tengen train --resume '{run}'"
    assert "finishing the step" in err and "Traceback" not in err
    newest = list(checkpoints(run))[-1]
    assert read_metrics(run)[-1]["step"] == newest
    assert cli.main(["train", "--resume", str(run), f"stop.updates={newest + 2}"]) == 0
    assert [row["step"] for row in read_metrics(run)] == list(range(1, newest + 3))


def test_after_kill_9_everything_is_taken_up_again(recipe, tmp_path, capsys):
    run = tmp_path / "run"
    process = start(
        recipe,
        "--run",
        str(run),
        "stop.updates=100000",
        "checkpoint.every_minutes=0.0001",
        "checkpoint.keep=2",
    )
    wait_for(process, lambda: len(checkpoints(run)) >= 2 and len(read_metrics(run)) >= 4)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    step, folder = list(checkpoints(run).items())[-1]
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    state = json.loads(before["state.json"])["extra"]
    rows = [row for row in read_metrics(run) if row["step"] <= step]
    assert cli.main(["train", "--resume", str(run), f"stop.updates={step}"]) == 0  # nothing left to do
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before
    assert cli.main(["train", "--resume", str(run), f"stop.updates={step + 2}"]) == 0
    after = read_metrics(run)
    assert after[: len(rows)] == rows and after[-1]["step"] == step + 2
    assert after[-1]["positions"] > state["replay"]["total_positions"]
    assert after[-1]["window"] > 128  # more than the new games: the old ones came back
    assert after[-1]["learner_steps"] > state["learner_steps"] >= 1
    assert after[-1]["seconds"] > state["loop"]["seconds"]
    final = json.loads((checkpoints(run)[step + 2] / "state.json").read_text())["extra"]
    assert final["loop"]["learner_steps"] == final["learner_steps"] == after[-1]["learner_steps"]


def test_resuming_restores_weights_moments_replay_streams_and_counters(recipe, tmp_path):
    """Two resumptions of one checkpoint go on alike; a run with other streams would part from them."""
    run = tmp_path / "run"
    assert cli.main(["train", recipe, "--run", str(run), "stop.updates=3"]) == 0
    twin = tmp_path / "twin"
    subprocess.run(["cp", "-r", str(run), str(twin)], check=True)
    before = load_file(checkpoints(run)[3] / OPTIMIZER)
    for path in (run, twin):
        assert cli.main(["train", "--resume", str(path), "stop.updates=5"]) == 0
    assert same(weights(run, 5), weights(twin, 5))
    after, again = (load_file(checkpoints(path)[5] / OPTIMIZER) for path in (run, twin))
    assert same(after, again) and not same(after, before)
    assert [n for n, _ in shards(run / "replay")] == [n for n, _ in shards(twin / "replay")]
    steps = {name: value for name, value in after.items() if name.endswith(".step")}
    assert {float(value) for value in steps.values()} == {float(read_metrics(run)[-1]["learner_steps"])}


def test_what_a_resumed_run_was_told_stays_told(recipe, tmp_path, capsys):
    run = tmp_path / "run"
    assert cli.main(["train", recipe, "--run", str(run), "stop.updates=1"]) == 0
    assert cli.main(["train", "--resume", str(run), "stop.updates=2", "learner.learning_rate=0.01"]) == 0
    assert "learning_rate: 0.01" in (run / "config.yaml").read_text()
    assert cli.main(["train", "--resume", str(run)]) == 0
    assert list(checkpoints(run))[-1] == 2
    for change in ("game=go5", "network.channels=16"):
        assert "cannot change in a run" in fault(capsys, 2, "--resume", str(run), change)


def test_a_run_stopped_before_its_first_checkpoint_begins_anew(recipe, tmp_path):
    run = tmp_path / "run"
    with RunDir.create(run, RECIPE):
        (run / "replay" / "shard-00000000.safetensors").write_bytes(b"of a save that was never finished")
    assert cli.main(["train", "--resume", str(run), "stop.updates=1"]) == 0
    (number, shard), *_ = shards(run / "replay")
    assert number == 0 and load_file(shard)["lengths"].sum() > 0


def test_a_damaged_shard_is_said_and_left_out(recipe, tmp_path, capsys):
    run = tmp_path / "run"
    assert cli.main(["train", recipe, "--run", str(run), "stop.updates=2"]) == 0
    (_, first), *_ = shards(run / "replay")
    first.write_bytes(first.read_bytes()[:100])
    capsys.readouterr()
    assert cli.main(["train", "--resume", str(run), "stop.updates=3"]) == 0
    assert f"{first}: cannot be read and is left out" in capsys.readouterr().err


def test_a_run_in_use_is_refused(recipe, tmp_path, capsys):
    run = tmp_path / "run"
    with RunDir.create(run, RECIPE):
        for arguments in ([recipe, "--run", str(run)], ["--resume", str(run)]):
            assert f"is in use by process {os.getpid()}" in fault(capsys, 2, *arguments)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["serach.simulations=8"], "command line: serach: unknown key; did you mean search?"),
        (["search.simulatons=8"], "search.simulatons: unknown key; did you mean search.simulations?"),
        (["search.simulations=many"], "search.simulations: "),
        (["learner.optimizer=adam"], "learner.optimizer: "),
        (["rollouts.playout_cap.full_fraction=0"], "rollouts.playout_cap.full_fraction: "),
        (["search.simulations=0"], "search.simulations: self-play needs at least 1 simulation"),
        (["game=conect4"], "did you mean connect4?"),
        (["evaluation.opponents=[radnom]"], "unknown agent 'radnom'; did you mean random?"),
        (["evaluation.opponents=[policy:nowhere]"], "nowhere"),
    ],
)
def test_nothing_is_made_before_the_configuration_is_found_right(
    recipe, tmp_path, monkeypatch, capsys, arguments, expected
):
    monkeypatch.chdir(tmp_path)
    assert expected in fault(capsys, 2, recipe, *arguments)
    assert not (tmp_path / "runs").exists()


def test_wrong_usage_is_one_sentence(recipe, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert "needs a recipe" in fault(capsys, 2)
    assert "no such file" in fault(capsys, 2, "nowhere.yaml")
    assert "is not a run" in fault(capsys, 2, "--resume", str(tmp_path / "nothing"))
    assert "exclude each other" in fault(capsys, 2, "--resume", "a", "--run", "b")
    assert "leave out" in fault(capsys, 2, "--resume", str(tmp_path), recipe)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("state.json", "state.json: is not whole JSON"),
        ("weights.safetensors", "weights.safetensors: is truncated or not safetensors"),
        (OPTIMIZER, "the run cannot go on from this checkpoint (Error while deserializing"),
    ],
)
def test_a_damaged_checkpoint_is_one_sentence(recipe, tmp_path, capsys, name, expected):
    run = tmp_path / "run"
    assert cli.main(["train", recipe, "--run", str(run), "stop.updates=2"]) == 0
    file = checkpoints(run)[2] / name
    file.write_bytes(file.read_bytes()[:40])
    sentence = fault(capsys, 2, "--resume", str(run), "stop.updates=3")
    assert expected in sentence
    assert sentence.endswith("; remove step-00000002 to go on from step-00000001")


def test_a_full_disk_ends_the_run_and_leaves_the_last_checkpoint(recipe, tmp_path, monkeypatch, capsys):
    run = tmp_path / "run"
    assert cli.main(["train", recipe, "--run", str(run), "stop.updates=2"]) == 0
    files = {file: file.read_bytes() for file in (run / "checkpoints").glob("*/*")}
    monkeypatch.setattr("tengen.files.os.replace", _full_disk)
    sentence = fault(capsys, 1, "--resume", str(run), "evaluation.every_minutes=0.00001")
    assert "No space left on device" in sentence
    monkeypatch.undo()
    assert {file: file.read_bytes() for file in (run / "checkpoints").glob("*/*")} == files
    assert list(checkpoints(run)) == [1, 2] and not list((run / "checkpoints").glob(".tmp*"))
    assert cli.main(["train", "--resume", str(run), "stop.updates=3"]) == 0


def _full_disk(source: str, target: str) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target))


def test_no_opponents_is_no_reason_to_fail(recipe, tmp_path):
    run = tmp_path / "run"
    assert cli.main(["train", recipe, "--run", str(run), "evaluation.opponents=[]", "stop.updates=2"]) == 0
    assert "rating" not in read_metrics(run)[-1]


def test_ratings_go_on_where_a_run_left_off(recipe, tmp_path, capsys):
    run = tmp_path / "run"
    assert cli.main(["train", recipe, "--run", str(run), "stop.updates=3"]) == 0
    assert cli.main(["train", "--resume", str(run), "stop.updates=6"]) == 0
    with Store.open(run / "league.sqlite") as store:
        met = {frozenset((game.first, game.second)) for game in store.games()}
    assert met == {
        frozenset(pair) for pair in (("update 3", "random"), ("update 6", "random"), ("update 6", "update 3"))
    }
    assert "score/previous" in read_metrics(run)[-1]
    (run / "league.json").write_text("[{")
    assert "league.json: is damaged" in fault(capsys, 2, "--resume", str(run), "stop.updates=7")


def test_matches_beside_training_change_nothing_but_when_they_are_known(recipe, tmp_path):
    often = ["evaluation.every_minutes=0.00001", "stop.updates=4"]
    for name, beside in (("waits", "false"), ("beside", "true")):
        run = str(tmp_path / name)
        assert cli.main(["train", recipe, "--run", run, f"evaluation.beside={beside}", *often]) == 0
    assert same(weights(tmp_path / "waits", 4), weights(tmp_path / "beside", 4))
    last = read_metrics(tmp_path / "beside")[-1]
    assert last["rating_update"] == 4 and "score/random" in last
    rated = [row["rating_update"] for row in read_metrics(tmp_path / "waits") if "rating" in row]
    assert rated == [1, 2, 3, 4]
