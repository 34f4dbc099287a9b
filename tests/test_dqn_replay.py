"""The replay of single steps: what is drawn is what was lived, at every border."""

import numpy as np
import pytest

from tengen.agents.dqn.replay import FrameReplay
from tengen.agents.dqn.replay_config import ReplayConfig
from tengen.agents.dqn.transitions import Transitions
from tengen.envs.worlds import WorldSpec
from tengen.errors import TengenError
from tests.replay_tools import Lives, drawable, everything, is_likely, number_of, replay_of, world


def check_all(replay: FrameReplay, lives: Lives, n: int, gamma: float) -> int:
    """Compare everything that the replay can draw with what was lived; returns how many steps that is."""
    wanted = drawable(lives, replay.length, n, gamma)
    assert replay.stats()["drawable"] == len(wanted)
    if not wanted:
        return 0
    batch = everything(replay)
    drawn = set()
    for b in range(len(batch.actions)):
        stack, action, total, discount, following = wanted[number_of(lives.spec, batch.observations[b, -1])]
        assert [number_of(lives.spec, shown) for shown in batch.observations[b]] == stack
        assert (batch.actions[b], batch.discounts[b]) == (action, discount)
        assert batch.returns[b] == pytest.approx(total)
        if following is not None:
            assert [number_of(lives.spec, shown) for shown in batch.next_observations[b]] == following
        drawn.add(stack[-1])
    assert drawn == set(wanted)
    return len(wanted)


@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize("stack", [1, 4])
@pytest.mark.parametrize("seed", range(3))
def test_what_is_drawn_is_what_was_lived(n: int, stack: int, seed: int):
    lives = Lives(world(stack), worlds=3, seed=seed)
    replay = replay_of(lives.spec, worlds=3, n_step=n, capacity=3 * 41)
    found = 0
    for turn in range(14):  # rings of 41 entries are written over several times
        replay.add(lives.live(int(lives.rng.integers(1, 13)), restarts=turn % 5 == 4))
        found += check_all(replay, lives, n, 0.5)
    assert found > 300


@pytest.mark.parametrize("shape, dtype", [((84, 84), np.uint8), ((3, 5, 7), np.uint8), ((6,), np.float32)])
def test_frames_of_any_shape_come_back(shape, dtype):
    lives = Lives(world(4, shape, dtype), worlds=2)
    replay = replay_of(lives.spec, worlds=2, n_step=2, capacity=100)
    for _ in range(4):
        replay.add(lives.live(20))
    assert check_all(replay, lives, 2, 0.5) > 50
    batch = replay.sample(5, lives.rng)
    assert batch.observations.shape == batch.next_observations.shape == (5, 4, *shape)
    assert batch.observations.dtype == dtype


def test_steps_longer_than_the_ring_are_taken_in_turns():
    lives = Lives(world(2), worlds=2, eventful=0.3)
    replay = replay_of(lives.spec, worlds=2, capacity=2 * 16)
    replay.add(lives.live(100))
    assert replay.steps == 200 and len(replay) == 32
    check_all(replay, lives, 1, 0.5)


def told(story: str, rewards: list[float]) -> Transitions:
    """One world: 'F' first, 't' terminal, 'c' cut short, '.' nothing; a letter or two a step, by blanks."""
    steps = story.split()
    cut = [t for t, step in enumerate(steps) if "c" in step]
    column = (len(steps), 1)
    return Transitions(
        frames=np.arange(1, len(steps) + 1, dtype=np.float32).reshape(*column, 1),
        firsts=np.array(["F" in step for step in steps]).reshape(column),
        actions=np.zeros(column, np.int32),
        rewards=np.array(rewards, np.float32).reshape(column),
        terminals=np.array(["t" in step for step in steps]).reshape(column),
        truncations=np.array(["c" in step for step in steps]).reshape(column),
        final_frames=np.array([100 + t for t in cut], np.float32).reshape(-1, 1),
        final_at=np.array([(t, 0) for t in cut], np.int32).reshape(-1, 2),
    )


def drawn_by_frame(replay: FrameReplay) -> dict[int, tuple]:
    batch = everything(replay)
    return {
        int(seen[-1, 0]): (seen[:, 0].tolist(), float(total), float(discount), after[:, 0].tolist())
        for seen, total, discount, after in zip(
            batch.observations, batch.returns, batch.discounts, batch.next_observations, strict=True
        )
    }


def test_a_lost_life_ends_the_return_and_not_the_stack():
    replay = replay_of(world(3, (1,)), n_step=2)
    replay.add(told("F . t . . .", [1, 2, 4, 8, 16, 32]))
    drawn = drawn_by_frame(replay)
    assert drawn[1][:3] == ([0, 0, 1], 1 + 2 / 2, 0.25)
    assert drawn[2][:3] == ([0, 1, 2], 2 + 4 / 2, 0.0)
    assert drawn[3][:3] == ([1, 2, 3], 4, 0.0)
    assert drawn[4] == ([2, 3, 4], 8 + 16 / 2, 0.25, [4, 5, 6])
    assert set(drawn) == {1, 2, 3, 4}


