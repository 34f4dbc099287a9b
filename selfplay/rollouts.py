"""Where self-play happens: threads of this process, or Ray actors here and on other machines.

Both run the same plain `SelfPlayWorker`, each with a seed of its own, and answer the same calls.
"""

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tengen.envs import make_game
from tengen.machine import usable_cores
from tengen.selfplay.config import TrainConfig
from tengen.selfplay.games import Games
from tengen.selfplay.opponents import Opponent

Weights = Mapping[str, NDArray[np.generic]]
BEHIND = 5  # niceness of threads that play on while the learner learns; it is what they wait for
Answer = tuple[Games, dict[str, float]]


class Rollouts(Protocol):
    """A source of self-play games."""

    def collect(self) -> Games:
        """Games finished since the last call, after about `positions_per_update` more recorded positions."""

    def received(self) -> Games:
        """Games that came to a `collect` which then failed."""

    def publish(self, weights: Weights, version: int) -> None:
        """Give the players new weights."""

    def oppose(self, opponent: Opponent | None) -> None:
        """Let `league.share` of the games be against this network from now on; None: against nobody."""

    def stats(self) -> dict[str, float]:
        """Rates since the last call, for the log."""

    def state(self) -> list[dict[str, Any]]:
        """Random streams, as JSON keeps them."""

    def restore(self, states: list[dict[str, Any]]) -> None:
        """Go on from saved random streams."""

    def close(self) -> None:
        """Stop the players."""


class Player:
    """A worker with the network it plays by."""

    def __init__(self, config: TrainConfig, seed: int) -> None:
        from tengen.networks.evaluator import NetworkEvaluator
        from tengen.networks.spec import spec_for
        from tengen.networks.stack import make_network
        from tengen.selfplay.halves import TwoHalves
        from tengen.selfplay.worker import SelfPlayWorker

        self.game = make_game(config.game)
        self.evaluator = NetworkEvaluator(make_network(config.network, spec_for(self.game)), threads=1)
        alternates = self.evaluator.device.type != "cpu" and config.rollouts.games > 1
        kind = TwoHalves if alternates else SelfPlayWorker
        self.worker: TwoHalves | SelfPlayWorker = kind(self.game, self.evaluator, config, seed)
        self._opponent: NetworkEvaluator | None = None

    def publish(self, weights: Weights, version: int) -> None:
        """Act by these weights from now on, in games under way too."""
        self.evaluator.load_weights(weights, version)
        self.worker.take_version(version)

    def oppose(self, opponent: Opponent | None) -> None:
        """See `SelfPlayWorker.oppose`."""
        from tengen.networks.evaluator import NetworkEvaluator
        from tengen.networks.spec import spec_for
        from tengen.networks.stack import make_network
        from tengen.networks.stack_config import network_config

        if opponent is None:
            self.worker.oppose(None)
            return
        config = network_config(opponent.network)
        if self._opponent is None or self._opponent.config != config:
            self._opponent = NetworkEvaluator(make_network(config, spec_for(self.game)), threads=1)
        self._opponent.load_weights(opponent.weights, 0)
        self.worker.oppose(self._opponent)

    def collect(self, positions: int) -> tuple[Games, dict[str, float]]:
        """See `SelfPlayWorker.collect`; with `network_s`, the seconds of it in the network on a CPU."""
        before = self.evaluator.busy_s
        games, counts = self.worker.collect(positions)
        return games, {**counts, "network_s": self.evaluator.busy_s - before}


