"""Self-play games as the worker reports them: legal, replayable, and recorded as the settings say."""

import numpy as np
import pytest

from tengen.envs import make_game
from tengen.errors import TengenError
from tengen.selfplay.alphazero import learn
from tengen.selfplay.clock import RunClock
from tengen.selfplay.games import Games
from tengen.selfplay.learner import Learner
from tengen.selfplay.replay import Replay
from tests.selfplay_tools import network, played, plies_of, small, worker


@pytest.mark.parametrize("name", ["connect4", "go5", "checkers"])
def test_every_game_can_be_played_again_by_the_rules(name):
    game = make_game(name)
    games = played(small(name, rollouts={"max_plies": 60}), positions=1200)
    assert len(games) >= 4
    assert games.fault(game.num_actions, games.ownership.shape[1]) is None
    mask, returns = game.new_mask(1), np.zeros((1, 2), np.float32)
    for number in range(len(games)):
        plies = plies_of(games, number)
        state = game.new_states(1)
        for action, side in zip(games.actions[plies], games.to_play[plies], strict=True):
            assert state["to_play"][0] == side
            game.legal_mask(state, mask)
            assert mask[0, action]
            game.step(state, np.array([action], np.int32))
        game.returns(state, returns)
        assert games.results[number] == returns[0, 0]
        assert games.is_scored[number] == state["terminal"][0]
        if game.has_ownership and state["terminal"][0]:
            ownership, score = np.zeros((1, 25), np.int8), np.zeros(1, np.float32)
            game.ownership(state, ownership)
            game.score(state, score)
            assert (games.ownership[number] == ownership[0]).all() and games.scores[number] == score[0]


def test_a_temperature_above_one_has_openings_differ_more():
    def favourite(temperature: float) -> float:
        rollouts = {"opening_plies": 4, "opening_temperature": temperature}
        games = played(small(rollouts=rollouts), positions=1500)
        starts = [plies_of(games, number).start for number in range(len(games))]
        opened = [games.actions[ply] for ply in starts if not games.is_recorded[ply]]
        return np.bincount(opened, minlength=7).max() / len(opened)

    assert favourite(0.05) > 0.9
    assert favourite(100.0) < 0.5


def test_policies_are_distributions_over_legal_moves():
    game = make_game("connect4")
    games = played(small(), positions=600)
    assert np.allclose(games.policy.astype(np.float32).sum(1), 1, atol=5e-3)
    row = 0
    for number in range(len(games)):
        plies = plies_of(games, number)
        state, mask = game.new_states(1), game.new_mask(1)
        for ply in range(plies.start, plies.stop):
            game.legal_mask(state, mask)
            if games.is_recorded[ply]:
                assert games.policy[row][~mask[0]].sum() == 0
                row += 1
            game.step(state, games.actions[ply : ply + 1].astype(np.int32))
    assert row == games.positions == len(games.policy)


def test_openings_are_not_recorded_and_everything_after_is():
    games = played(small(rollouts={"opening_plies": 3}), positions=800)
    openings = []
    for number in range(len(games)):
        recorded = games.is_recorded[plies_of(games, number)]
        opening = int(np.argmax(recorded))
        assert recorded[opening:].all()
        openings.append(opening)
    assert set(openings) == {0, 1, 2, 3}


def test_the_playout_cap_records_its_share_of_moves():
    config = small(rollouts={"opening_plies": 0, "playout_cap": {"full_fraction": 0.25, "simulations": 2}})
    player = worker(config)
    games, counts = player.collect(600)
    share = games.positions / len(games.actions)
    assert 0.2 < share < 0.3
    assert len(games.policy) == games.positions
    # 6 simulations and the root for a recorded move, 2 and the root for the others
    assert counts["evaluations"] / (counts["recorded"] / share) < 0.25 * 7 + 0.75 * 3 + 0.5


def test_a_cap_above_the_search_is_refused():
    with pytest.raises(ValueError, match=r"playout_cap.simulations: 9 is more than search.simulations, 6"):
        small(rollouts={"playout_cap": {"full_fraction": 0.5, "simulations": 9}})
    with pytest.raises(ValueError, match="full_fraction"):
        small(rollouts={"playout_cap": {"full_fraction": 0.0}})  # nothing would ever be recorded


def test_a_game_cut_by_the_ply_limit_is_a_draw_without_a_score():
    games = played(small("go5", rollouts={"max_plies": 5, "opening_plies": 0}), positions=200)
    assert (games.lengths == 5).all()
    assert not games.is_scored.any() and (games.results == 0).all()


