"""Training in worlds from end to end: it learns, it stops and goes on, and says what is wrong."""

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
from tengen.cli import train_worlds
from tengen.config import load_config
from tengen.envs.make_worlds import make_worlds
from tengen.machine import usable_cores
from tengen.metrics import read_metrics
from tengen.networks.q_evaluator import QEvaluator
from tengen.networks.weights import network_weights
from tengen.rundir import RunDir, checkpoints
from tengen.selfplay import dqn, world_session
from tengen.selfplay.dqn_config import DqnTrainConfig
from tengen.selfplay.world_rollouts import Actor

SMALL = """
kind: dqn
game: gym/CartPole-v1
network: {torso: mlp, hidden: 32}
replay: {capacity: 2000, min_steps: 200}
learner: {batch_size: 32, n_step: 3, double: true, learning_rate: 1.0e-3, target_period: 20, gamma: 0.99}
exploration: {start: 1.0, end: 0.1, steps: 1000}
rollouts: {worlds: 4, steps: 8, beside_learning: false}
evaluation: {every_minutes: 60, episodes: 4, worlds: 4}
stop: {steps: 1600}
"""


class NoJudge:
    """Nobody plays beside training."""

    def begin(self, network, update) -> None:
        """Leave it."""

    def finished(self, wait=False) -> dict[str, float]:
        """Nothing to tell."""
        return {}

    def close(self) -> None:
        """Nothing to stop."""


@pytest.fixture
def recipe(tmp_path: Path) -> str:
    path = tmp_path / "small.yaml"
    path.write_text(SMALL)
    return str(path)


def small(recipe: str, *overrides: str) -> DqnTrainConfig:
    return load_config(recipe, DqnTrainConfig, overrides)


def final_weights(run: Path) -> dict[str, np.ndarray]:
    return load_file(list(checkpoints(run).values())[-1] / "weights.safetensors")


class Killed(BaseException):
    """As if the process had been killed right after a checkpoint."""


@pytest.mark.parametrize(
    "option", ["seed=0", "replay.prioritised=true", "network.noisy=true", "network.dropout=0.2"]
)
def test_a_run_taken_up_again_ends_as_if_never_interrupted(recipe, tmp_path, monkeypatch, option):
    config = small(recipe, option, "checkpoint.every_minutes=0.00001")
    with RunDir.create(tmp_path / "whole", "game: x") as run:
        assert dqn.train(config, run, NoJudge())
    saves = []

    def save_and_die(saved, run, rollouts):
        saves.append(saved.clock.collected)
        saving(saved, run, rollouts)
        if len(saves) == 23:
            raise Killed

    saving = world_session.save
    monkeypatch.setattr(world_session, "save", save_and_die)
    with RunDir.create(tmp_path / "parts", "game: x") as run, pytest.raises(Killed):
        dqn.train(config, run, NoJudge())
    assert 200 < saves[-1] < 1600
    monkeypatch.setattr(world_session, "save", saving)
    with RunDir.open(tmp_path / "parts") as run:
        assert dqn.train(config, run, NoJudge(), resume=True)
    whole, parts = final_weights(tmp_path / "whole"), final_weights(tmp_path / "parts")
    assert whole.keys() == parts.keys()
    for name in whole:
        assert np.array_equal(whole[name], parts[name]), name


