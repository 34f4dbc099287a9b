"""A replay that comes back from disk draws as if nothing had happened."""

import json
import re

import numpy as np
import pytest

from tengen.agents.dqn.replay import FrameReplay
from tengen.agents.dqn.replay_shards import ReplayShards, shard_path, shards
from tengen.errors import TengenError
from tests.replay_tools import Lives, drawable, everything, replay_of, world

WORLDS = 3


def saved(kept: ReplayShards) -> tuple[dict, dict]:
    """A checkpoint, after a way through JSON."""
    state, tensors = kept.save()
    return json.loads(json.dumps(state)), tensors


def kept_in(folder, replay: FrameReplay, shard_steps: int = 60) -> ReplayShards:
    kept = ReplayShards(folder, replay)
    kept.shard_steps = shard_steps
    return kept


def toy(capacity: int = 600, **config) -> FrameReplay:
    return replay_of(world(), WORLDS, 3, capacity=capacity, **config)


def train(replay: FrameReplay, lives: Lives, rng: np.random.Generator, steps: int) -> None:
    for _ in range(steps // 10):
        replay.add(lives.live(10))
        batch = replay.sample(16, rng, 0.5)
        replay.update_priorities(batch.indices, rng.exponential(size=16))


def assert_same_future(one: FrameReplay, other: FrameReplay, lives: Lives) -> None:
    """Both draw the same batches, to the last bit, now and after more steps."""
    rngs = [np.random.default_rng(9), np.random.default_rng(9)]
    for _ in range(30):
        steps = lives.live(7)
        errors = lives.rng.exponential(size=32)
        batches = []
        for replay, rng in zip((one, other), rngs, strict=True):
            batch = replay.sample(32, rng, 0.6)
            replay.update_priorities(batch.indices, errors)
            replay.add(steps)
            batches.append(batch)
        for name, array in vars(batches[0]).items():
            np.testing.assert_array_equal(array, getattr(batches[1], name), err_msg=name)
    assert one.stats() == other.stats()


@pytest.mark.parametrize("prioritised", [True, False])
@pytest.mark.parametrize("steps", [50, 700])  # not full; written over three times
def test_a_restored_replay_goes_on_to_the_last_bit(tmp_path, prioritised, steps):
    replay, lives, rng = toy(prioritised=prioritised), Lives(world(), WORLDS), np.random.default_rng(0)
    kept = kept_in(tmp_path, replay)
    for _ in range(3):
        train(replay, lives, rng, steps // 3)
        kept.write_filled()
        state, tensors = saved(kept)
        kept.prune()
    again = toy(prioritised=prioritised)
    assert kept_in(tmp_path, again).load(state, tensors) == []
    assert_same_future(replay, again, lives)


def test_a_restored_replay_saves_on_where_it_stopped(tmp_path):
    replay, lives, rng = toy(), Lives(world(), WORLDS), np.random.default_rng(0)
    kept = kept_in(tmp_path, replay)
    for _ in range(4):  # each time in a new process, as it were
        train(replay, lives, rng, 100)
        state, tensors = saved(kept)
        kept.prune()
        again = toy()
        kept = kept_in(tmp_path, again)
        assert kept.load(state, tensors) == []
        assert_same_future(replay, again, Lives(world(), WORLDS, seed=1))
        replay = again
    assert replay.steps == 4 * (100 + 210) * WORLDS


def test_only_what_is_new_is_written_and_only_what_is_old_is_pruned(tmp_path):
    replay, lives = toy(), Lives(world(), WORLDS, eventful=0.0)
    kept = kept_in(tmp_path, replay)
    replay.add(lives.live(100))
    kept.save()
    assert len(shards(tmp_path)) == 5  # 300 steps at 60
    before = {path: path.stat().st_mtime_ns for _, path in shards(tmp_path)}
    replay.add(lives.live(5))
    kept.save()
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert len(shards(tmp_path)) == 6
    kept.save()
    assert len(shards(tmp_path)) == 6  # nothing new
    kept.prune()
    assert len(shards(tmp_path)) == 6  # nothing has been overwritten: 105 of 200 steps in each world
    replay.add(lives.live(150))
    kept.write_filled()
    kept.prune()
    assert [number for number, _ in shards(tmp_path)][:6] == [0, 1, 2, 3, 4, 5]  # still the checkpoint's
    kept.save()
    kept.prune()
    assert min(shards(tmp_path))[0] == 2  # steps 0 to 39 of each world are gone


def test_full_shards_are_written_before_the_checkpoint_asks_for_them(tmp_path):
    replay, lives = toy(), Lives(world(), WORLDS, eventful=0.0)
    kept = kept_in(tmp_path, replay)
    replay.add(lives.live(19))
    kept.write_filled()
    assert not shards(tmp_path)
    replay.add(lives.live(22))
    kept.write_filled()
    assert len(shards(tmp_path)) == 2
    kept.save()
    assert len(shards(tmp_path)) == 3  # the step that was left


def test_steps_after_the_checkpoint_are_forgotten(tmp_path):
    replay, lives, rng = toy(), Lives(world(), WORLDS), np.random.default_rng(0)
    kept = kept_in(tmp_path, replay)
    train(replay, lives, rng, 100)
    state, tensors = saved(kept)
    number = state["next_shard"]
    replay.add(lives.live(60))
    kept.write_filled()
    assert shard_path(tmp_path, number).exists()
    again = toy()
    assert kept_in(tmp_path, again).load(state, tensors) == []
    assert again.steps == 300 and not shard_path(tmp_path, number).exists()


def damaged(tmp_path, damage) -> tuple[FrameReplay, list[str]]:
    """What comes back of 300 steps, 60 a shard, after damage to the shard in the middle."""
    replay, lives = toy(), Lives(world(), WORLDS, eventful=0.0)
    replay.add(lives.live(100))
    state, tensors = saved(kept_in(tmp_path, replay))
    damage(shard_path(tmp_path, 2))
    again = toy()
    return again, kept_in(tmp_path, again).load(state, tensors)


def other_run(path) -> None:
    """A shard of the same name from a replay of another world."""
    spec = world()._replace(name="toy/letters")
    replay = replay_of(spec, WORLDS, 3, capacity=600)
    lives = Lives(spec, WORLDS, eventful=0.0)
    replay.add(lives.live(100))
    folder = path.parent / "other"
    kept_in(folder, replay).save()
    shard_path(folder, 2).replace(path)


@pytest.mark.parametrize(
    "damage, reason",
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-40]), "decompress|incomplete|checksum"),
        (lambda path: path.write_bytes(b""), "empty"),
        (lambda path: path.write_bytes(b"not a shard at all"), "not a shard"),
        (lambda path: path.unlink(), "No such file"),
        (lambda path: path.write_bytes(shard_path(path.parent, 1).read_bytes()), "other steps"),
        (other_run, "of toy/letters, not of toy/numbers"),
    ],
)
def test_a_shard_that_cannot_be_used_is_left_out_and_its_steps_are_counted(tmp_path, damage, reason):
    replay, faults = damaged(tmp_path, damage)
    assert len(faults) == 1 and "steps-00000002" in faults[0] and "60 steps are lost" in faults[0]
    assert re.search(reason, faults[0])
    # Of each world 20 steps are gone, 3 before them lead there, 2 after them have no whole stack.
    assert replay.stats()["drawable"] == WORLDS * (100 - 3 - 20 - 3 - 2)
    seen = replay.sample(500, np.random.default_rng(0))
    assert (seen.observations[:, -1] > 0).all() and (seen.next_observations[:, -1] > 0).all()