class Team:
    """Several players in threads, with the face of one: what an actor with several CPUs is."""

    def __init__(self, config: TrainConfig, seed: int, count: int) -> None:
        self._pool = ThreadPoolExecutor(count, "rollout")
        self.players = list(self._pool.map(lambda i: Player(config, worker_seed(seed, i)), range(count)))

    def publish(self, weights: Weights, version: int) -> None:
        """See `Player.publish`."""
        list(self._pool.map(lambda player: player.publish(weights, version), self.players))

    def oppose(self, opponent: Opponent | None) -> None:
        """See `Player.oppose`."""
        list(self._pool.map(lambda player: player.oppose(opponent), self.players))

    def collect(self, positions: int) -> tuple[Games, dict[str, float]]:
        """See `Player.collect`; so many of all together."""
        share = -(-positions // len(self.players))
        answers = list(self._pool.map(lambda player: player.collect(share), self.players))
        counts: dict[str, float] = {}
        for _, own in answers:
            for name, value in own.items():
                counts[name] = counts.get(name, 0.0) + value
        return Games.concatenate([games for games, _ in answers]), counts


def make_player(config: TrainConfig, seed: int) -> Player | Team:
    """The player of an actor: with a tree thread for each whole CPU that it takes, or as many as told."""
    rollouts = config.rollouts
    threads = rollouts.threads or int(rollouts.cpus_per_worker)
    return Team(config, seed, threads) if threads > 1 else Player(config, seed)


class Rates:
    """Adds up what workers report."""

    def __init__(self) -> None:
        self._since = time.perf_counter()
        self._sums: dict[str, float] = {}
        self._games = 0

    def add(self, games: Games, counts: Mapping[str, float], version: int) -> None:
        """Count one worker's answer; `version` is the one that is newest now."""
        for name, value in counts.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
        self._games += len(games)
        for name, values in (
            ("plies", games.lengths),
            ("first_player_score", (games.results + 1) / 2),
            ("draws", games.results == 0),
            ("ended_by_rules", games.is_scored),
            ("staleness", version - games.versions),
        ):
            self._sums[name] = self._sums.get(name, 0.0) + float(values.sum())

    def take(self, idle: float = 0.0) -> dict[str, float]:
        """Rates since the last call (less `idle` seconds in which nobody was asked to play)."""
        seconds = max(1e-9, time.perf_counter() - self._since - idle)
        sums, games = self._sums, self._games
        self.__init__()  # type: ignore[misc]
        stats = {
            "evaluations": sums.get("evaluations", 0.0),
            "evaluations_per_s": sums.get("evaluations", 0.0) / seconds,
            "positions_per_s": sums.get("recorded", 0.0) / seconds,
        }
        if games:
            means = ("plies", "first_player_score", "draws", "ended_by_rules", "staleness")
            stats |= {"games_per_s": games / seconds, **{name: sums[name] / games for name in means}}
        if network_s := sums.get("network_s"):  # search speed over the network's own
            stats["network_share"] = network_s / max(1e-9, sums["seconds"])
        if hopeless := sums.get("hopeless"):  # games played on to see how good resignation's judgement is
            stats["false_resignations"] = sums["false_resignations"] / hopeless
        if met := sums.get("league_games"):
            stats |= {"league_games": met, "league_score": sums["league_points"] / met}
        return stats


class ThreadRollouts:
    """One player a thread; kernels and torch release the interpreter lock.

    Turn by turn with the learner; or, with `rollouts.beside_learning`, without a rest: the next games begin
    before the last ones are learnt from, by the weights that were published before that.
    """

    def __init__(self, config: TrainConfig) -> None:
        self.config = config
        count = config.rollouts.threads or usable_cores()
        self._pool = ThreadPoolExecutor(
            count, "rollout", initializer=give_way if config.rollouts.beside_learning else None
        )
        self._players = list(
            self._pool.map(lambda i: Player(config, worker_seed(config.seed, i)), range(count))
        )
        self._share = max(1, config.rollouts.positions_per_update // count)
        self._version = 0
        self._rates = Rates()
        self._playing_s = 0.0
        self._since = time.perf_counter()
        self._running: list[Future[Answer]] = []
        self._news: list[Callable[[Player], None]] = []  # that players take up before they play again

    def collect(self) -> Games:
        answers = [job.result() for job in self._running or self._begin()]
        self._running = self._begin() if self.config.rollouts.beside_learning else []
        self._playing_s += sum(counts["seconds"] for _, counts in answers) / len(answers)
        for games, counts in answers:
            self._rates.add(games, counts, self._version)
        return Games.concatenate([games for games, _ in answers])

    def _begin(self) -> "list[Future[Answer]]":
        news, self._news = self._news, []

        def turn(player: Player) -> Answer:
            for take_up in news:
                take_up(player)
            return player.collect(self._share)

        return [self._pool.submit(turn, player) for player in self._players]

    def received(self) -> Games:
        jobs, self._running = self._running, []
        for player in self._players:
            player.worker.stop_requested = True  # ends what was begun ahead
        answers = [job.result() for job in jobs if job.exception() is None]
        for player in self._players:
            player.worker.stop_requested = False
        news, self._news = self._news, []
        for take_up in news:
            self._tell(take_up)
        return Games.concatenate([games for games, _ in answers]) if answers else Games.none(0, 0)

    def publish(self, weights: Weights, version: int) -> None:
        self._version = version
        self._tell(lambda player: player.publish(weights, version))

    def oppose(self, opponent: Opponent | None) -> None:
        self._tell(lambda player: player.oppose(opponent))

    def _tell(self, take_up: Callable[[Player], None]) -> None:
        if self._running:
            self._news.append(take_up)
        else:
            list(self._pool.map(take_up, self._players))

    def stats(self) -> dict[str, float]:
        elapsed = time.perf_counter() - self._since
        playing = min(self._playing_s, elapsed)  # games that are told of now may have been begun before
        stats = self._rates.take(idle=elapsed - playing)
        stats["playing_share"] = playing / max(1e-9, elapsed)
        self._playing_s, self._since = 0.0, time.perf_counter()
        return stats

    def state(self) -> list[dict[str, Any]]:
        wait(self._running)  # whoever plays draws from the streams
        return [player.worker.state() for player in self._players]

    def restore(self, states: list[dict[str, Any]]) -> None:
        if states and "restarts" in states[0]:  # of actors, who keep no streams: others than any of theirs
            seeds = [
                worker_seed(self.config.seed, i, 1 + states[0]["restarts"]) for i in range(len(self._players))
            ]
            states = [{"rng": np.random.default_rng(seed).bit_generator.state} for seed in seeds]
        for player, state in zip(self._players, states, strict=False):
            player.worker.restore(state)

    def close(self) -> None:
        for player in self._players:
            player.worker.stop_requested = True  # a collect that is left behind ends at once
        self._pool.shutdown()


def give_way() -> None:
    """Let the calling thread run when others of its process, such as a learner, leave a core to it.

    Where the system schedules threads by priorities of their own, as Linux does.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), BEHIND)


SEEDS_APART = 100_000  # seeds of a worker's successors lie so far apart; more workers than that are not meant


def worker_seed(seed: int, worker: int, restarts: int = 0) -> int:
    """A seed of its own for each worker of a run, and for whoever follows it after so many restarts."""
    return int(np.random.SeedSequence([seed, worker + SEEDS_APART * restarts]).generate_state(1)[0])


def make_rollouts(config: TrainConfig, booked: Mapping[str, float] | None = None) -> Rollouts:
    """Threads for rollouts.workers = 0, else that many Ray actors.

    booked: CPUs and GPUs of the cluster that others of this run hold.
    """
    if config.rollouts.workers == 0:
        return ThreadRollouts(config)
    from tengen.selfplay.ray_rollouts import RayRollouts

    return RayRollouts(config, booked)
