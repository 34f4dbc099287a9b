"""Learning action values from what is just seen: parallelised Q-learning, without replay or target network.

Gallici et al., Simplifying deep temporal difference learning (2024), algorithm 1: many worlds side by side,
lambda returns from the network that acted, layer normalisation.
"""

import numpy as np
import torch

from tengen.agents.dqn.pqn_learner import PqnLearner
from tengen.agents.dqn.transitions import Played
from tengen.envs.make_worlds import world_spec
from tengen.networks.hardware import choose_device
from tengen.networks.q import QNetwork
from tengen.rundir import RunDir
from tengen.selfplay.dqn_config import PqnTrainConfig
from tengen.selfplay.dqn_resume import SavedWorlds
from tengen.selfplay.world_log import WorldJudge
from tengen.selfplay.world_session import WorldSession, make_clock


def train(config: PqnTrainConfig, run: RunDir, judge: WorldJudge, *, resume: bool = False) -> bool:
    """Train until the configured end; returns False where the user stopped it (the run can be resumed)."""
    torch.manual_seed(config.seed)
    network = QNetwork(config.network, world_spec(config.game, config.worlds))
    learner = PqnLearner(network, config.learner, choose_device("auto"), seed=config.seed)
    clock = make_clock(config)
    saved = SavedWorlds(network, learner, None, np.random.default_rng(config.seed), clock)
    with WorldSession(config, run, judge, saved, resume) as session:
        while session.goes_on:
            played = session.collect()
            assert isinstance(played, Played)
            session.log.add(learner.update(played.rollout, clock.progress))
            clock.steps = learner.steps
            session.end_turn(played.steps)
    return clock.is_over