@pytest.mark.parametrize("back", range(1, 6))
def test_nothing_leads_into_a_gap_or_out_of_it(tmp_path, back):
    replay, lives = toy(capacity=300), Lives(world(), WORLDS, eventful=0.2)
    kept = kept_in(tmp_path, replay)
    for _ in range(9):  # rings of 100 entries, written over
        replay.add(lives.live(22))
        kept.write_filled()
    state, tensors = saved(kept)
    shard_path(tmp_path, state["next_shard"] - back).unlink()
    again = toy(capacity=300)
    faults = kept_in(tmp_path, again).load(state, tensors)
    assert len(faults) == 1
    lived = drawable(lives, again.length, 3, 0.5)
    batch = everything(again)
    for b in range(len(batch.actions)):
        seen, action, total, discount, following = lived[int(batch.observations[b, -1, 0])]
        assert batch.observations[b, :, 0].tolist() == seen
        assert (batch.actions[b], batch.returns[b], batch.discounts[b]) == (action, total, discount)
        assert following is None or batch.next_observations[b, :, 0].tolist() == following


def test_what_had_left_the_window_is_not_counted_as_lost(tmp_path):
    replay, lives = toy(capacity=300), Lives(world(), WORLDS, eventful=0.0)
    replay.add(lives.live(90))
    kept = kept_in(tmp_path, replay)
    kept.save()
    replay.add(lives.live(15))  # the first 5 steps of each world's 100 are gone
    state, tensors = saved(kept)
    shard_path(tmp_path, 0).unlink()
    (fault,) = kept_in(tmp_path, toy(capacity=300)).load(state, tensors)
    assert "45 steps are lost" in fault


