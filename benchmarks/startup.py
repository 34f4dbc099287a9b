"""Seconds from the start of a process to the first move of self-play, with nothing compiled and warm.

A fresh process is started twice with a cache folder of its own, which is empty the first time. The clock
runs from before the process exists until each of its players has made a move found by a search and recorded
it; that process builds its rollouts just as `tengen train` does.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time

from tengen.benchmarks.measuring import whole
from tengen.errors import MachineError

DONE = "first move made"
TIMEOUT_S = 1800
SCRIPT = "import sys; from tengen.benchmarks.startup import first_move; first_move(*sys.argv[1:])"
# Settings that would lead the process to caches which are not empty.
CACHES = ("NUMBA_CACHE_DIR", "TENGEN_NUMBA_CACHE", "TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the benchmark."""
    parser.add_argument("--game", default="go9", help="default: %(default)s")
    parser.add_argument("--blocks", type=whole(1, 1000), default=4, help="default: %(default)s")
    parser.add_argument("--channels", type=whole(1, 4096), default=32, help="default: %(default)s")
    parser.add_argument("--threads", type=whole(0, 1024), default=0, help="players; 0 is one a core")


def run(args: argparse.Namespace) -> dict[str, float]:
    """Figures: seconds (cold), warm_seconds."""
    from tengen.envs.registry import make_game

    make_game(args.game)  # an unknown one is told here, not by the process
    options = [args.game, str(args.blocks), str(args.channels), str(args.threads)]
    with tempfile.TemporaryDirectory(prefix="tengen-startup-") as cache:
        cold = timed_start(options, cache)
        warm = timed_start(options, cache)
    return {"seconds": cold, "warm_seconds": warm}


def timed_start(options: list[str], cache: str) -> float:
    """Seconds until a new process that keeps compiled code under `cache` has made its first move."""
    environment = {name: value for name, value in os.environ.items() if name not in CACHES}
    environment["XDG_CACHE_HOME"] = cache
    started = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT, *options], stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            seconds = time.perf_counter() - started
            lines.append(line.strip())
            if line.strip() == DONE:
                process.wait(TIMEOUT_S)
                return seconds
    raise MachineError(f"the process to be timed ended early, with exit code {process.returncode}")


def first_move(game: str, blocks: str, channels: str, threads: str) -> None:
    """Play until the first recorded move of each player, and say so."""
    from tengen.networks.spec import NetworkConfig
    from tengen.selfplay.config import RolloutsConfig, TrainConfig
    from tengen.selfplay.rollouts import make_rollouts

    config = TrainConfig(
        game=game,
        network=NetworkConfig(blocks=int(blocks), channels=int(channels)),
        rollouts=RolloutsConfig(threads=int(threads), positions_per_update=1),
    )
    rollouts = make_rollouts(config)
    rollouts.collect()
    print(DONE, flush=True)
    rollouts.close()