def gloomy(**resignation: object) -> tuple[Games, dict[str, float]]:
    """Games whose players give up at slightly bad values."""
    resignation = {"threshold": 0.05, **resignation}
    return worker(small(rollouts={"opening_plies": 0, "resignation": resignation})).collect(600)


def test_a_player_resigns_after_so_many_hopeless_moves_of_its_own():
    games, _ = gloomy(moves=3, play_on=0.0)
    resigned = ~games.is_scored
    assert resigned.any() and not resigned.all()
    for number in np.flatnonzero(resigned):
        plies = plies_of(games, number)
        loser = games.to_play[plies][-1]
        assert games.results[number] == (-1 if loser == 0 else 1)
        own = games.values[plies][games.to_play[plies] == loser]
        assert len(own) >= 3 and (own[-3:] < -0.05).all()
        assert len(own) == 3 or own[-4] >= -0.05


def test_games_played_on_show_how_often_resigning_would_have_been_wrong():
    games, counts = gloomy(moves=1, play_on=1.0)
    assert games.is_scored.all()
    assert 0 < counts["false_resignations"] < counts["hopeless"] <= len(games)


def test_a_move_of_the_playout_cap_neither_counts_nor_interrupts_a_row_of_hopeless_moves():
    player = worker(small(rollouts={"resignation": {"threshold": 0.9, "moves": 2, "play_on": 0.0}}))
    player._plays_on[:] = False
    player._hopeless[:] = 0
    slots, low, high = np.arange(1, dtype=np.int32), np.float32([-0.95]), np.float32([0.5])
    for is_full, value, resigns in [
        (True, low, False),
        (False, high, False),
        (False, low, False),
        (True, low, True),
        (True, high, False),
        (True, low, False),
    ]:
        player._is_full[:] = is_full
        assert player._resigns(slots, value)[0] == resigns


def test_games_carry_the_version_of_their_first_move():
    player = worker(small(rollouts={"opening_plies": 0}))
    player.take_version(2)
    first, _ = player.collect(100)
    player.take_version(5)
    second, _ = player.collect(400)
    assert (first.versions == 2).all()
    assert set(second.versions) == {2, 5}
    assert 0 < (second.versions == 2).sum() <= 8  # at most one game was under way in each slot


def test_the_same_seed_plays_the_same_games_and_another_does_not():
    config = small(rollouts={"playout_cap": {"full_fraction": 0.5, "simulations": 2}})
    one, same, other = played(config), played(config), played(config, seed=2)
    for name, array in one.arrays().items():
        assert np.array_equal(array, same.arrays()[name]), name
    assert not np.array_equal(one.actions, other.actions)


def test_reusing_the_tree_keeps_the_games_legal():
    games = played(small(rollouts={"reuse_tree": True}), positions=400)
    game = make_game("connect4")
    for number in range(len(games)):
        state, mask = game.new_states(1), game.new_mask(1)
        for action in games.actions[plies_of(games, number)]:
            game.legal_mask(state, mask)
            assert mask[0, action]
            game.step(state, np.array([action], np.int32))


def test_a_worker_told_to_stop_answers_at_once():
    player = worker(small())
    player.stop_requested = True
    games, counts = player.collect(10**9)
    assert len(games) == 0 and counts["recorded"] == 0


def test_training_keeps_its_ratio_to_self_play():
    config = small(replay={"min_positions": 200, "base": 10_000}, learner={"samples_per_position": 1.7})
    learner = Learner(network(config), config.learner)
    replay = Replay(make_game("connect4"), config.replay)
    clock = RunClock(config.stop, 1, 1)
    rng = np.random.default_rng(0)
    player = worker(config)
    for _ in range(8):
        games, _ = player.collect(96)
        replay.add(games)
        losses = learn(learner, replay, clock, games.positions, rng)
        clock.count(len(games))
        if replay.positions < 200:
            assert clock.steps == 0 and not losses
        else:
            owed = replay.total_positions * 1.7 - clock.steps * 32
            assert 0 <= owed < 32 and owed == pytest.approx(clock.owed_samples)
    assert clock.steps == learner.steps > 20


def test_learning_can_start_within_the_window():
    with pytest.raises(ValueError, match=r"replay.min_positions: 500 is more than replay.base, 400"):
        small(replay={"min_positions": 500})


def test_an_unknown_game_is_a_sentence():
    with pytest.raises(TengenError, match="did you mean go5"):
        make_game("goo5")
