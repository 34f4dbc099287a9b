"""The learner's side of many actors: what taking their games in costs, and how soon all have new weights.

The actors are real ones of Ray that only sleep, and answer with games of the real size at the rate that is
asked for; everything else is what a training run does: bounded calls, versions of weights, the replay.
"""

import argparse
import contextlib
import pickle
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tengen.benchmarks.measuring import settled_and_last, span, whole
from tengen.benchmarks.rollouts import cpu_seconds
from tengen.selfplay.games import Games
from tengen.selfplay.ray_rollouts import RayRollouts
from tengen.selfplay.timed import timed

RECORDED = 0.98  # of the plies
MEGABYTE = 1e6
MEASURE_EVERY = 5  # updates


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the benchmark."""
    parser.add_argument("--game", default="go9", help="default: %(default)s")
    parser.add_argument("--actors", type=whole(1, 10_000), default=64, help="default: %(default)s")
    parser.add_argument("--games-per-s", type=span(1e6), default=200.0, help="of all actors together")
    parser.add_argument("--plies", type=whole(1, 10_000), default=75, help="of a game (default: %(default)s)")
    parser.add_argument("--seconds", type=span(86_400), default=60.0, help="measured; 600 for memory's sake")
    parser.add_argument("--megabytes", type=span(1e4), default=20.0, help="of weights that are broadcast")


def run(args: argparse.Namespace) -> dict[str, float]:
    """Figures: games_per_s that came, ingest_core (share of one core), broadcast_s, memory at both ends."""
    import psutil

    from tengen.envs.registry import make_game
    from tengen.selfplay.config import ReplayConfig, RolloutsConfig, TrainConfig
    from tengen.selfplay.replay import Replay

    game = make_game(args.game)
    per_s = args.games_per_s * args.plies * RECORDED
    config = TrainConfig(
        game=args.game,
        seed=args.plies,
        rollouts=RolloutsConfig(
            workers=args.actors,
            cpus_per_worker=1 / args.actors,
            positions_per_update=max(1, round(per_s)),  # an update a second
            games=max(1, round(args.games_per_s)),
        ),
        replay=ReplayConfig(base=20_000, growth=0.0, max_positions=20_000),
    )
    weights = {"all": np.zeros(int(args.megabytes * MEGABYTE), np.uint8)}
    replay = Replay(game, config.replay, value_from_search=0.0, symmetries=True)
    rollouts = SleepingRollouts(config)
    try:
        began = time.perf_counter()
        rollouts.publish(weights, 1)
        everyone = list(rollouts.pool.actors.values())
        rollouts.pool._ray.get([actor.ready.remote() for actor in everyone])
        start_s = time.perf_counter() - began
        broadcasts = []
        for version in range(3):
            fresh = {"all": np.full_like(weights["all"], version)}
            began = time.perf_counter()
            reference = rollouts.pool.put(fresh)
            rollouts.pool._ray.get([actor.take.remote(reference) for actor in everyone])
            broadcasts.append(time.perf_counter() - began)
        for _ in range(5):
            replay.add(rollouts.collect())
        rollouts.stats()
        staleness: list[float] = []
        looking_s = 0.0
        this = psutil.Process()
        memory: list[tuple[float, float, float]] = []
        cpu = cpu_seconds()
        began, count, version = time.perf_counter(), 0, 2
        while (elapsed := time.perf_counter() - began) < args.seconds:
            games = rollouts.collect()
            replay.add(games)
            count += len(games)
            rollouts.publish(weights, version)
            version += 1
            staleness += [value for name, value in rollouts.stats().items() if name == "staleness"]
            if version % MEASURE_EVERY == 0 or not memory:
                looked = time.thread_time()
                memory.append((this.memory_info().rss, ray_bytes(), store_bytes(rollouts)))
                looking_s += time.thread_time() - looked
        spent = {kind: seconds - cpu.get(kind, 0.0) for kind, seconds in cpu_seconds().items()}
        spent["driver"] -= looking_s  # which no training does
        answers = count / per_answer(config.rollouts.model_dump())
    finally:
        rollouts.close()
    return {
        "games_per_s": count / elapsed,
        "ingest_core": spent["driver"] / elapsed,
        "ray_core": spent["ray"] / elapsed,
        "actors_core": spent["actors"] / elapsed,
        "driver_ms_per_answer": 1e3 * spent["driver"] / max(1.0, answers),
        "staleness": sum(staleness) / len(staleness),
        "broadcast_s": min(broadcasts),
        "start_s": start_s,
        **grown("bytes", [row[0] for row in memory]),
        **grown("ray_bytes", [row[1] for row in memory]),
        "store_bytes": memory[-1][2],
        "bytes_per_game": len(pickle.dumps(random_games(game, 100, args.plies, 0), protocol=5)) / 100,
    }


def grown(name: str, samples: Sequence[float]) -> dict[str, float]:
    """Figures of memory: once it has settled, in the end, and the second over the first."""
    settled, last = settled_and_last(samples)
    return {f"{name}_settled": settled, f"{name}_after": last, f"{name}_growth": last / settled}


def ray_bytes() -> float:
    """Memory of Ray's own processes, actors left out."""
    import psutil

    total = 0
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            title = " ".join(child.cmdline()[:1])
            if not title.startswith("ray::") or "Agent" in title:
                total += child.memory_info().rss
    return float(total)


