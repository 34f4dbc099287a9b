"""Where worlds are played: in a thread of this process, or by Ray actors here and on other machines."""

import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tengen.agents.dqn.collector import Collector
from tengen.agents.dqn.exploration import epsilons
from tengen.agents.dqn.transitions import Played, Transitions
from tengen.selfplay.capacity import fixed
from tengen.selfplay.dqn_config import DqnTrainConfig, PqnTrainConfig
from tengen.selfplay.kinds import KINDS
from tengen.selfplay.pooled import Pooled, sound
from tengen.selfplay.ray_cluster import own_gpus_only
from tengen.selfplay.ray_pool import ActorPool
from tengen.selfplay.rollouts import Weights, worker_seed
from tengen.selfplay.timed import timed

WorldTrainConfig = DqnTrainConfig | PqnTrainConfig
Answer = Transitions | Played  # for a replay, or whole for a learner without one
Epsilons = NDArray[np.float32]


class WorldRollouts(Protocol):
    """A source of transitions."""

    def collect(self) -> Answer:
        """The next T steps of some of the worlds; more are being played by the time this returns."""

    def publish(self, weights: Weights, version: int, step: int) -> None:
        """Act by these weights, and explore as is due at that step of the run, from the next steps on."""

    def stats(self) -> dict[str, float]:
        """Rates and scores since the last call, for the log."""

    def state(self) -> list[dict[str, Any]]:
        """Random streams and, where they can tell, worlds; as JSON keeps them."""

    def restore(self, states: list[dict[str, Any]]) -> None:
        """Go on from what `state` gave."""

    def close(self) -> None:
        """Stop playing."""


class Actor:
    """A collector with the network it plays by."""

    def __init__(self, config: WorldTrainConfig, seed: int, index: int = 0) -> None:
        from tengen.envs.make_worlds import make_worlds
        from tengen.networks.q import QNetwork
        from tengen.networks.q_evaluator import QEvaluator

        rollouts = config.rollouts
        worlds = make_worlds(config.game, rollouts.worlds, seed=seed % 2**31, config=config.worlds)
        network = QNetwork(config.network, worlds.spec)
        self.evaluator = QEvaluator(network, threads=rollouts.threads, noisy=config.network.noisy)
        self.steps = rollouts.steps
        learner = config.learner
        self.collector = Collector(
            worlds,
            self.evaluator,
            seed=seed,
            first_world=index * rollouts.worlds,
            priorities=_sends_priorities(config),
            n_step=getattr(learner, "n_step", 1),
            gamma=learner.gamma,
        )
        self._whole = isinstance(config, PqnTrainConfig)
        self._version: int | None = None

    def collect(self, weights: Weights, version: int, epsilon: Epsilons) -> tuple[Answer, float]:
        """Steps played by these weights, and the seconds they took; epsilon is that of our worlds."""
        started = time.perf_counter()
        if version != self._version:
            self.evaluator.load_weights(weights, version)
            self._version = version
        if self.evaluator.noisy:  # drawn from what a checkpoint keeps: a resumed run has the same
            self.evaluator.seed_noise(int(self.collector.rng.integers(2**63)))
        collect = self.collector.rollout if self._whole else self.collector.collect
        return collect(self.steps, epsilon, version), time.perf_counter() - started

    def close(self) -> None:
        """Give up the worlds."""
        self.collector.worlds.close()


def _sends_priorities(config: WorldTrainConfig) -> bool:
    """Whether actors say how surprising their steps are, as Ape-X's do (beside the learner, steps go in at
    the highest priority). Distributional heads learn by another scale than the errors of expected returns.
    """
    return (
        isinstance(config, DqnTrainConfig)
        and config.replay.prioritised
        and fixed(config.rollouts) > 0
        and config.network.head == "q"
    )


class ThreadActor:
    """One actor in this process; while the learner learns it plays the next steps, unless they take turns."""

    def __init__(self, config: WorldTrainConfig) -> None:
        self.config = config
        self._sessions = 0  # of the run, before this one
        self._actor = Actor(config, worker_seed(config.seed, 0))
        self._thread = ThreadPoolExecutor(1, "actor") if config.rollouts.beside_learning else None
        self._next: Future[tuple[Answer, float]] | None = None
        self._weights: Weights = {}
        self._version = 0
        self._epsilons: Epsilons = np.zeros(0, np.float32)
        self._rates = WorldRates()

    def publish(self, weights: Weights, version: int, step: int) -> None:
        self._weights, self._version = weights, version
        self._epsilons = epsilons(self.config.exploration, step, self.config.rollouts.worlds)

    def _play(self) -> tuple[Answer, float]:
        return self._actor.collect(self._weights, self._version, self._epsilons)

    def collect(self) -> Answer:
        if self._thread is None:
            answer = self._play()
        else:
            answer = (self._next or self._thread.submit(self._play)).result()
            self._next = self._thread.submit(
                self._actor.collect, self._weights, self._version, self._epsilons
            )
        self._rates.add(*answer, self._version)
        return answer[0]

    def stats(self) -> dict[str, float]:
        return {**self._rates.take(), "epsilon": float(self._epsilons.mean())}

    def state(self) -> list[dict[str, Any]]:
        """Exact where actor and learner take turns and the worlds can tell where they are."""
        exact = None if self._thread is not None else self._actor.collector.state()
        return [{"sessions": self._sessions, "collector": exact}]

    def restore(self, states: list[dict[str, Any]]) -> None:
        """Where it cannot be exact, new games from seeds that the run has not had."""
        if not states or "sessions" not in states[0]:
            return
        self._sessions = int(states[0]["sessions"]) + 1
        exact = states[0]["collector"]
        if exact is not None and exact["worlds"] is not None:
            self._actor.collector.restore(exact)
            return
        self._actor.close()
        self._actor = Actor(self.config, worker_seed(self.config.seed, 0, self._sessions))

    def close(self) -> None:
        if self._thread is not None:
            self._thread.shutdown(cancel_futures=True)
        self._actor.close()


