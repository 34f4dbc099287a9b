"""What an actor sends: the errors that it saw are those of the transitions that the replay makes of it."""

import numpy as np
import pytest

from tengen.agents.dqn.collector import Collector
from tengen.agents.dqn.replay import FrameReplay
from tengen.agents.dqn.replay_config import ReplayConfig
from tengen.envs.make_worlds import make_worlds
from tengen.envs.worlds_config import WorldsConfig

WEIGHTS = np.random.default_rng(5).standard_normal((4, 2)).astype(np.float32)


def values(observations):
    return observations[:, -1] @ WEIGHTS


@pytest.mark.parametrize("n", [1, 3])
def test_initial_priorities_are_the_errors_of_the_drawn_transitions(n: int):
    worlds = make_worlds("gym/CartPole-v1", 3, seed=2, config=WorldsConfig(max_frames=14))
    replay = FrameReplay(worlds.spec, ReplayConfig(capacity=3000, min_steps=1), worlds=3, n_step=n, gamma=0.9)
    collector = Collector(worlds, values, seed=4, priorities=True, n_step=n, gamma=0.9)
    seen: dict[bytes, float] = {}
    ends = cuts = 0
    for _ in range(30):
        sent = collector.collect(5, np.full(3, 0.9, np.float32))
        assert sent.priorities is not None and sent.priorities.shape == sent.actions.shape
        replay.add(sent)
        ends, cuts = ends + int(sent.terminals.sum()), cuts + int(sent.truncations.sum())
        for t, world in np.ndindex(sent.actions.shape):
            seen[sent.frames[t, world].tobytes()] = sent.priorities[t, world]
    assert ends > 3 and cuts > 3 and replay.steps == 3 * (150 - n)  # the last n steps wait for what follows
    batch = replay.sample(600, np.random.default_rng(0))
    taken = values(batch.observations)[np.arange(600), batch.actions]
    errors = np.abs(batch.returns + batch.discounts * values(batch.next_observations).max(1) - taken)
    np.testing.assert_allclose([seen[o.tobytes()] for o in batch.observations], errors, atol=1e-5)
    assert (batch.discounts == 0).any() and len(np.unique(batch.discounts)) == n + 1
    worlds.close()
