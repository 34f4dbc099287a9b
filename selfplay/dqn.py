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
from tengen.envs.make_worlds import world_spec
from tengen.networks.hardware import choose_device
from tengen.networks.q import QNetwork
from tengen.rundir import RunDir
from tengen.selfplay.clock import RunClock
from tengen.selfplay.dqn_config import DqnTrainConfig
from tengen.selfplay.dqn_resume import SavedWorlds
from tengen.selfplay.world_log import WorldJudge, WorldLog
from tengen.selfplay.world_rollouts import all_worlds
from tengen.selfplay.world_session import WorldSession, make_clock


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
    clock = make_clock(config)
    saved = SavedWorlds(network, learner, shards, rng, clock)
    with contextlib.closing(replay), WorldSession(config, run, judge, saved, resume) as session:
        while session.goes_on:
            transitions = session.collect()
            assert isinstance(transitions, Transitions)
            replay.add(transitions)
            learn(learner, replay, clock, transitions.steps, rng, session.log)
            shards.write_filled()
            session.end_turn(transitions.steps)
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
