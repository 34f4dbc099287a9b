"""Learning from Atari: environment steps a second of processor time, acting and learning together.

One core: everything runs in turn, torch has one thread, and what counts is the processor time of all threads.
`--learner dqn` is DQN on a uniform replay, with the Nature CNN, Adam and hard target updates: a gradient step
of `--batch` transitions every `--every` steps. With `--peer sb3` Stable-Baselines3's DQN does the same with
as many environments, its AtariWrapper and its defaults otherwise, in a process of its own; sides take turns,
so that other load falls on both. `--learner pqn` is PQN with layer normalisation, in two epochs of four
minibatches over 32 steps of each world.
"""

import argparse
import importlib.util
import math
import multiprocessing
import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

import numpy as np

from tengen.benchmarks.measuring import span, whole
from tengen.errors import TengenError

EPSILON = 0.05
TARGET_STEPS = 10_000  # environment steps between target updates, as in Stable-Baselines3
WARM_STEPS = 1_000  # played before learning starts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the benchmark."""
    parser.add_argument("--learner", choices=["dqn", "pqn"], default="dqn", help="default: %(default)s")
    parser.add_argument("--game", default="atari/Pong", help="default: %(default)s")
    parser.add_argument("--batch", type=whole(1, 65_536), default=32, help="default: %(default)s")
    parser.add_argument(
        "--every", type=whole(1, 100_000), default=4, help="steps a gradient step (default: %(default)s)"
    )
    parser.add_argument(
        "--worlds", type=whole(1, 1024), default=0, help="side by side (8 or a divisor; pqn 32)"
    )
    parser.add_argument("--peer", choices=["sb3"], help="measure against Stable-Baselines3")
    parser.add_argument("--seconds", type=span(3600), default=4.0, help="of a turn (default: %(default)s)")
    parser.add_argument("--turns", type=whole(1, 1000), default=5, help="of each side (default: %(default)s)")


def run(args: argparse.Namespace) -> dict[str, float]:
    """Figures: per_second (steps a second of processor time); with a peer also its, and the ratio."""
    import torch

    if args.peer and args.learner != "dqn":
        raise TengenError(f"--peer {args.peer} is for --learner dqn; Stable-Baselines3 has no PQN")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    worlds = args.worlds or (32 if args.learner == "pqn" else math.gcd(8, args.every))
    peer: Peer | None = None
    sides: list[Callable[[float], float]]
    try:
        if args.learner == "pqn":
            sides = [partial(rate_of, pqn(args.game, worlds))]
        else:
            if args.every % worlds:
                raise TengenError(f"--every {args.every} is no multiple of --worlds {worlds}; give one")
            sides = [partial(rate_of, dqn(args.game, worlds, args.batch, args.every))]
            if args.peer:
                peer = Peer(args.game, worlds, args.batch, args.every)
                sides.append(peer)
        rates = take_turns(sides, args.turns, args.seconds)
    finally:
        torch.set_num_threads(threads)
        if peer is not None:
            peer.close()
    figures = {"per_second": rates[0], "worlds": float(worlds)}
    return figures | ({"peer_per_second": rates[1], "ratio": rates[0] / rates[1]} if args.peer else {})


def take_turns(sides: list[Callable[[float], float]], turns: int, seconds: float) -> list[float]:
    """Median of each side's rates over its turns; the first turn warms up."""
    rates: list[list[float]] = [[] for _ in sides]
    for turn in range(turns + 1):
        for side, found in zip(sides, rates, strict=True):
            rate = side(seconds)
            if turn:
                found.append(rate)
    return [median(found) for found in rates]


def rate_of(side: Callable[[], int], seconds: float) -> float:
    """Steps a second of this process's processor time, over that many of them."""
    steps = 0
    started = time.process_time()
    while (used := time.process_time() - started) < seconds:
        steps += side()
    return steps / used


