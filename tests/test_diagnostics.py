"""Games kept from the learner, and how varied games begin."""

import math

import numpy as np
import pytest
import torch

from tengen.envs.registry import make_game
from tengen.networks.heads import PolicyValueNet
from tengen.networks.spec import NetworkConfig, spec_for
from tengen.selfplay.config import LearnerConfig, ReplayConfig
from tengen.selfplay.diagnostics import HeldOutGames, distinct_openings, measured
from tengen.selfplay.games import Games
from tengen.selfplay.learner import Learner
from tengen.selfplay.replay import Batch

ACTIONS = 7


def played(moves: list[list[int]]) -> Games:
    """Games of Connect Four, all won by the first player, whose search would have played as they went."""
    lengths = np.array([len(game) for game in moves], np.int32)
    flat = np.concatenate(moves).astype(np.int16)
    count, plies = len(moves), len(flat)
    return Games(
        lengths=lengths,
        results=np.ones(count, np.float32),
        scores=np.zeros(count, np.float32),
        ownership=np.zeros((count, 0), np.int8),
        is_scored=np.zeros(count, np.bool_),
        versions=np.zeros(count, np.int32),
        actions=flat,
        to_play=np.concatenate([np.arange(n) % 2 for n in lengths]).astype(np.int8),
        is_recorded=np.ones(plies, np.bool_),
        policy=np.eye(ACTIONS, dtype=np.float16)[flat],
        values=np.zeros(plies, np.float16),
    )


def test_every_hundredth_game_is_kept_however_they_come():
    held = HeldOutGames(make_game("connect4"), ReplayConfig())
    left = [len(held.split(played([[0, 1, 0]] * n))) for n in (30, 60, 9, 1, 250, 50)]
    assert left == [30, 60, 9, 0, 248, 49]
    assert (
        len(HeldOutGames(make_game("connect4"), ReplayConfig(held_out=0)).split(played([[0]] * 500))) == 500
    )


def test_games_are_kept_as_long_as_the_learner_keeps_its_own():
    config = ReplayConfig(base=1000, growth=0.0, max_positions=1000, min_positions=1, held_out=0.1)
    held = HeldOutGames(make_game("connect4"), config)
    for first in (0, 1, 2, 3, 4, 5, 6):
        held.split(played([[first] * 5] * 100))
    assert held._kept.positions == 100
    kept = {int(chunk.games.actions[0]) for chunk in held._kept.chunks}
    assert kept == {5, 6}  # ten games of each


def test_the_acting_network_is_tried_on_them_and_left_as_it_was():
    game = make_game("connect4")
    network = PolicyValueNet(NetworkConfig(blocks=1, channels=8), spec_for(game))
    learner = Learner(network, LearnerConfig(batch_size=8))
    held = HeldOutGames(game, ReplayConfig(held_out=0.5))
    assert held.test(learner) == {}
    assert len(held.split(played([[6, 6], [3, 3, 3, 3], [5, 5], [0, 1, 2, 3, 4]]))) == 2
    before, was_training = learner.weights(), learner.acting().training
    found = held.test(learner)
    assert found["held_policy_loss"] == pytest.approx(math.log(ACTIONS), abs=0.1)  # nothing is learnt yet
    assert found["policy_entropy"] == pytest.approx(math.log(ACTIONS), abs=0.1)
    assert found["search_entropy"] == 0
    assert found["held_value_loss"] == pytest.approx(math.log(3), abs=0.1)
    assert all(np.array_equal(before[name], after) for name, after in learner.weights().items())
    assert learner.acting().training == was_training
    assert found["held_games"] == 2


def test_calibration_is_how_far_hopes_are_from_what_came():
    won = np.array([[1, 0, 0], [0, 0, 1], [1, 0, 0], [0, 0, 1]], np.float32)
    batch = Batch(np.zeros(0), np.eye(ACTIONS, dtype=np.float32)[[0, 1, 2, 3]], won, *[np.zeros(0)] * 3)
    even = torch.zeros(4, 3)  # expects 1/2 everywhere, and half the games were won
    policy = torch.full((4, ACTIONS), -20.0)
    policy[torch.arange(4), torch.tensor([0, 1, 2, 6])] = 20.0
    found = measured(policy, even, batch)
    assert found["held_calibration"] == pytest.approx(0)
    assert found["held_top1"] == 0.75
    sure = torch.tensor([[20.0, 0, 0]] * 4)
    assert measured(policy, sure, batch)["held_calibration"] == pytest.approx(0.5)
    right = torch.from_numpy(20 * won)
    assert measured(policy, right, batch)["held_calibration"] == pytest.approx(0, abs=1e-6)


def test_openings_that_other_games_have_too_count_once():
    lines = [[0, 1, 2, 3, 4, 5, 6], [0, 1, 2, 3, 4, 5, 0], [0, 1, 2, 3, 4, 6], [0, 1]]
    assert distinct_openings(played(lines)) == 0.75
    assert distinct_openings(Games.none(ACTIONS, 0)) == 1.0