class RayActor:
    """An `Actor` in a process of its own, made with the first call so that its faults are that call's."""

    def __init__(self, config: dict[str, Any], seed: int, index: int) -> None:
        self._arguments = config, seed, index
        self._actor: Actor | None = None

    def ready(self) -> None:
        """Answers when the actor is there."""

    @timed
    def collect(self, weights: Weights, version: int, epsilon: Epsilons) -> tuple[Answer, float]:
        """See `Actor.collect`."""
        if self._actor is None:
            own_gpus_only()
            config, seed, index = self._arguments
            made = KINDS[config["kind"]].model_validate(config)
            assert isinstance(made, WorldTrainConfig)
            self._actor = Actor(made, seed, index)
        return self._actor.collect(weights, version, epsilon)


def unsound(answer: Answer) -> str | None:
    """What is wrong with steps that an actor sent; None where nothing is."""
    if isinstance(answer, Played):
        found = {"rewards": answer.rollout.rewards, "values": answer.rollout.next_values}
    else:
        found = {"rewards": answer.rewards}  # priorities that are not known are NaN
    bad = [name for name, array in found.items() if not np.isfinite(array).all()]
    return f"its {bad[0]} are not all numbers" if bad else None


class RayWorldRollouts(Pooled):
    """`rollouts.workers` actors with worlds of their own; the learner never waits for all of them."""

    def __init__(self, config: WorldTrainConfig) -> None:
        self.config = config
        self._weights: Any = None
        self._version = 0
        self._epsilons: Epsilons = np.zeros(0, np.float32)
        self._rates = WorldRates()
        count = config.rollouts.worlds
        self.pool = ActorPool(
            RayActor,
            config.rollouts,
            lambda index, restarts: (
                config.model_dump(),
                worker_seed(config.seed, index, restarts),
                index,
            ),
            lambda actor, index: actor.collect.remote(
                self._weights, self._version, self._epsilons[index * count : (index + 1) * count]
            ),
            check=lambda answer: unsound(answer[0]),
        )

    def publish(self, weights: Weights, version: int, step: int) -> None:
        """See `WorldRollouts.publish`; the first call starts the actors."""
        rollouts = self.config.rollouts
        self._weights, self._version = self.pool.put(sound(weights)), version
        self._epsilons = epsilons(self.config.exploration, step, fixed(rollouts) * rollouts.worlds)
        self.pool.start()

    def collect(self) -> Answer:
        """See `WorldRollouts.collect`: what the actor that is first has played."""
        while True:
            self.pool.feed()
            answer = self.pool.next_answer()
            if answer is not None:
                self.pool.feed()
                transitions, seconds = answer
                self._rates.add(transitions, seconds, self._version)
                found: Answer = transitions
                return found

    def stats(self) -> dict[str, float]:
        """See `WorldRollouts.stats`; and how the actors fare."""
        epsilon = float(self._epsilons.mean()) if len(self._epsilons) else 0.0
        return {**self._rates.take(), "epsilon": epsilon, **self.pool.stats()}


class WorldRates:
    """Adds up what actors report."""

    def __init__(self) -> None:
        self._since = time.perf_counter()
        self._steps = 0
        self._playing_s = 0.0
        self._staleness = 0
        self._answers = 0
        self._scores: list[float] = []
        self._lengths: list[int] = []

    def add(self, transitions: Answer, seconds: float, version: int) -> None:
        """Count one answer; `version` is the one that is newest now."""
        self._steps += transitions.steps
        self._playing_s += seconds
        self._answers += 1
        self._staleness += version - transitions.version
        self._scores += [episode.score for episode in transitions.episodes]
        self._lengths += [episode.steps for episode in transitions.episodes]

    def take(self) -> dict[str, float]:
        """Since the last call."""
        seconds = max(1e-9, time.perf_counter() - self._since)
        stats: dict[str, float] = {
            "steps_per_s": self._steps / seconds,
            "playing_share": self._playing_s / seconds,
            "staleness": self._staleness / max(1, self._answers),
        }
        if self._scores:
            stats |= {
                "episodes": float(len(self._scores)),
                "training_score": float(np.mean(self._scores)),
                "episode_steps": float(np.mean(self._lengths)),
            }
        self.__init__()  # type: ignore[misc]
        return stats


def make_world_rollouts(config: WorldTrainConfig) -> WorldRollouts:
    """A thread for rollouts.workers = 0, else that many Ray actors."""
    return ThreadActor(config) if fixed(config.rollouts) == 0 else RayWorldRollouts(config)


def all_worlds(config: WorldTrainConfig) -> int:
    """Worlds of the whole run."""
    return config.rollouts.worlds * max(1, fixed(config.rollouts))