def test_bits_that_changed_on_disk_are_noticed(tmp_path):
    replay, lives = toy(), Lives(world(), WORLDS)
    replay.add(lives.live(100))
    kept = kept_in(tmp_path, replay, shard_steps=10_000)
    state, tensors = saved(kept)
    path = shard_path(tmp_path, 0)
    whole = path.read_bytes()
    for place in range(20, len(whole), len(whole) // 40):
        data = bytearray(whole)
        data[place] ^= 16
        path.write_bytes(data)
        assert len(kept_in(tmp_path, toy()).load(state, tensors)) == 1, place


def test_learning_waits_where_a_damaged_replay_came_back_too_small(tmp_path):
    replay, lives = toy(min_steps=250), Lives(world(), WORLDS, eventful=0.0)
    replay.add(lives.live(100))
    state, tensors = saved(kept_in(tmp_path, replay))
    assert replay.is_ready
    shard_path(tmp_path, 2).unlink()
    again = toy(min_steps=250)
    kept_in(tmp_path, again).load(state, tensors)
    assert not again.is_ready
    again.add(lives.live(10))
    assert again.is_ready


@pytest.mark.parametrize(
    "other, fault",
    [
        (replay_of(world()._replace(name="toy/letters"), 3, 3, capacity=600), "is of toy/numbers with name"),
        (replay_of(world(shape=(3,)), 3, 3, capacity=600), r"frame_shape \[2\], this run's .* \[3\]"),
        (replay_of(world(stack=4), 3, 3, capacity=600), "with stack 3"),
        (replay_of(world(), 2, 3, capacity=600), "3 worlds of 200 steps, this run's 2 of 300"),
    ],
)
def test_a_replay_of_another_world_or_size_is_refused(tmp_path, other, fault):
    replay = toy()
    replay.add(Lives(world(), WORLDS).live(30))
    state, tensors = saved(kept_in(tmp_path, replay))
    with pytest.raises(TengenError, match=fault):
        kept_in(tmp_path, other).load(state, tensors)


def test_priorities_begin_anew_where_the_run_drew_evenly_before(tmp_path):
    replay, lives = toy(prioritised=False), Lives(world(), WORLDS)
    replay.add(lives.live(50))
    state, tensors = saved(kept_in(tmp_path, replay))
    again = toy(prioritised=True)
    assert kept_in(tmp_path, again).load(state, tensors) == []
    assert again.stats()["drawable"] == replay.stats()["drawable"]
    assert again.stats()["mean_weight"] == 1.0


def test_a_run_that_begins_anew_clears_what_was_there(tmp_path):
    replay = toy()
    replay.add(Lives(world(), WORLDS).live(30))
    kept = kept_in(tmp_path, replay)
    kept.save()
    kept.clear()
    assert not shards(tmp_path)
