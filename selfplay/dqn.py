"""Learning action values from a replay: deep Q-learning's loop, with one actor beside it or with many.

Mnih et al., Human-level control through deep reinforcement learning (Nature 2015); with Ray actors, Horgan et
al., Distributed prioritized experience replay (ICLR 2018). What else is used is the configuration's choice:
Hessel et al., Rainbow (AAAI 2018).
"""

import contextlib
import math

import numpy as np
import torch

from tengen.agents.dqn.learner import DqnLearner
from tengen.agents.dqn.learner_config import check_combination
from tengen.agents.dqn.replay import FrameReplay
from tengen.agents.dqn.replay_shards import ReplayShards
from tengen.agents.dqn.transitions import Transitions
from tengen.console import Progress
from tengen.envs.make_worlds import world_spec
from tengen.interrupt import GracefulInterrupt
from tengen.networks.hardware import choose_device
from tengen.networks.q import QNetwork
from tengen.rundir import RunDir
from tengen.selfplay.clock import RunClock
from tengen.selfplay.dqn_config import DqnTrainConfig
from tengen.selfplay.dqn_resume import SavedWorlds, restore, save
from tengen.selfplay.world_log import WorldJudge, WorldLog
from tengen.selfplay.world_rollouts import all_worlds, make_world_rollouts


def train(config: DqnTrainConfig, run: RunDir, judge: WorldJudge, *, resume: bool = False) -> bool:
    """Train until the configured end; returns False where the user stopped it (the run can be resumed)."""
    check_combination(config.network, config.learner)
    torch.manual_seed(config.seed)
    spec = world_spec(config.game, config.worlds)
    network = QNetwork(config.network, spec)
    wants_compiler = config.learner.compile is True
    learner = DqnLearner(
        network, config.learner, choose_device("auto"), compile=wants_compiler, seed=config.seed
    )
    replay = FrameReplay(
        spec,
        config.replay,
        worlds=all_worlds(config),
        n_step=config.learner.n_step,
        gamma=config.learner.gamma,
        folder=run.path / "replay",
    )
    shards = ReplayShards(run.path / "replay", replay)
    rng = np.random.default_rng(config.seed)
    clock = RunClock(config.stop, config.evaluation.every_minutes, config.checkpoint.every_minutes, "steps")
    saved = SavedWorlds(network, learner, shards, rng, clock)
    run.log(f"{config.game}, {network.parameter_count():,} weights, {learner.device}")
    rollouts = make_world_rollouts(config)
    with contextlib.closing(rollouts), contextlib.closing(replay), contextlib.closing(judge):
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
                transitions = rollouts.collect()
                assert isinstance(transitions, Transitions)
                replay.add(transitions)
                learn(learner, replay, clock, transitions.steps, rng, log)
                clock.count(transitions.steps)
                rollouts.publish(learner.weights(), clock.update, clock.collected)
                shards.write_filled()
                due = clock.due()
                if due.save:
                    save(saved, run, rollouts)
                if due.rate:
                    judge.begin(network, clock.update)
                log.write(rollouts, {"replay": float(len(replay))}, judge.finished())
            if not interrupt.stop_requested:
                log.write(rollouts, {"replay": float(len(replay))}, judge.finished(wait=True), last=True)
            if (newest := run.latest_checkpoint()) is None or newest[0] != clock.update:
                save(saved, run, rollouts)
    run.log(f"{'finished' if clock.is_over else 'stopped'} at step {clock.collected}, saved")
    return clock.is_over


def learn(
    learner: DqnLearner,
    replay: FrameReplay,
    clock: RunClock,
    new_steps: int,
    rng: np.random.Generator,
    log: WorldLog,
) -> None:
    """One gradient step for every `steps_per_update` new steps, once there is enough to learn from."""
    config = learner.config
    if not replay.is_ready:
        return
    clock.owed_samples += new_steps
    for _ in range(math.floor(clock.owed_samples / config.steps_per_update)):
        batch = replay.sample(config.batch_size, rng, replay.config.beta(clock.progress))
        metrics, errors = learner.step(batch, clock.progress)
        if replay.config.prioritised:
            replay.update_priorities(batch.indices, errors)
        clock.owed_samples -= config.steps_per_update
        clock.steps += 1
        log.add(metrics)
