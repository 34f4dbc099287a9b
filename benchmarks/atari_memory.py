"""Peak memory of a process that learns an Atari game until its replay is full: emulators, torch and all.

A fresh process trains by a recipe, with a gradient step only now and then, so that the replay fills in a
minute rather than in an hour.
"""

import argparse
import json
import tempfile
from pathlib import Path

from tengen.benchmarks.measuring import whole
from tengen.benchmarks.memory import in_a_fresh_process, peak_bytes

SCRIPT = "import sys; from tengen.benchmarks.atari_memory import fill; fill(sys.argv[1])"
LEARNS_EVERY = 100  # of the recipe's gradient steps one is made


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the benchmark."""
    parser.add_argument("--recipe", default="pong", help="of kind dqn (default: %(default)s)")
    parser.add_argument("--capacity", type=whole(1000, 10**9), default=100_000, help="steps (%(default)s)")


def run(args: argparse.Namespace) -> dict[str, float]:
    """Figures: bytes (the most ever held), idle_bytes (before anything of it was there), steps."""
    return in_a_fresh_process(SCRIPT, args)


def fill(options: str) -> None:
    """Train as the options (JSON) say and print the figures as JSON."""
    from tengen.benchmarks.atari_loop import Unwatched
    from tengen.config import load_config
    from tengen.rundir import RunDir
    from tengen.selfplay import dqn
    from tengen.selfplay.dqn_config import DqnTrainConfig

    wanted = json.loads(options)
    config = load_config(wanted["recipe"], DqnTrainConfig)
    capacity = wanted["capacity"]
    every = config.learner.steps_per_update * LEARNS_EVERY
    config = config.model_copy(
        update={
            "replay": config.replay.model_copy(update={"capacity": capacity, "min_steps": capacity // 10}),
            "learner": config.learner.model_copy(update={"steps_per_update": every}),
            "stop": config.stop.model_copy(update={"minutes": 0, "steps": capacity + capacity // 10}),
        }
    )
    idle = peak_bytes()
    with (
        tempfile.TemporaryDirectory() as folder,
        RunDir.create(Path(folder) / "run", "game: measured") as run,
    ):
        dqn.train(config, run, Unwatched())
    print(json.dumps({"bytes": peak_bytes(), "idle_bytes": idle, "steps": capacity}))
