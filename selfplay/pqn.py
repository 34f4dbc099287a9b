"""Learning action values from what is just seen: parallelised Q-learning, without replay or target network.

Gallici et al., Simplifying deep temporal difference learning (2024), algorithm 1: many worlds side by side,
lambda returns from the network that acted, layer normalisation.
"""

import contextlib

import numpy as np
import torch

from tengen.agents.dqn.pqn_learner import PqnLearner
from tengen.agents.dqn.transitions import Played
from tengen.console import Progress
from tengen.envs.make_worlds import world_spec
from tengen.interrupt import GracefulInterrupt
from tengen.networks.hardware import choose_device
from tengen.networks.q import QNetwork
from tengen.rundir import RunDir
from tengen.selfplay.clock import RunClock
from tengen.selfplay.dqn_config import PqnTrainConfig
from tengen.selfplay.dqn_resume import SavedWorlds, restore, save
from tengen.selfplay.world_log import WorldJudge, WorldLog
from tengen.selfplay.world_rollouts import make_world_rollouts


def train(config: PqnTrainConfig, run: RunDir, judge: WorldJudge, *, resume: bool = False) -> bool:
    """Train until the configured end; returns False where the user stopped it (the run can be resumed)."""
    torch.manual_seed(config.seed)
    network = QNetwork(config.network, world_spec(config.game, config.worlds))
    learner = PqnLearner(network, config.learner, choose_device("auto"), seed=config.seed)
    rng = np.random.default_rng(config.seed)
    clock = RunClock(config.stop, config.evaluation.every_minutes, config.checkpoint.every_minutes, "steps")
    saved = SavedWorlds(network, learner, None, rng, clock)
    run.log(f"{config.game}, {network.parameter_count():,} weights, {learner.device}")
    rollouts = make_world_rollouts(config)
    with contextlib.closing(rollouts), contextlib.closing(judge):
        if resume:
            restore(saved, run, rollouts)
        rollouts.publish(learner.weights(), clock.update, clock.collected)
        clock.start()
        with (
            GracefulInterrupt() as interrupt,
            Progress(config.game, clock.total, clock.unit, clock.done) as progress,
        ):
            log = WorldLog(run, clock, progress)
            while not (clock.is_over or interrupt.stop_requested):
                played = rollouts.collect()
                assert isinstance(played, Played)
                log.add(learner.update(played.rollout, clock.progress))
                clock.steps = learner.steps
                clock.count(played.steps)
                rollouts.publish(learner.weights(), clock.update, clock.collected)
                due = clock.due()
                if due.save:
                    save(saved, run, rollouts)
                if due.rate:
                    judge.begin(network, clock.update)
                log.write(rollouts, {}, judge.finished())
            if not interrupt.stop_requested:
                log.write(rollouts, {}, judge.finished(wait=True), last=True)
            if (newest := run.latest_checkpoint()) is None or newest[0] != clock.update:
                save(saved, run, rollouts)
    run.log(f"{'finished' if clock.is_over else 'stopped'} at step {clock.collected}, saved")
    return clock.is_over