def test_a_step_cut_short_bootstraps_from_its_final_frame():
    replay = replay_of(world(3, (1,)), n_step=2)
    replay.add(told("F . c F . .", [1, 2, 4, 8, 16, 32]))
    drawn = drawn_by_frame(replay)
    assert drawn[1] == ([0, 0, 1], 1 + 2 / 2, 0.25, [1, 2, 3])
    assert drawn[2] == ([0, 1, 2], 2 + 4 / 2, 0.25, [2, 3, 102])
    assert drawn[3] == ([1, 2, 3], 4, 0.5, [2, 3, 102])
    assert drawn[4] == ([0, 0, 4], 8 + 16 / 2, 0.25, [4, 5, 6])
    assert set(drawn) == {1, 2, 3, 4}


def test_no_stack_reaches_back_over_a_final_frame_whatever_the_actor_says():
    replay = replay_of(world(3, (1,)))
    replay.add(told("F c . .", [0] * 4))
    assert drawn_by_frame(replay)[3][0] == [0, 0, 3]


def test_nothing_leads_from_an_actor_that_died_to_the_one_that_took_its_place():
    replay = replay_of(world(3, (1,)), n_step=2)
    replay.add(told("F . . F . .", [1, 2, 4, 8, 16, 32]))
    drawn = drawn_by_frame(replay)
    assert set(drawn) == {1, 4}  # the n steps of 2 and 3 were never lived
    assert drawn[4] == ([0, 0, 4], 16, 0.25, [4, 5, 6])


def test_an_observation_whose_oldest_frame_was_overwritten_is_never_drawn():
    replay = replay_of(world(3, (1,)), capacity=10)
    replay.add(told("F " + ". " * 9, [0] * 10))
    assert set(drawn_by_frame(replay)) == {1, 2, 3, 4, 5, 6, 7, 8, 9}
    longer = told(". . .", [0, 0, 0])
    longer.frames += 10
    replay.add(longer)  # frames 1 to 3 are gone
    assert set(drawn_by_frame(replay)) == {6, 7, 8, 9, 10, 11, 12}


def test_even_draws_are_even_and_weigh_alike():
    lives = Lives(world(), worlds=2)
    replay = replay_of(lives.spec, worlds=2, prioritised=False, capacity=200)
    replay.add(lives.live(80))
    batch = replay.sample(40_000, np.random.default_rng(1))
    assert (batch.weights == 1).all()
    counts = np.unique(batch.indices, return_counts=True)[1]
    assert len(counts) == replay.stats()["drawable"]
    assert is_likely(counts, np.full(len(counts), counts.mean()))


def test_draws_follow_priorities_and_weights_undo_them():
    lives = Lives(world(), worlds=2)
    replay = replay_of(lives.spec, worlds=2, capacity=200, alpha=0.7)
    replay.add(lives.live(60))
    ids = np.unique(everything(replay).indices)
    errors = np.random.default_rng(2).exponential(size=len(ids)).astype(np.float32)
    replay.update_priorities(ids, errors)
    chances = (errors.astype(float) + 1e-6) ** 0.7
    chances /= chances.sum()
    rng = np.random.default_rng(3)
    drawn = np.concatenate([replay.sample(32, rng).indices for _ in range(1500)])
    counts = np.array([(drawn == one).sum() for one in ids])
    # Stratified draws are more even than independent ones, which the test takes them for: this can only help.
    assert is_likely(counts, chances * len(drawn))
    batch = replay.sample(64, rng, beta=0.4)
    chance = chances[np.searchsorted(ids, batch.indices)]
    wanted = (len(ids) * chance) ** -0.4
    np.testing.assert_allclose(batch.weights, wanted / wanted.max(), rtol=1e-5)


def test_new_steps_have_the_highest_error_so_far_or_the_one_the_actor_saw():
    lives = Lives(world(1), worlds=1, eventful=0.0)
    replay = replay_of(lives.spec, alpha=1.0, floor=1e-9)
    replay.add(lives.live(11))
    replay.update_priorities(everything(replay).indices, np.full(20, 7.0))
    replay.add(lives.live(10))
    assert replay.stats()["mean_weight"] == pytest.approx((10 * 7 + 1 + 9 * 7) / 20)
    seen = lives.live(10)
    seen.priorities = np.full((10, 1), 0.5, np.float32)
    seen.priorities[3] = np.nan  # the actor could not tell
    replay.add(seen)
    assert replay.stats()["mean_weight"] * 30 == pytest.approx(134 + 7 + 8 * 0.5 + 7)