def store_bytes(rollouts: RayRollouts) -> float:
    """What the object store is filled with."""
    ray = rollouts.pool._ray
    has, free = ray.cluster_resources(), ray.available_resources()
    return float(has.get("object_store_memory", 0.0) - free.get("object_store_memory", 0.0))


class SleepingPlayer:
    """Answers as a `RayPlayer` does, when the games would have been played."""

    def __init__(self, config: dict[str, Any], seed: int) -> None:
        from tengen.envs.registry import make_game

        rollouts = config["rollouts"]
        self._per_answer = per_answer(rollouts)
        self._every_s = 1.0  # an update a second, and about one answer of each actor for it
        self._rng = np.random.default_rng(seed)
        self._games = random_games(make_game(config["game"]), 200, config["seed"], seed)
        self._due = time.monotonic() + self._rng.random()  # not all at once

    def ready(self) -> None:
        """Answers when the actor is there."""

    def take(self, weights: Any) -> int:
        """Answers when it has the weights."""
        return int(weights["all"][-1])

    @timed
    def collect(
        self, positions: int, weights: Any, version: int, opponent: Any = None
    ) -> tuple[Games, dict[str, float]]:
        """See `RayPlayer.collect`."""
        time.sleep(max(0.0, self._due - time.monotonic()))
        self._due = max(self._due, time.monotonic() - self._every_s) + self._every_s
        number = int(self._per_answer + self._rng.random())
        games = first_games(self._games, number, version)
        return games, {"recorded": float(games.positions), "evaluations": 0.0}


class SleepingRollouts(RayRollouts):
    """`RayRollouts` of such players."""

    actor_class = SleepingPlayer


def per_answer(rollouts: Mapping[str, Any]) -> float:
    """Games in an answer: each actor's share of an update."""
    return float(rollouts["games"] / rollouts["workers"])


def random_games(game: Any, count: int, plies: int, seed: int) -> Games:
    """So many games' worth of arrays, filled at random."""
    rng = np.random.default_rng(seed)
    _, height, width = game.obs_shape
    points = height * width if game.has_ownership else 0
    total = count * plies
    recorded = rng.random(total) < RECORDED
    return Games(
        lengths=np.full(count, plies, np.int32),
        results=rng.choice(np.array([-1, 1], np.float32), count),
        scores=rng.normal(size=count).astype(np.float32),
        ownership=rng.integers(-1, 2, (count, points)).astype(np.int8),
        is_scored=np.ones(count, np.bool_),
        versions=np.zeros(count, np.int32),
        actions=rng.integers(0, game.num_actions, total).astype(np.int16),
        to_play=np.tile(np.arange(plies) % 2, count).astype(np.int8),
        is_recorded=recorded,
        policy=rng.random((int(recorded.sum()), game.num_actions)).astype(np.float16),
        values=rng.random(total).astype(np.float16),
    )


def first_games(games: Games, count: int, version: int) -> Games:
    """The first so many games, of a version of the weights."""
    plies = int(games.lengths[:count].sum())
    recorded = int(games.is_recorded[:plies].sum())
    return Games(
        lengths=games.lengths[:count],
        results=games.results[:count],
        scores=games.scores[:count],
        ownership=games.ownership[:count],
        is_scored=games.is_scored[:count],
        versions=np.full(count, version, np.int32),
        actions=games.actions[:plies],
        to_play=games.to_play[:plies],
        is_recorded=games.is_recorded[:plies],
        policy=games.policy[:recorded],
        values=games.values[:plies],
    )
