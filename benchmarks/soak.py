"""A training run in which actors and machines are killed again and again, beside the same run in peace.

Two machines, on this one, have room for all actors each. Every so often one actor or one machine, as chance
has it, is killed by SIGKILL, and another machine takes the place of one that was. Two more runs play as many
games as the first and nobody is killed; they differ in their seeds, so that one sees how far chance alone
takes learning curves apart. Compared are these curves, what the networks in the end score against each
other, and memory over time.
"""

import argparse
import contextlib
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tengen.benchmarks.machines import MachinesHere, cluster_here
from tengen.benchmarks.measuring import settled_and_last, span, whole
from tengen.benchmarks.recovery import CHECKS
from tengen.errors import TengenError

BINS = 10  # of a learning curve
GAMES = 400  # between two networks in the end
MEASURE_S = 1.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the benchmark."""
    parser.add_argument("--minutes", type=span(100_000), default=1.0, help="of the run with kills")
    parser.add_argument(
        "--kill-every", type=span(36_000), default=20.0, help="seconds (default: %(default)s)"
    )
    parser.add_argument("--game", default="connect4", help="default: %(default)s")
    parser.add_argument("--actors", type=whole(1, 1024), default=2, help="default: %(default)s")
    parser.add_argument("--checks", choices=list(CHECKS), default="default", help="default: %(default)s")
    parser.add_argument("--seed", type=whole(0), default=1, help="of the kills and the runs")


def run(args: argparse.Namespace) -> dict[str, float]:
    """Figures: kills, restarts; the largest difference of two learning curves and the score of their nets,
    of the run with kills against one in peace and (chance_...) of two in peace; memory's growth.
    """
    import tempfile

    from tengen.agents.registry import make_agent
    from tengen.envs.registry import make_game
    from tengen.league.match import play_match

    with tempfile.TemporaryDirectory(prefix="tengen-soak-") as folder:
        with cluster_here(CHECKS[args.checks]) as machines:
            disturbed = _train(args, machines, Path(folder) / "disturbed", kills=True)
        games = int(disturbed["games"])
        peaceful = []
        for seed in (args.seed, args.seed + 1):
            with cluster_here(CHECKS[args.checks]) as machines:
                where = Path(folder) / f"peaceful-{seed}"
                peaceful.append(_train(args, machines, where, kills=False, games=games, seed=seed))
        runs = (disturbed, *peaceful)
        curves = [run["curve"] for run in runs]
        game = make_game(args.game)
        first, one, other = (make_agent(f"policy:{run['folder']}?temperature=0.5", game) for run in runs)
        scores = [
            play_match(game, a, b, GAMES, seed=args.seed).score for a, b in ((first, one), (one, other))
        ]
    return {
        "kills": float(disturbed["kills"]),
        "restarts": float(disturbed["restarts"]),
        "games": float(games),
        "games_per_s": games / disturbed["seconds"],
        "peaceful_games_per_s": peaceful[0]["games"] / peaceful[0]["seconds"],
        "loss": float(curves[0][-1]),
        "peaceful_loss": float(curves[1][-1]),
        "largest_difference": _apart(curves[0], curves[1]),
        "chance_difference": _apart(curves[1], curves[2]),
        "score": scores[0],
        "chance_score": scores[1],
        "bytes_settled": float(disturbed["memory"][0]),
        "bytes_after": float(disturbed["memory"][1]),
        "bytes_growth": float(disturbed["memory"][1] / disturbed["memory"][0]),
    }


def _apart(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    return float(np.abs(one - other)[1:].max())


def _train(
    args: argparse.Namespace,
    machines: MachinesHere,
    folder: Path,
    *,
    kills: bool,
    games: int = 0,
    seed: int | None = None,
) -> dict[str, Any]:
    """A run of the same recipe; its curve over games, and what happened beside it."""
    from tengen.config import to_yaml
    from tengen.metrics import read_metrics
    from tengen.rundir import RunDir
    from tengen.selfplay.alphazero import train

    for _ in range(2):
        machines.add(args.actors)
    config = _recipe(args, machines.address, games, args.seed if seed is None else seed)
    began = time.perf_counter()
    with RunDir.create(folder, to_yaml(config)) as directory, Beside(args, machines, kills) as beside:
        train(config, directory)
    seconds = time.perf_counter() - began
    rows = [row for row in read_metrics(folder) if row.get("loss") is not None]
    if len(rows) < BINS:
        raise TengenError(f"--minutes {args.minutes:g} are over before anything is learnt; try more")
    losses = np.array([row["loss"] for row in rows])
    curve = binned(np.array([row["games"] for row in rows]), losses)
    return {
        "curve": curve,
        "folder": folder,
        "games": rows[-1]["games"],
        "restarts": rows[-1]["restarts"],
        "kills": beside.kills,
        "seconds": seconds,
        "memory": beside.memory(),
    }


def _recipe(args: argparse.Namespace, address: str, games: int, seed: int) -> Any:
    from tengen.selfplay.config import TrainConfig

    stop = {"games": games} if games else {"minutes": args.minutes}
    return TrainConfig.model_validate(
        {
            "game": args.game,
            "seed": seed,
            "network": {"blocks": 2, "channels": 16},
            "search": {"simulations": 16, "considered": 8},
            "rollouts": {
                "workers": args.actors,
                "address": address,
                "games": 32,
                "positions_per_update": 512,
                "placement": "spread",
            },
            "replay": {"base": 8000, "min_positions": 512, "growth": 0.0, "max_positions": 8000},
            "learner": {"batch_size": 128, "threads": 1, "final_learning_rate": 1e-3, "compile": False},
            "stop": stop,
        }
    )


def binned(games: NDArray[np.float64], losses: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean losses [BINS] of equal shares of a run's games; a share without rows is as the one before."""
    which = np.minimum((games * BINS / games[-1]).astype(int), BINS - 1)
    curve = np.full(BINS, losses[0])
    for i in range(BINS):
        mine = losses[which == i]
        curve[i] = mine.mean() if len(mine) else curve[i - 1]
    return curve


class Beside:
    """A thread beside training that kills, and measures memory. A context manager."""

    def __init__(self, args: argparse.Namespace, machines: MachinesHere, kills: bool) -> None:
        self._args, self._machines, self._does_kill = args, machines, kills
        self._rng = np.random.default_rng(args.seed)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._bytes: list[int] = []
        self.kills = 0

    def __enter__(self) -> "Beside":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def memory(self) -> tuple[float, float]:
        """Of this process and Ray's without actors, once the run has settled, and in the end."""
        return settled_and_last(self._bytes)

    def _work(self) -> None:
        import psutil

        from tengen.benchmarks.rollouts_many import ray_bytes

        due = time.monotonic() + self._args.kill_every
        while not self._stop.wait(MEASURE_S):
            self._bytes.append(psutil.Process().memory_info().rss + int(ray_bytes()))
            if self._does_kill and time.monotonic() >= due:
                self._kill_one()
                due += self._args.kill_every

    def _kill_one(self) -> None:
        """An actor, or a machine, whose place another one takes."""
        import psutil

        machine = self._machines.all[int(self._rng.integers(len(self._machines.all)))]
        actors = self._machines.actors(machine)
        self.kills += 1
        if actors and self._rng.random() < 0.5:
            try:
                actors[int(self._rng.integers(len(actors)))].kill()
            except psutil.Error:
                return  # it had ended
            return
        with contextlib.suppress(psutil.Error):  # it had ended
            self._machines.kill(machine)
        self._machines.clear(machine)
        self._machines.add(self._args.actors)