def test_errors_of_steps_overwritten_meanwhile_and_made_up_ones_are_ignored():
    lives = Lives(world(1), worlds=2, eventful=0.0)
    replay = replay_of(lives.spec, worlds=2, capacity=100)
    replay.add(lives.live(40))
    old = replay.sample(32, lives.rng).indices
    replay.add(lives.live(60))  # no slot holds what it held
    before = replay.snapshot()[1]["replay.weights"]
    replay.update_priorities(old, np.full(32, 50.0))
    replay.update_priorities(np.array([-1, 10**12]), np.array([50.0, 50.0]))
    np.testing.assert_array_equal(replay.snapshot()[1]["replay.weights"], before)


def test_an_error_that_is_no_number_does_not_poison_the_draws():
    lives = Lives(world(1), worlds=1)
    replay = replay_of(lives.spec)
    replay.add(lives.live(50))
    ids = replay.sample(3, lives.rng).indices
    replay.update_priorities(ids, np.array([np.nan, np.inf, 2.0]))
    assert np.isfinite(replay.sample(64, lives.rng).weights).all()
    assert replay.stats()["highest_error"] == 2.0


def test_learning_starts_when_there_is_enough():
    lives = Lives(world(2), worlds=2, eventful=0.0)
    replay = replay_of(lives.spec, worlds=2, min_steps=20)
    assert not replay.is_ready
    with pytest.raises(ValueError, match="no whole transition"):
        replay.sample(1, lives.rng)
    replay.add(lives.live(9))
    assert not replay.is_ready
    replay.add(lives.live(1))
    assert replay.is_ready and replay.steps == len(replay) == 20


def test_frames_on_disk_are_drawn_like_those_in_memory(tmp_path):
    replays = [replay_of(world(), 2, 3), replay_of(world(), 2, 3, folder=tmp_path, on_disk=True)]
    batches = []
    for replay in replays:
        lives = Lives(world(), worlds=2)
        replay.add(lives.live(100))
        batches.append(replay.sample(64, np.random.default_rng(0)))
    np.testing.assert_array_equal(batches[0].observations, batches[1].observations)
    assert (tmp_path / "frames.bin").stat().st_size == 1000 * 8
    replays[1].close()
    assert not (tmp_path / "frames.bin").exists()


ATARI = WorldSpec("atari/Pong", 6, (84, 84), np.uint8, 4)


def test_a_million_steps_of_atari_take_no_more_than_seven_and_a_half_gigabytes():
    assert FrameReplay.bytes_needed(ATARI, ReplayConfig(capacity=1_000_000)) < 7.1e9


def test_a_replay_that_memory_cannot_take_is_refused_before_it_is_made(monkeypatch):
    monkeypatch.setattr("tengen.agents.dqn.replay_room.free_memory", lambda: 3_200_000_000)
    with pytest.raises(
        TengenError, match=r"1,000,000 steps of atari/Pong takes 7.09 GB of memory, of which 3.2"
    ):
        FrameReplay(ATARI, ReplayConfig(capacity=1_000_000), worlds=8, n_step=3, gamma=0.99)


def test_a_disk_that_cannot_take_the_frames_is_told_before_they_come(monkeypatch, tmp_path):
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 10**9}))
    with pytest.raises(TengenError, match=r"7.06 GB of the disk of .*, of which 1.00 GB are free"):
        config = ReplayConfig(capacity=1_000_000, on_disk=True)
        FrameReplay(ATARI, config, worlds=8, n_step=3, gamma=0.99, folder=tmp_path)


def test_a_capacity_that_leaves_no_room_for_a_stack_in_each_world_is_refused():
    with pytest.raises(TengenError, match=r"too small for 64 worlds .* should be 896 or more"):
        FrameReplay(ATARI, ReplayConfig(capacity=500, min_steps=1), worlds=64, n_step=3, gamma=0.99)


@pytest.mark.parametrize(
    "change, fault",
    [
        ({"frames": np.zeros((6, 1, 2), np.float32)}, r"not float32 \(6, 1, 1\)"),
        ({"frames": np.zeros((6, 1, 1), np.uint8)}, "frames are uint8"),
        ({"first_world": 1}, "worlds 1 to 1 of a replay for 1"),
        ({"final_at": np.zeros((0, 2), np.int32)}, "1 steps were cut short and have no final frame"),
    ],
)
def test_steps_that_do_not_fit_are_refused(change, fault):
    replay = replay_of(world(3, (1,)))
    steps = told("F . c F . .", [0] * 6)
    for name, value in change.items():
        setattr(steps, name, value)
    with pytest.raises(ValueError, match=fault):
        replay.add(steps)
    assert replay.steps == len(replay) == 0
