"""A cluster of several machines on one, which die and hang; players that cost nothing; what is left."""

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from tengen.envs import make_game
from tengen.selfplay.games import Games
from tengen.selfplay.ray_rollouts import RayRollouts
from tengen.selfplay.ray_session import FOLDER
from tengen.selfplay.timed import timed
from tests.selfplay_tools import small

FAST_CHECKS = {
    "health_check_initial_delay_ms": 5000,
    "health_check_period_ms": 500,
    "health_check_timeout_ms": 2000,
    "health_check_failure_threshold": 4,
}
os.environ.setdefault("RAY_raylet_start_wait_time_s", "120")  # machines that run tests are busy ones
WEIGHTS = {"all": np.zeros(4, np.float32)}


def within(seconds: float, condition: Callable[[], Any], what: str = "") -> Any:
    """The first answer that is true; fails where none is in time."""
    until = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < until, f"not within {seconds} s: {what}"
        time.sleep(0.05)
    return found


# --- players ----------------------------------------------------------------------------------------------


class Pretender:
    """Answers as `RayPlayer` does, soon and without a network: each game is of two random moves."""

    def __init__(self, config: dict[str, Any], seed: int) -> None:
        self._game = make_game(config["game"])
        self._rng = np.random.default_rng(seed)

    def ready(self) -> int:
        """The process, to be killed."""
        return os.getpid()

    @timed
    def collect(
        self, positions: int, weights: Any, version: int, opponent: Any = None
    ) -> tuple[Games, dict[str, float]]:
        """See `RayPlayer.collect`."""
        time.sleep(0.02)
        games = self._games((positions + 1) // 2, version)
        return games, {"recorded": float(games.positions), "evaluations": 0.0}

    def _games(self, count: int, version: int) -> Games:
        actions = self._game.num_actions
        return Games(
            lengths=np.full(count, 2, np.int32),
            results=self._rng.choice(np.array([-1, 0, 1], np.float32), count),
            scores=np.zeros(count, np.float32),
            ownership=np.zeros((count, 0), np.int8),
            is_scored=np.ones(count, np.bool_),
            versions=np.full(count, version, np.int32),
            actions=self._rng.integers(0, actions, 2 * count).astype(np.int16),
            to_play=np.tile(np.array([0, 1], np.int8), count),
            is_recorded=np.ones(2 * count, np.bool_),
            policy=np.full((2 * count, actions), 1 / actions, np.float16),
            values=np.zeros(2 * count, np.float16),
        )


class Ill(Pretender):
    """Its arithmetic goes wrong, until it is replaced: actors of the first lot of seeds."""

    def __init__(self, config: dict[str, Any], seed: int) -> None:
        super().__init__(config, seed)
        flag = Path(config["evaluation"]["opponents"][0])
        self._is_ill = not flag.exists()
        flag.touch()

    def _games(self, count: int, version: int) -> Games:
        games = super()._games(count, version)
        return replace(games, values=games.values * np.float16(np.nan)) if self._is_ill else games


class Slow(Pretender):
    """Half of its games began ten versions ago."""

    def _games(self, count: int, version: int) -> Games:
        games = super()._games(count, version)
        old = np.arange(count) % 2 == 0
        return replace(games, versions=np.where(old, version - 10, version).astype(np.int32))


def rollouts(cluster: Any, player: type = Pretender, note: str = "", **settings: Any) -> RayRollouts:
    """Rollouts of pretenders on the cluster."""
    values = {"workers": 2, "address": cluster.address, "positions_per_update": 40, **settings}
    config = small(rollouts=values, evaluation={"opponents": [note or "random"]})
    actor_class = player
    return type("Pretending", (RayRollouts,), {"actor_class": actor_class})(config)


def play_until(found: RayRollouts, condition: Callable[[], bool], limit_s: float = 60) -> int:
    """Collect until it holds; the number of games that came. Training has not stopped meanwhile."""
    until, games = time.monotonic() + limit_s, 0
    while True:
        games += len(found.collect())
        if condition():
            return games
        assert time.monotonic() < until, f"not within {limit_s} s; {found.pool.stats()}"


# --- machines ---------------------------------------------------------------------------------------------


class Machines:
    """The machines of a cluster beside the head, which takes no actors."""

    def __init__(self, cluster: Any) -> None:
        self.cluster = cluster

    def add(self, cpus: float = 2, **more: Any) -> Any:
        """One more."""
        return self.cluster.add_node(num_cpus=cpus, **more)

    def raylet(self, node: Any) -> psutil.Process:
        """The process without which a machine is none."""
        return psutil.Process(node.all_processes["raylet"][0].process.pid)

    def processes(self, node: Any) -> list[psutil.Process]:
        """The raylet and all that it has started."""
        raylet = self.raylet(node)
        return [raylet, *raylet.children(recursive=True)]

    @contextlib.contextmanager
    def hanging(self, node: Any) -> Iterator[None]:
        """A machine that does not answer for a while, and does not know it."""
        stopped = self.processes(node)
        for process in stopped:
            process.suspend()
        try:
            yield
        finally:
            for process in stopped:
                with contextlib.suppress(psutil.Error):
                    process.resume()

    def clear(self) -> None:
        """Take all away."""
        for node in list(self.cluster.worker_nodes):
            self.cluster.remove_node(node, allow_graceful=False)


# --- what is left -----------------------------------------------------------------------------------------


class Watch:
    """Notes every process that descends from this one; fails if any of them, or their files, is left."""

    def __init__(self) -> None:
        self._seen: set[psutil.Process] = set()
        self._before = self._now()
        self._shared = self._shared_memory()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look_again_and_again, daemon=True)
        self._thread.start()

    @staticmethod
    def _now() -> set[psutil.Process]:
        return set(psutil.Process().children(recursive=True))

    @staticmethod
    def _shared_memory() -> set[str]:
        return set(os.listdir("/dev/shm")) if os.path.isdir("/dev/shm") else set()

    def _look_again_and_again(self) -> None:
        while not self._stop.wait(0.1):
            with contextlib.suppress(psutil.Error):
                self._seen |= self._now() - self._before

    def end(self, limit_s: float = 20, besides: str = "none") -> None:
        """Wait until all is gone but processes named `besides`; fail where it is not."""
        left: list[str] = []

        def is_clean() -> bool:
            left[:] = [f"{p.pid} {name}" for p in self._seen if (name := alive(p)) and besides not in name]
            left.extend(self._shared_memory() - self._shared)
            owners = {str(process.pid) for process in self._seen}
            folders = [name for name in os.listdir("/tmp") if name.startswith(FOLDER)]
            left.extend(name for name in folders if name.removeprefix(FOLDER).partition("-")[0] in owners)
            return not left

        until = time.monotonic() + limit_s
        try:
            while not is_clean():
                assert time.monotonic() < until, f"left behind: {left}"
                time.sleep(0.1)
        finally:
            self._stop.set()
            self._thread.join()


def alive(process: psutil.Process) -> str:
    """The name of a process that runs; "" for one that has ended."""
    try:
        if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
            return ""
        return " ".join(process.cmdline()[:3])[:80] or process.name()
    except psutil.Error:
        return ""
