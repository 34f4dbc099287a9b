"""A machine of a Ray cluster is killed: how soon its actors play elsewhere, all of them, at the old rate.

The cluster is on this machine: a head without actors, and two machines with room for all actors each. They
play on the first; its raylet is killed (SIGKILL), and Ray's workers there die with it. The time runs until
each actor's successor has answered. It is Ray's time to notice (`--checks default`: 5 checks, 3 s apart;
fast: 3 checks, 0.4 s apart) and that of new processes to start, `--players asleep` without torch and search.
"""

import argparse
import time
from typing import Any

from tengen.benchmarks.measuring import span, whole

CHECKS = {
    "default": {},
    "fast": {
        "health_check_initial_delay_ms": 5000,
        "health_check_period_ms": 400,
        "health_check_timeout_ms": 1000,
        "health_check_failure_threshold": 3,
    },
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the benchmark."""
    parser.add_argument("--checks", choices=list(CHECKS), default="default", help="default: %(default)s")
    parser.add_argument("--players", choices=["real", "asleep"], default="real", help="default: %(default)s")
    parser.add_argument("--game", default="go9", help="default: %(default)s")
    parser.add_argument("--actors", type=whole(1, 1024), default=2, help="default: %(default)s")
    parser.add_argument("--seconds", type=span(3600), default=10.0, help="of play before and after")


def run(args: argparse.Namespace) -> dict[str, float]:
    """Figures: seconds from the kill to the last successor's first answer, ratio (rate after over before)."""
    from tengen.benchmarks.machines import cluster_here

    with cluster_here(CHECKS[args.checks]) as machines:
        first = machines.add(args.actors)
        rollouts = _rollouts(args, machines.address)
        try:
            _play(rollouts, until=lambda: _all_play(rollouts))
            _play(rollouts, seconds=2.0)  # an answer that was under way is none of the rate
            before = _play(rollouts, seconds=args.seconds)
            machines.add(args.actors)
            machines.kill(first)
            began, restarts = time.perf_counter(), rollouts.pool.restarts
            _play(rollouts, until=lambda: rollouts.pool.restarts > restarts and _all_play(rollouts))
            seconds = time.perf_counter() - began
            lost = rollouts.pool.restarts - restarts
            _play(rollouts, seconds=2.0)
            after = _play(rollouts, seconds=args.seconds)
        finally:
            rollouts.close()
    return {
        "seconds": seconds,
        "ratio": after / before,
        "per_second": before,
        "after_per_second": after,
        "actors_lost": float(lost),
    }


def _rollouts(args: argparse.Namespace, address: str) -> Any:
    """Players of either kind on the cluster, which have their weights."""
    import numpy as np

    from tengen.benchmarks.rollouts_many import SleepingRollouts
    from tengen.envs.registry import make_game
    from tengen.networks.heads import PolicyValueNet
    from tengen.networks.spec import NetworkConfig, spec_for
    from tengen.networks.weights import network_weights
    from tengen.selfplay.config import RolloutsConfig, TrainConfig
    from tengen.selfplay.ray_rollouts import RayRollouts

    size = NetworkConfig(blocks=2, channels=16)
    settings = RolloutsConfig(
        workers=args.actors, address=address, games=32, positions_per_update=128 * args.actors
    )
    config = TrainConfig(game=args.game, network=size, rollouts=settings, seed=75)
    if args.players == "asleep":
        rollouts: RayRollouts = SleepingRollouts(config)
        rollouts.publish({"all": np.zeros(4, np.float32)}, 1)
        return rollouts
    rollouts = RayRollouts(config)
    rollouts.publish(network_weights(PolicyValueNet(size, spec_for(make_game(args.game)))), 1)
    return rollouts


def _all_play(rollouts: Any) -> bool:
    return bool(rollouts.stats()["actors"] == rollouts.pool.count)


def _play(rollouts: Any, seconds: float = 600.0, until: Any = lambda: False) -> float:
    """Play for so long, or until something holds; recorded positions a second."""
    rollouts.stats()
    began, positions = time.perf_counter(), 0
    wanted = rollouts.config.rollouts.positions_per_update
    while time.perf_counter() - began < seconds and not until():
        rollouts.collect()
        positions += wanted
    return positions / (time.perf_counter() - began)