def dqn(game: str, worlds: int, batch: int, every: int) -> Callable[[], int]:
    """Tengen's side: plays and learns as the training loop does; returns the steps played."""
    from tengen.agents.dqn.collector import Collector
    from tengen.agents.dqn.learner import DqnLearner
    from tengen.agents.dqn.learner_config import LearnerConfig
    from tengen.agents.dqn.replay import FrameReplay
    from tengen.agents.dqn.replay_config import ReplayConfig
    from tengen.envs.make_worlds import make_worlds
    from tengen.networks.q import QNetwork
    from tengen.networks.q_config import QNetworkConfig
    from tengen.networks.q_evaluator import QEvaluator

    played = make_worlds(game, worlds, seed=0)
    network = QNetwork(QNetworkConfig(), played.spec)
    config = LearnerConfig(
        batch_size=batch, steps_per_update=every, target_period=max(1, TARGET_STEPS // every), threads=1
    )
    learner = DqnLearner(network, config, "cpu")
    replay = FrameReplay(
        played.spec,
        ReplayConfig(capacity=10_000, min_steps=WARM_STEPS),
        worlds=worlds,
        n_step=1,
        gamma=config.gamma,
    )
    evaluator = QEvaluator(network, device="cpu", threads=1)
    collector = Collector(played, evaluator, seed=0)
    epsilons = np.full(worlds, EPSILON, np.float32)
    rng = np.random.default_rng(0)
    steps_a_turn = max(1, 256 // worlds)  # of each world between two turns of the learner, as in the recipes
    while not replay.is_ready:
        replay.add(collector.collect(steps_a_turn, epsilons))

    def side() -> int:
        transitions = collector.collect(steps_a_turn, epsilons)
        replay.add(transitions)
        for _ in range(transitions.steps // every):
            learner.step(replay.sample(batch, rng))
        evaluator.load_weights(learner.weights(), learner.steps)
        return transitions.steps

    return side


def pqn(game: str, worlds: int) -> Callable[[], int]:
    """PQN, acting and learning in turn; returns the steps played."""
    from tengen.agents.dqn.collector import Collector
    from tengen.agents.dqn.learner_config import PqnLearnerConfig
    from tengen.agents.dqn.pqn_learner import PqnLearner
    from tengen.envs.make_worlds import make_worlds
    from tengen.networks.q import QNetwork
    from tengen.networks.q_config import QNetworkConfig
    from tengen.networks.q_evaluator import QEvaluator

    played = make_worlds(game, worlds, seed=0)
    network = QNetwork(QNetworkConfig(normalisation="layer"), played.spec)
    config = PqnLearnerConfig(minibatches=4, threads=1)
    learner = PqnLearner(network, config)
    evaluator = QEvaluator(network, device="cpu", threads=1)
    collector = Collector(played, evaluator, seed=0)
    epsilons = np.full(worlds, EPSILON, np.float32)

    def side() -> int:
        found = collector.rollout(32, epsilons)
        learner.update(found.rollout)
        evaluator.load_weights(learner.weights(), learner.steps)
        return found.steps

    return side


class Peer:
    """Stable-Baselines3 in a process of its own: what Tengen does to its own memory must not speed it up."""

    def __init__(self, game: str, worlds: int, batch: int, every: int) -> None:
        """Raises TengenError where it is not installed."""
        for module in ("stable_baselines3", "cv2"):  # the second for its AtariWrapper
            if importlib.util.find_spec(module) is None:
                raise TengenError(f"{module} is not installed; pip install tengen[bench] brings it")
        context = multiprocessing.get_context("spawn")
        self._ours, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(theirs, game, worlds, batch, every), daemon=True)
        self._process.start()
        theirs.close()

    def __call__(self, seconds: float) -> float:
        """Steps a second of processor time, over that many of them."""
        try:
            self._ours.send(seconds)
            rate: float = self._ours.recv()
        except (EOFError, OSError):
            raise TengenError("Stable-Baselines3 ended with the error above") from None
        return rate

    def close(self) -> None:
        """End the process."""
        self._process.terminate()
        self._process.join()


def serve(pipe: Any, game: str, worlds: int, batch: int, every: int) -> None:
    """Play and learn with Stable-Baselines3 for as long as the pipe says, and answer with the rate."""
    import torch

    torch.set_num_threads(1)
    side = sb3(game, worlds, batch, every)
    while True:
        pipe.send(rate_of(side, pipe.recv()))


def sb3(game: str, worlds: int, batch: int, every: int) -> Callable[[], int]:
    """Stable-Baselines3's DQN with the same settings; returns the steps played."""
    import ale_py
    import gymnasium
    from stable_baselines3 import DQN
    from stable_baselines3.common.env_util import make_atari_env
    from stable_baselines3.common.vec_env import VecFrameStack

    gymnasium.register_envs(ale_py)
    name = f"{game.removeprefix('atari/')}NoFrameskip-v4"
    environments = VecFrameStack(make_atari_env(name, n_envs=worlds, seed=0), n_stack=4)
    model: Any = DQN(
        "CnnPolicy",
        environments,
        learning_rate=1e-4,
        buffer_size=10_000,
        learning_starts=WARM_STEPS,
        batch_size=batch,
        gamma=0.99,
        train_freq=(every // worlds, "step"),
        gradient_steps=1,
        target_update_interval=TARGET_STEPS,
        exploration_initial_eps=EPSILON,
        exploration_final_eps=EPSILON,
        device="cpu",
        seed=0,
    )
    model.learn(WARM_STEPS + every, log_interval=None)

    def side() -> int:
        before = model.num_timesteps
        model.learn(4 * every, reset_num_timesteps=False, log_interval=None)
        return int(model.num_timesteps - before)

    return side
