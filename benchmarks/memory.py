"""Peak memory of a process that plays games with itself: one player, no learner.

A fresh process plays until its games have made several recorded moves each, so that every tree has been full,
and reports the most memory it ever held. `idle_bytes` is what it held with the configuration read, before any
game was there; the rest is torch, compiled code, trees, states and the network at work.
"""

import argparse
import contextlib
import json
import resource
import subprocess
import sys
from pathlib import Path

from tengen.benchmarks.measuring import whole
from tengen.errors import MachineError

TIMEOUT_S = 3600
SCRIPT = "import sys; from tengen.benchmarks.memory import play; play(sys.argv[1])"
MOVES = 4  # recorded, of each game on average


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the benchmark."""
    parser.add_argument("--game", default="go9", help="default: %(default)s")
    parser.add_argument("--games", type=whole(1, 100_000), default=256, help="side by side (%(default)s)")
    parser.add_argument("--simulations", type=whole(1, 10_000), default=64, help="default: %(default)s")
    parser.add_argument("--blocks", type=whole(1, 1000), default=6, help="default: %(default)s")
    parser.add_argument("--channels", type=whole(1, 4096), default=64, help="default: %(default)s")
    parser.add_argument("--reuse-tree", action="store_true", help="keep trees between moves: twice the nodes")


def run(args: argparse.Namespace) -> dict[str, float]:
    """Figures: bytes (the most ever held), idle_bytes, positions (recorded)."""
    from tengen.envs.registry import make_game

    make_game(args.game)  # an unknown one is told here, not by the process
    return in_a_fresh_process(SCRIPT, args)


def in_a_fresh_process(script: str, args: argparse.Namespace) -> dict[str, float]:
    """The figures that a Python script prints as JSON in its last line; it is given the options as JSON."""
    done = subprocess.run(
        [sys.executable, "-c", script, json.dumps(vars(args))],
        stdout=subprocess.PIPE,
        text=True,
        timeout=TIMEOUT_S,
    )
    if done.returncode:
        raise MachineError(f"the process to be measured ended with exit code {done.returncode}")
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def play(options: str) -> None:
    """Play as the options (JSON) say and print the figures as JSON."""
    from tengen.agents.mcts.config import SearchConfig
    from tengen.networks.spec import NetworkConfig
    from tengen.selfplay.config import RolloutsConfig, TrainConfig
    from tengen.selfplay.rollouts import Player

    wanted = json.loads(options)
    config = TrainConfig(
        game=wanted["game"],
        network=NetworkConfig(blocks=wanted["blocks"], channels=wanted["channels"]),
        search=SearchConfig(simulations=wanted["simulations"]),
        rollouts=RolloutsConfig(games=wanted["games"], reuse_tree=wanted["reuse_tree"]),
    )
    idle = peak_bytes()
    _, counts = Player(config, seed=0).collect(MOVES * wanted["games"])
    print(json.dumps({"bytes": peak_bytes(), "idle_bytes": idle, "positions": counts["recorded"]}))


def peak_bytes() -> int:
    """The most memory this process has held."""
    # Not ru_maxrss where there is better: on Linux a process inherits that of the one that started it.
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # KiB everywhere else
