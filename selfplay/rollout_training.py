"""Learning a rollout policy from recorded games: stochastic gradient descent on a log-linear model."""

import json
import math

import numpy as np
import torch
from safetensors.torch import load_file

from tengen.agents.rollout_policy import KIND, load_rollout_policy
from tengen.console import Progress
from tengen.envs import make_game
from tengen.envs.go.game import Go
from tengen.envs.go.pattern_learning import learn_batch
from tengen.envs.go.patterns import SCRATCH, pattern_classes
from tengen.errors import TengenError
from tengen.interrupt import GracefulInterrupt
from tengen.networks.checkpoint_files import write_checkpoint, write_tensors
from tengen.networks.paths import STATE, WEIGHTS
from tengen.rundir import RunDir
from tengen.selfplay.clock import RunClock
from tengen.selfplay.recorded_positions import Part
from tengen.selfplay.resume import OPTIMIZER, explained, or_older
from tengen.selfplay.rollout_config import RolloutPolicyConfig
from tengen.selfplay.supervised import Limits
from tengen.selfplay.supervised_data import open_dataset

AT_ONCE = 4096  # positions made in one go


class PatternLearner:
    """Weights of patterns, and what AdaGrad knows of them."""

    def __init__(self, game: Go) -> None:
        self.game = game
        self.classes = pattern_classes()
        self.weights = np.zeros((3, int(self.classes.max()) + 1), np.float32)
        self.squares = np.zeros_like(self.weights)
        self._bytes = np.zeros((2, SCRATCH), np.uint8)
        self._features = np.zeros((3, SCRATCH), np.int32)
        self._chances = np.zeros(SCRATCH, np.float32)

    def step(self, part: Part, plies: np.ndarray, rate: float, decay: float = 0.0) -> dict[str, float]:
        """Learn from the positions before plies [B], one after the other, or look at them only, at rate 0.

        Returns the mean cross entropy, how often the likeliest move was played, and from how many moves, over
        the share of positions (`used`) whose move was no pass and filled no own eye.
        """
        found = np.zeros(4)
        for begin in range(0, len(plies), AT_ONCE):
            some = plies[begin : begin + AT_ONCE].astype(np.int64)
            states = part.states(self.game, some)
            learn_batch(
                states.view(np.uint8).reshape(len(states), -1),
                part.actions[some].astype(np.int32),
                self.classes,
                self.weights,
                self.squares,
                rate,
                decay,
                found,
                self._bytes[0],
                self._bytes[1],
                self._features,
                self._chances,
            )
        count = max(1.0, found[0])
        return {
            "policy_loss": found[1] / count,
            "top1": found[2] / count,
            "moves": found[3] / count,
            "used": found[0] / max(1, len(plies)),
        }


def train(config: RolloutPolicyConfig, run: RunDir, *, resume: bool = False) -> bool:
    """Train until the configured end; returns False where the user stopped it (the run can be resumed)."""
    game = go_of(config)
    dataset = open_dataset(config.data, game)
    part, test = dataset.part("train"), dataset.part("test")
    plies = late_plies(part, config.skip_plies)
    held_out = np.random.default_rng(0).permutation(late_plies(test, config.skip_plies))
    held_out = np.sort(held_out[: config.evaluation.positions])
    learner = PatternLearner(game)
    stop = config.stop
    counts = [count for count in (stop.positions, math.ceil(stop.epochs * len(plies))) if count]
    limits = Limits(stop.minutes, stop.updates, min(counts, default=0))
    clock = RunClock(limits, config.evaluation.every_minutes, config.checkpoint.every_minutes, "positions")
    words = f"{game.name}, {learner.weights.shape[1]:,} classes of patterns, {len(plies):,} positions"
    Progress("starting").say(f"{run.path}: {words}; starting")
    run.log(words)
    if resume:
        restore(learner, clock, run)
    epoch, order = -1, plies
    clock.start()
    with (
        GracefulInterrupt() as interrupt,
        Progress("learning", clock.total, clock.unit, clock.done) as progress,
    ):
        while not (clock.is_over or interrupt.stop_requested):
            if epoch != clock.collected // len(plies):
                epoch = clock.collected // len(plies)
                order = np.random.default_rng([config.seed, epoch]).permutation(plies)
            begin = clock.collected - epoch * len(plies)
            some = order[begin : begin + config.positions_per_update]
            losses = learner.step(part, some, config.learner.learning_rate, config.learner.decay)
            clock.count(len(some))
            metrics = {**clock.stats(), **losses, "positions": float(clock.collected)}
            due = clock.due()
            if due.rate:
                found = learner.step(test, held_out, 0.0)
                metrics |= {f"test_{name}": value for name, value in found.items()}
                progress.say(told(clock.collected, found))
            if due.save:
                save(learner, clock, run)
            run.append_metrics({"step": clock.update, **metrics})
            progress.update(clock.done, f"loss {losses['policy_loss']:.3f}")
        if (newest := run.latest_checkpoint()) is None or newest[0] != clock.update:
            save(learner, clock, run)
    run.log(f"{'finished' if clock.is_over else 'stopped'} at update {clock.update}, saved")
    return clock.is_over


def go_of(config: RolloutPolicyConfig) -> Go:
    """The run's game. Raises TengenError where it is not Go."""
    game = make_game(config.game)
    if not isinstance(game, Go):
        raise TengenError(f"game: {config.game} has no patterns to play by; a rollout policy is for Go")
    return game


def late_plies(part: Part, skip: int) -> np.ndarray:
    """All plies but the first of each game."""
    return np.flatnonzero(np.arange(len(part)) - part.starts[part.game_of] >= skip)


def told(positions: int, found: dict[str, float]) -> str:
    """A test in words."""
    return (
        f"{positions:,} positions: {100 * found['top1']:.2f} % of held-out moves foretold "
        f"of {found['moves']:.0f} in the mean, cross entropy {found['policy_loss']:.3f}"
    )


def save(learner: PatternLearner, clock: RunClock, run: RunDir) -> None:
    """Write a checkpoint."""
    about = {
        "rollout": KIND,
        "family": "go",
        "game": learner.game.name,
        "step": clock.update,
        "extra": {"loop": clock.state()},
    }
    with run.new_checkpoint(clock.update) as checkpoint:
        write_tensors(checkpoint / OPTIMIZER, {"squares": torch.from_numpy(learner.squares)})
        write_checkpoint(checkpoint, {"weights": torch.from_numpy(learner.weights)}, about)


def restore(learner: PatternLearner, clock: RunClock, run: RunDir) -> None:
    """Take up the run's newest checkpoint, if it has one. Raises TengenError where it cannot be read."""
    latest = run.latest_checkpoint()
    if latest is None:
        return
    step, folder = latest
    with or_older(folder, run):
        load_rollout_policy(folder, learner.game)
    with explained(folder, run):
        learner.weights[...] = load_file(folder / WEIGHTS)["weights"].numpy()
        learner.squares[...] = load_file(folder / OPTIMIZER)["squares"].numpy()
        clock.restore(json.loads((folder / STATE).read_text())["extra"]["loop"])
    run.log(f"resumed at update {step}, after {clock.collected:,} positions")
