"""Ray's rollouts: two actors over one, and the share of the machine that Ray itself takes.

One actor and two of them play by the same weights without a learner, in turns (A B A B); who is not asked
rests. `--game atari/Pong` (any world) measures actors of action values instead of self-play.
"""

import argparse
import time
from statistics import mean
from typing import Any, Protocol

from tengen.benchmarks.measuring import span, whole

CPUS = 0.25  # that an actor claims, so that all of both sides find a place on the smallest machine


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the benchmark."""
    parser.add_argument("--game", default="go9", help="board game or world (default: %(default)s)")
    parser.add_argument("--actors", type=whole(2, 1024), default=2, help="over one (default: %(default)s)")
    parser.add_argument("--seconds", type=span(36_000), default=20.0, help="of a turn (default: %(default)s)")
    parser.add_argument("--turns", type=whole(1, 1000), default=4, help="of each side (default: %(default)s)")
    parser.add_argument("--warm-up", type=span(36_000), default=10.0, help="seconds of each side before")


class Side(Protocol):
    """Actors that play when they are asked."""

    def play(self, seconds: float) -> float:
        """Items a second."""
        ...

    def close(self) -> None: ...


def run(args: argparse.Namespace) -> dict[str, float]:
    """Figures: ratio, per_second of both sides, ray_cpu_share (of all CPU time spent)."""
    make = WorldSide if "/" in args.game else BoardSide
    many: Side = make(args.game, args.actors)
    one: Side = make(args.game, 1)
    try:
        for side in (many, one):
            side.play(args.warm_up)
        rates: list[list[float]] = [[], []]
        before = cpu_seconds()
        for _ in range(args.turns):
            for side, found in zip((one, many), rates, strict=True):
                found.append(side.play(args.seconds))
        spent = {kind: seconds - before.get(kind, 0.0) for kind, seconds in cpu_seconds().items()}
    finally:
        one.close()
        many.close()
    return {
        "ratio": mean(rates[1]) / mean(rates[0]),
        "per_second": mean(rates[0]),
        "many_per_second": mean(rates[1]),
        "ray_cpu_share": spent["ray"] / sum(spent.values()),
        "driver_cpu_share": spent["driver"] / sum(spent.values()),
    }


def cpu_seconds() -> dict[str, float]:
    """CPU time so far of actors, of Ray's own processes, and of this one."""
    import psutil

    found = {"actors": 0.0, "ray": 0.0, "driver": 0.0}
    this = psutil.Process()
    found["driver"] = sum(this.cpu_times()[:2])
    for child in this.children(recursive=True):
        try:
            title, times = " ".join(child.cmdline()[:1]), child.cpu_times()
        except psutil.Error:
            continue
        is_actor = title.startswith("ray::") and "IDLE" not in title
        found["actors" if is_actor else "ray"] += times.user + times.system
    return found


class BoardSide:
    """Self-play."""

    def __init__(self, game: str, actors: int) -> None:
        from tengen.envs.registry import make_game
        from tengen.networks.heads import PolicyValueNet
        from tengen.networks.spec import NetworkConfig, spec_for
        from tengen.networks.weights import network_weights
        from tengen.selfplay.config import RolloutsConfig, TrainConfig
        from tengen.selfplay.ray_rollouts import RayRollouts

        size = NetworkConfig(blocks=4, channels=32)
        rollouts = RolloutsConfig(workers=actors, cpus_per_worker=CPUS, positions_per_update=512 * actors)
        self.rollouts = RayRollouts(TrainConfig(game=game, network=size, rollouts=rollouts))
        self.rollouts.publish(network_weights(PolicyValueNet(size, spec_for(make_game(game)))), 1)

    def play(self, seconds: float) -> float:
        """Recorded positions a second; every call is waited for."""
        self.rollouts.stats()
        began = time.perf_counter()
        while time.perf_counter() - began < seconds:
            self.rollouts.collect()
        self.rollouts.rest()
        return self.rollouts.stats()["positions_per_s"]

    def close(self) -> None:
        """Stop the actors."""
        self.rollouts.close()


class WorldSide:
    """Steps of worlds."""

    def __init__(self, game: str, actors: int) -> None:
        from tengen.config import load_config
        from tengen.envs.make_worlds import world_spec
        from tengen.networks.q import QNetwork
        from tengen.networks.weights import network_weights
        from tengen.selfplay.dqn_config import DqnTrainConfig
        from tengen.selfplay.world_rollouts import RayWorldRollouts

        config: Any = load_config("pong", DqnTrainConfig, [f"game={game}"])
        rollouts = config.rollouts.model_copy(
            update={"workers": actors, "cpus_per_worker": CPUS, "threads": 1}
        )
        config = config.model_copy(update={"rollouts": rollouts})
        self.rollouts = RayWorldRollouts(config)
        network = QNetwork(config.network, world_spec(game, config.worlds))
        self.rollouts.publish(network_weights(network), 1, 0)

    def play(self, seconds: float) -> float:
        """Steps a second; every call is waited for."""
        steps = 0
        began = time.perf_counter()
        while time.perf_counter() - began < seconds:
            steps += self.rollouts.collect().steps
        while self.rollouts.pool.calls:
            if (answer := self.rollouts.pool.next_answer()) is not None:
                steps += answer[0].steps
        return steps / (time.perf_counter() - began)

    def close(self) -> None:
        """Stop the actors."""
        self.rollouts.close()
