"""Learning by tree-search self-play: AlphaZero's loop, with Gumbel's policy improvement by default.

Silver et al., A general reinforcement learning algorithm that masters chess, shogi, and Go through self-play
(Science 2018); Danihelka et al., Policy improvement by planning with Gumbel (ICLR 2022).
"""

import contextlib
import math
from collections.abc import Callable
from typing import Protocol

import numpy as np
import torch

from tengen.console import Progress, number
from tengen.envs import make_game
from tengen.interrupt import GracefulInterrupt
from tengen.machine import usable_cores
from tengen.networks.hardware import choose_device
from tengen.networks.spec import spec_for
from tengen.networks.stack import make_network
from tengen.rundir import RunDir
from tengen.selfplay.clock import RunClock
from tengen.selfplay.compiling import pays
from tengen.selfplay.config import LearnerConfig, TrainConfig
from tengen.selfplay.diagnostics import HeldOutGames, distinct_openings
from tengen.selfplay.learner import Learner
from tengen.selfplay.make_learner import make_learner
from tengen.selfplay.opponents import Opponents, Season
from tengen.selfplay.replay import Replay
from tengen.selfplay.resume import Saved, restore, save
from tengen.selfplay.rollouts import make_rollouts
from tengen.selfplay.saving import saving
from tengen.selfplay.start import start_from


class Judge(Protocol):
    """Who rates the network, between two updates or beside training."""

    def begin(self, update: int, stop: Callable[[], bool]) -> None:
        """Start matches of the run's newest checkpoint; they are dropped once `stop` says True."""

    def finished(self, progress: Progress, wait: bool) -> dict[str, float]:
        """Metrics for the log of matches that are over since the last call, or that it waits for."""


def train(
    config: TrainConfig,
    run: RunDir,
    judge: Judge | None = None,
    opponents: Opponents | None = None,
    *,
    resume: bool = False,
) -> bool:
    """Train until the configured end; returns False where the user stopped it (the run can be resumed).

    With `opponents` a share of the games is against whom they draw.
    """
    torch.manual_seed(config.seed)
    game = make_game(config.game)
    network = make_network(config.network, spec_for(game))
    slower = start_from(config.init, network, game, run, resume=resume)
    compiles = pays(config, choose_device("auto"))
    learner = make_learner(
        network, learner_config(config), compile=compiles, slower=slower, rollouts=config.rollouts
    )
    replay = Replay(
        game,
        config.replay,
        value_from_search=config.learner.value_from_search,
        symmetries=config.learner.symmetries,
    )
    rng = np.random.default_rng(config.seed)
    held_out = HeldOutGames(game, config.replay, config.learner.value_from_search)
    rate_every = config.evaluation.every_minutes if judge is not None else math.inf
    clock = RunClock(config.stop, rate_every, config.checkpoint.every_minutes)
    saved = Saved(config, learner, replay, rng, clock)
    Progress("starting").say(f"{run.path}: {config.game}, {network.parameter_count():,} weights; starting")
    run.log(f"{config.game}, {network.parameter_count():,} weights, {learner.device}")
    season = Season(opponents, config.league.every, run)
    with contextlib.closing(learner), contextlib.closing(make_rollouts(config, learner.booked)) as rollouts:
        if resume:
            restore(saved, run, rollouts)
            held_out.go_on_from(replay)
        rollouts.publish(learner.weights(), clock.update)
        clock.start()
        with (
            GracefulInterrupt() as interrupt,
            Progress("self-play", clock.total, clock.unit, clock.done) as progress,
        ):
            while not (clock.is_over or interrupt.stop_requested):
                season.draw_if_due(clock.update, rollouts)
                with saving(lambda: save(saved, run, rollouts), lambda: replay.add(rollouts.received())):
                    games = rollouts.collect()
                    learnt = held_out.split(games)
                    replay.add(learnt)
                    losses = learn(learner, replay, clock, learnt.positions, rng)
                clock.count(len(games))
                metrics = {**clock.stats(), **losses, **replay.stats(), **rollouts.stats()}
                metrics |= {"games": clock.collected, "distinct_openings": distinct_openings(games)}
                metrics |= held_out.test(learner)
                progress.update(clock.done, note(metrics))
                if clock.is_over or interrupt.stop_requested:
                    late = held_out.split(rollouts.received())  # games that were begun ahead
                    replay.add(late)
                    clock.owed_samples += late.positions * config.learner.samples_per_position
                due = clock.due()
                if due.save:
                    save(saved, run, rollouts, mark=due.keep)
                if judge is not None:
                    metrics |= rated(judge, clock, due.rate, config.evaluation.is_beside, progress, interrupt)
                run.append_metrics({"step": clock.update, **metrics})
                with saving(lambda: save(saved, run, rollouts)):
                    rollouts.publish(learner.weights(), clock.update)
            if (newest := run.latest_checkpoint()) is None or newest[0] != clock.update:
                save(saved, run, rollouts)
    run.log(f"{'finished' if clock.is_over else 'stopped'} at update {clock.update}, saved")
    return clock.is_over


def learner_config(config: TrainConfig) -> LearnerConfig:
    """The learner's settings; where players share its cores all the time it takes some of them only."""
    learner = config.learner
    rollouts = config.rollouts
    if learner.threads or learner.devices != 1 or rollouts.workers != 0 or not rollouts.beside_learning:
        return learner
    return learner.model_copy(update={"threads": max(1, 2 * usable_cores() // 5)})


def rated(
    judge: Judge, clock: RunClock, due: bool, beside: bool, progress: Progress, interrupt: GracefulInterrupt
) -> dict[str, float]:
    """Metrics of the checkpoints rated by now. Beside training nothing is waited for before the end."""

    found = judge.finished(progress, wait=clock.is_over)
    if due:
        judge.begin(clock.update, lambda: interrupt.stop_requested)
        found |= judge.finished(progress, wait=not beside or clock.is_over)
    return found


def learn(
    learner: Learner, replay: Replay, clock: RunClock, new_positions: int, rng: np.random.Generator
) -> dict[str, float]:
    """As many steps as the new positions are worth: each position is trained on samples_per_position times.

    Positions that come before there are enough to learn from stay owed. Returns the mean losses.
    """
    config = learner.config
    clock.owed_samples += new_positions * config.samples_per_position
    steps = int(clock.owed_samples // config.batch_size) if replay.is_ready else 0
    sums: dict[str, float] = {}
    for _ in range(steps):
        metrics = learner.step(replay.sample(config.batch_size, rng), clock.progress)
        for name, value in metrics.items():
            sums[name] = sums.get(name, 0.0) + value
    clock.owed_samples -= steps * config.batch_size
    clock.steps += steps
    return {name: value / steps for name, value in sums.items()}


def note(metrics: dict[str, float]) -> str:
    """The figures worth a place beside the progress bar."""
    words = [f"{metrics['games']:,.0f} games", f"{number(metrics['evaluations_per_s'])} evals/s"]
    if "loss" in metrics:
        words.append(f"loss {metrics['policy_loss']:.2f}+{metrics['value_loss']:.2f}")
    return ", ".join(words)
