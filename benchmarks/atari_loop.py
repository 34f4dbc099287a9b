"""The whole training loop on the whole machine: actors in Ray against a thread of the learner's process.

Both train by the same recipe in folders that go again, turn by turn (A B A B). Steps count from the time when
each has started and learns.
"""

import argparse
import tempfile
from pathlib import Path
from statistics import mean
from typing import Any

from tengen.benchmarks.measuring import span, whole
from tengen.errors import TengenError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the benchmark."""
    parser.add_argument("--recipe", default="pong", help="of kind dqn (default: %(default)s)")
    parser.add_argument("--actors", type=whole(1, 1024), default=2, help="of Ray (default: %(default)s)")
    parser.add_argument("--seconds", type=span(36_000), default=40.0, help="of a turn (default: %(default)s)")
    parser.add_argument("--turns", type=whole(1, 1000), default=2, help="of each side (default: %(default)s)")


def run(args: argparse.Namespace) -> dict[str, float]:
    """Figures: ratio (Ray over in-process), per_second and ray_per_second (steps of the worlds)."""
    from tengen.config import load_config
    from tengen.selfplay.dqn_config import DqnTrainConfig

    config = load_config(args.recipe, DqnTrainConfig)
    worlds = max(1, config.rollouts.worlds // args.actors)
    rates: list[list[float]] = [[], []]
    for _ in range(args.turns):
        for workers, found in zip((0, args.actors), rates, strict=True):
            update = {"workers": workers, "worlds": worlds if workers else config.rollouts.worlds}
            rollouts = config.rollouts.model_copy(update=update | {"cpus_per_worker": 0.5})
            found.append(train(config.model_copy(update={"rollouts": rollouts}), args.seconds))
    return {
        "ratio": mean(rates[1]) / mean(rates[0]),
        "per_second": mean(rates[0]),
        "ray_per_second": mean(rates[1]),
    }


def train(config: Any, seconds: float) -> float:
    """Steps a second of a run that learns for so many seconds."""
    from tengen.metrics import read_metrics
    from tengen.rundir import RunDir
    from tengen.selfplay import dqn

    replay = config.replay.model_copy(update={"min_steps": min(config.replay.min_steps, 2000)})
    stop = config.stop.model_copy(update={"minutes": (seconds + 15) / 60, "steps": 0, "updates": 0})
    with tempfile.TemporaryDirectory() as folder:
        with RunDir.create(Path(folder) / "run", "game: measured") as run:
            dqn.train(config.model_copy(update={"replay": replay, "stop": stop}), run, Unwatched())
        rows = [row for row in read_metrics(Path(folder) / "run") if "loss" in row]
    if len(rows) < 4:
        raise TengenError(f"--seconds {seconds:g} is too short: the learner has hardly begun; give more")
    first, last = rows[1], rows[-1]
    return float((last["steps"] - first["steps"]) / (last["seconds"] - first["seconds"]))


class Unwatched:
    """No evaluations beside training."""

    def begin(self, network: Any, update: int) -> None:
        """Nothing is played."""

    def finished(self, wait: bool = False) -> dict[str, float]:
        """Nothing to tell."""
        return {}

    def close(self) -> None:
        """Nothing to stop."""