def test_a_run_leaves_what_it_promises(recipe, tmp_path, capsys):
    run = tmp_path / "run"
    arguments = [
        "train",
        recipe,
        "--run",
        str(run),
        "evaluation.final_episodes=3",
        "rollouts.beside_learning=true",
        f"seed={2**62 - 1}",
    ]
    assert cli.main(arguments) == 0
    captured = capsys.readouterr()
    assert "tengen watch gym/CartPole-v1 --agent 'dqn:" in captured.out and "3 episodes" in captured.out
    rows = read_metrics(run)
    row, losses = rows[-1], [found["loss"] for found in rows if "loss" in found]
    assert row["steps"] == 1600 and row["learner_steps"] == (1600 - 192) // 4
    assert row["evaluation/low"] <= row["evaluation/mean"] <= row["evaluation/high"]
    assert losses and min(losses) > 0 and row["replay"] == 1600
    assert json.loads((run / "best" / "evaluations.json").read_text())["mean"] == row["evaluation/mean"]
    assert cli.main(["evaluate", f"dqn:{run}/latest", "gym/CartPole-v1", "--episodes", "2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["episodes"] == 2


def test_noise_in_the_weights_explores_without_epsilon(recipe):
    still = np.zeros(4, np.float32)
    for noisy in (True, False):
        actor = Actor(small(recipe, f"network.noisy={str(noisy).lower()}", "rollouts.steps=60"), seed=1)
        played, _ = actor.collect(network_weights(actor.evaluator._master), 0, still)
        seen = played.frames.reshape(-1, 1, 4)
        greedy = QEvaluator(actor.evaluator._master)(seen).argmax(1)
        assert (greedy != played.actions.reshape(-1)).any() == noisy
        actor.close()


@pytest.mark.slow
def test_the_pole_is_balanced(tmp_path, capsys):
    run = tmp_path / "run"
    assert cli.main(["train", "configs/cartpole.yaml", "--run", str(run), "evaluation.episodes=40"]) == 0
    best = json.loads((run / "best" / "evaluations.json").read_text())
    assert best["mean"] >= 400, best


@pytest.mark.slow
def test_killed_in_the_middle_it_goes_on(recipe, tmp_path):
    run = tmp_path / "run"
    options = ["stop.steps=1000000", "checkpoint.every_minutes=0.01", "rollouts.beside_learning=true"]
    command = [sys.executable, "-m", "tengen", "train", recipe, "--run", str(run), *options]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 120
        while len(checkpoints(run)) < 3 and time.monotonic() < deadline:
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
    steps = json.loads((list(checkpoints(run).values())[-1] / "state.json").read_text())["extra"]["loop"][
        "steps"
    ]
    again = [sys.executable, "-m", "tengen", "train", "--resume", str(run), f"stop.steps={steps + 500}"]
    done = subprocess.run(again, capture_output=True, text=True, timeout=120, env=dict(os.environ))
    assert done.returncode == 0, done.stderr
    row = read_metrics(run)[-1]
    assert row["steps"] >= steps + 500 and row["replay"] >= min(1900, row["steps"])


@pytest.mark.ray
@pytest.mark.slow
def test_ray_actors_feed_one_learner_each_with_its_own_epsilon(recipe, tmp_path):
    options = [
        "rollouts.workers=2",
        "rollouts.cpus_per_worker=0.5",
        "replay.prioritised=true",
        "exploration.ladder=true",
    ]
    run = tmp_path / "run"
    assert cli.main(["train", recipe, "--run", str(run), *options]) == 0
    row = read_metrics(run)[-1]
    assert row["steps"] >= 1600 and row["restarts"] == 0
    assert row["epsilon"] == pytest.approx(np.mean(0.4 ** (1 + 7 * np.arange(8) / 7)), abs=1e-4)


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        (["game=atari/Pogn"], "Pong"),
        (["game=gym/CartPol-v1"], "CartPole"),
        (["kind=dqm"], "kind: 'dqm' is no kind of training; did you mean dqn?"),
        (["network.head=c51", "learner.munchausen={}", "learner.double=false"], "munchausen"),
        (["network.torso=nature"], "nature"),
        (["replay.capacity=100"], "min_steps"),
        (["replay.capacity=200", "rollouts.worlds=30"], "its capacity should be 240 or more"),
        (["replay.capacity=100000000000"], "capacity"),
        (["learner.batch_sise=3"], "did you mean learner.batch_size?"),
        (["learner.target_polyak=0.5"], "target_polyak"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_made(recipe, tmp_path, capsys, overrides, sentence):
    assert cli.main(["train", recipe, "--run", str(tmp_path / "run"), *overrides]) == 2
    error = capsys.readouterr().err.strip()
    assert sentence in error and len(error.splitlines()) == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("learner.minibatches=7", "learner.minibatches 7 does not divide a rollout of 1024 steps"),
        ("network.noisy=true", "PQN explores by epsilon"),
        ("learner.compile=true", "learner.compile: unknown key"),
    ],
)
def test_what_pqn_cannot_do_is_refused_before_anything_is_made(tmp_path, capsys, override, sentence):
    assert cli.main(["train", "configs/pqn.yaml", "--run", str(tmp_path / "run"), override]) == 2
    error = capsys.readouterr().err.strip()
    assert sentence in error and len(error.splitlines()) == 1
    assert not (tmp_path / "run").exists()


def test_workers_as_many_as_fit_are_settled_before_the_run_begins(recipe, tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(train_worlds, "train", lambda config, run, resume: seen.append(config) or True)
    assert cli.main(["train", recipe, "--run", str(tmp_path / "run"), "rollouts.workers=auto"]) == 0
    assert seen[0].rollouts.workers == usable_cores()
    assert f"workers: {usable_cores()}" in (tmp_path / "run" / "config.yaml").read_text()


def test_a_replay_too_large_for_the_memory_is_foreseen(recipe, tmp_path, capsys):
    overrides = ["game=atari/Pong", "network.torso=nature", "replay.capacity=900000000"]
    assert cli.main(["train", recipe, "--run", str(tmp_path / "run"), *overrides]) == 2
    assert "replay" in capsys.readouterr().err and not (tmp_path / "run").exists()


def test_a_run_keeps_its_rewards_but_not_its_threads(recipe, tmp_path, capsys):
    run = tmp_path / "run"
    assert cli.main(["train", recipe, "--run", str(run), "stop.steps=64"]) == 0
    assert cli.main(["train", "--resume", str(run), "worlds.clip_rewards=true", "stop.steps=96"]) == 2
    assert "worlds cannot change in a run" in capsys.readouterr().err
    assert read_metrics(run)[-1]["steps"] == 64
    assert cli.main(["train", "--resume", str(run), "rollouts.threads=2", "stop.steps=96"]) == 0
    assert read_metrics(run)[-1]["steps"] == 96


def test_another_worlds_run_is_not_taken_up(recipe, tmp_path, capsys):
    run = tmp_path / "run"
    assert cli.main(["train", recipe, "--run", str(run), "stop.steps=64"]) == 0
    assert cli.main(["train", "--resume", str(run), "game=gym/Acrobot-v1"]) == 2
    assert "game cannot change in a run" in capsys.readouterr().err


def test_values_that_a_saved_run_cannot_have_leave_it_as_it_was(recipe, tmp_path, capsys):
    run = tmp_path / "run"
    assert cli.main(["train", recipe, "--run", str(run), "stop.steps=256"]) == 0
    before = (run / "config.yaml").read_text()
    for wrong, reason in {
        "rollouts.worlds=2": "4 of gym/CartPole-v1, but 2 are to go on",
        "worlds.stack=2": "stacked frames 1",
        "learner.optimizer=rmsprop": "learner.optimizer should stay as it was",
    }.items():
        assert cli.main(["train", "--resume", str(run), "stop.steps=400", wrong]) == 2
        assert reason in capsys.readouterr().err
        assert (run / "config.yaml").read_text() == before
    assert cli.main(["train", "--resume", str(run), "stop.steps=288"]) == 0
    assert "steps: 288" in (run / "config.yaml").read_text()


def test_worlds_are_those_of_the_configuration(recipe):
    worlds = make_worlds(small(recipe).game, 2, seed=0, config=small(recipe).worlds)
    assert worlds.spec.name == "gym/CartPole-v1" and worlds.reset().shape == (2, 1, 4)
    worlds.close()
