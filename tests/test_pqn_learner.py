"""PQN learns from rollouts as they come, and resumes to the bit."""

import numpy as np
import pytest
import torch

from tengen.agents.dqn.collector import Collector
from tengen.agents.dqn.learner_config import PqnLearnerConfig
from tengen.agents.dqn.pqn_learner import PqnLearner
from tengen.agents.dqn.transitions import Rollout
from tengen.envs.worlds import Episode, Step, WorldSpec
from tengen.errors import TengenError
from tengen.networks.q import QNetwork
from tengen.networks.q_config import QNetworkConfig

CORRIDOR = WorldSpec("toy/Corridor", 2, (5,), np.float32, 1)
GAMMA = 0.9
ONE_HOT = np.eye(5, dtype=np.float32)


def make(**config) -> PqnLearner:
    torch.manual_seed(0)
    values = {"minibatches": 4, "learning_rate": 1e-3, "gamma": GAMMA} | config
    network = QNetwork(QNetworkConfig(torso="mlp", hidden=(32, 32), normalisation="layer"), CORRIDOR)
    return PqnLearner(network, PqnLearnerConfig.model_validate(values))


def values_at(learner: PqnLearner, places: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return learner.network.q_values(torch.from_numpy(ONE_HOT[places])[:, None]).numpy()


def walk(learner: PqnLearner, place: np.ndarray, rng: np.random.Generator, steps: int = 16) -> Rollout:
    """Random steps of N walkers; from the last place to the right is worth 1, then they start at random."""
    rows = []
    for _ in range(steps):
        action = rng.integers(2, size=len(place))
        ends = (place == 4) & (action == 1)
        after = np.clip(place + 2 * action - 1, 0, 4)
        best = values_at(learner, after).max(1)
        rows.append(
            (ONE_HOT[place][:, None], action, ends.astype(np.float32), ends, np.zeros_like(ends), best)
        )
        place[:] = np.where(ends, rng.integers(5, size=len(place)), after)
    return Rollout(*(np.stack(column) for column in zip(*rows, strict=True)))


def test_returns_stop_at_an_end_and_start_again_from_the_value_of_a_cut():
    learner = make(return_lambda=0.5)
    rollout = Rollout(
        observations=np.zeros((3, 1, 1, 5), np.float32),
        actions=np.zeros((3, 1), np.int32),
        rewards=np.array([[1.0], [2.0], [3.0]], np.float32),
        terminals=np.array([[False], [True], [False]]),
        truncations=np.array([[False], [False], [True]]),
        next_values=np.array([[10.0], [77.0], [20.0]], np.float32),
    )
    # 3 + 0.9 * 20; 2 and nothing after; 1 + 0.9 * (half of 10 and half of 2)
    np.testing.assert_allclose(learner.returns(rollout)[:, 0], [1 + 0.9 * 6, 2.0, 21.0], rtol=1e-6)
    rollout.terminals[1], rollout.truncations[1] = False, True
    np.testing.assert_allclose(learner.returns(rollout)[1, 0], 2 + 0.9 * 77, rtol=1e-6)


def test_pqn_learns_which_way_to_go():
    learner, rng = make(learning_rate=3e-3), np.random.default_rng(0)
    place = rng.integers(5, size=8)
    for _ in range(30):
        metrics = learner.update(walk(learner, place, rng))
    assert learner.steps == 30 * 4 * 2
    values = values_at(learner, np.arange(5))
    assert (values[:, 1] > values[:, 0]).all()
    # Returns over several steps of a random walk fall short of the best policy's; one step looks no further.
    assert 0.6 < values[4, 1] < 1.3
    assert metrics["error"] < 0.3


def test_each_sample_is_seen_once_an_epoch_in_an_order_of_its_own():
    learner = make(epochs=2)
    batches = list(learner._minibatches(32))
    assert [len(batch) for batch in batches] == [8] * 8
    for epoch in (batches[:4], batches[4:]):
        assert sorted(np.concatenate(epoch)) == list(range(32))
    assert not np.array_equal(batches[0], batches[4])


def test_pqn_resumes_to_the_bit():
    first, rng = make(), np.random.default_rng(1)
    rollouts = [walk(first, np.zeros(4, np.int64), rng) for _ in range(4)]
    for rollout in rollouts[:2]:
        first.update(rollout)
    resumed = make()
    resumed.restore(first.tensors(), first.steps)
    for rollout in rollouts[2:]:
        assert first.update(rollout) == resumed.update(rollout)
    for name, value in first.tensors().items():
        assert torch.equal(value, resumed.tensors()[name]), name


def test_minibatches_must_divide_the_rollout():
    learner, rng = make(minibatches=7), np.random.default_rng(0)
    with pytest.raises(TengenError, match="minibatches 7 does not divide a rollout of 32 steps"):
        learner.update(walk(learner, np.zeros(2, np.int64), rng))


class Counter:
    """Worlds that show how many steps an episode has lasted; over after 3, and world 1 is cut short at 2."""

    spec = WorldSpec("toy/Counter", 2, (1,), np.float32, 1)
    count = 2

    def reset(self) -> np.ndarray:
        self.clock = np.zeros(2, np.int64)
        return self._shown()

    def _shown(self) -> np.ndarray:
        return self.clock[:, None, None].astype(np.float32)

    def step(self, actions: np.ndarray) -> Step:
        self.clock += 1
        terminals, cuts = self.clock == 3, (self.clock == 2) & (np.arange(2) == 1)
        finals = {1: self._shown()[1]} if cuts[1] else {}
        over = terminals | cuts
        episodes = [Episode(int(n), 1.0, int(self.clock[n])) for n in np.flatnonzero(over)]
        self.clock[over] = 0
        return Step(self._shown(), np.ones(2, np.float32), terminals, cuts, over, finals, episodes)

    def close(self) -> None:
        """Nothing to give up."""


def test_rollouts_say_what_each_step_led_to():
    def values(observations):  # of action 1 ten times the clock, so that it is best
        return np.stack([-observations[:, 0, 0], 10 * observations[:, 0, 0]], 1).astype(np.float32)

    collector = Collector(Counter(), values, seed=0)
    played = collector.rollout(4, np.zeros(2, np.float32))
    rollout = played.rollout
    assert rollout.observations[:, :, 0, 0].T.tolist() == [[0, 1, 2, 0], [0, 1, 0, 1]]
    assert rollout.terminals.T.tolist() == [[False, False, True, False], [False] * 4]
    assert rollout.truncations.T.tolist() == [[False] * 4, [False, True, False, True]]
    # At a cut the value is that of the observation it was cut at, 2, not of the next episode's first.
    assert rollout.next_values[:, 1].tolist() == [10, 20, 10, 20]
    assert rollout.next_values[[0, 1, 3], 0].tolist() == [10, 20, 10]
    assert [(episode.world, episode.steps) for episode in played.episodes] == [(1, 2), (0, 3), (1, 2)]
    again = collector.rollout(1, np.zeros(2, np.float32)).rollout
    assert again.observations[0, :, 0, 0].tolist() == [1, 0]
