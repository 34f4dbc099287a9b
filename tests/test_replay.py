"""The replay: a bounded window of whole games from which what was seen in play comes back."""

import numpy as np
import pytest

from tengen.envs import make_game
from tengen.selfplay.games import Games
from tengen.selfplay.replay import Chunk, Replay
from tengen.selfplay.shards import clear_replay, load_replay, prune_replay, save_replay, shard_path, shards
from tests.selfplay_tools import played, plies_of, small, worker


def window(
    game: str = "connect4", value_from_search: float = 0.0, symmetries: bool = False, **limits
) -> Replay:
    config = small(game, replay=limits).replay
    return Replay(make_game(game), config, value_from_search=value_from_search, symmetries=symmetries)


def chunks(config, count: int, positions: int = 120) -> list[Games]:
    """What a worker answers to `count` calls."""
    player = worker(config)
    return [player.collect(positions)[0] for _ in range(count)]


def test_the_window_grows_with_the_run_and_stays_bounded():
    replay = window(base=200, growth=0.5, max_positions=500, min_positions=64)
    largest = 0
    for games in chunks(small(), 14):
        replay.add(games)
        largest = max(largest, games.positions)
        assert replay.window == min(500, 200 + replay.total_positions // 2)
        assert replay.positions == sum(chunk.games.positions for chunk in replay.chunks)
        assert min(replay.window, replay.total_positions) <= replay.positions < replay.window + largest
    assert replay.total_positions > 1000 and replay.window == 500


def test_memory_is_bounded_by_recorded_positions():
    config = small("go5", rollouts={"playout_cap": {"full_fraction": 0.2, "simulations": 1}})
    replay = window("go5", base=200, growth=0.0, max_positions=200, min_positions=64)
    sizes = []
    for games in chunks(config, 12, positions=60):
        replay.add(games)
        sizes.append(sum(a.nbytes for chunk in replay.chunks for a in chunk.games.arrays().values()))
    # 26 actions in half precision, and 5 + 6 bytes for each of five plies of which one is recorded
    assert max(sizes[4:]) < (200 + 150) * (26 * 2 + 5 * 11)


def test_games_without_a_recorded_position_are_counted_and_not_kept():
    games = played(small(rollouts={"opening_plies": 0}))
    games.is_recorded[:] = False
    games.policy = games.policy[:0]
    replay = window()
    replay.add(games)
    assert replay.total_games == len(games) and replay.positions == 0 and not replay.chunks


def test_sampling_is_uniform_over_recorded_positions_of_all_chunks():
    replay = window(base=10_000)
    for games in chunks(small(rollouts={"playout_cap": {"full_fraction": 0.5, "simulations": 2}}), 3):
        replay.add(games)
    seen: dict[bytes, int] = {}
    true: dict[bytes, int] = {}
    for chunk in replay.chunks:  # policies are so various that they name their position
        for row in chunk.games.policy.astype(np.float32):
            true[row.tobytes()] = true.get(row.tobytes(), 0) + 1
    rng = np.random.default_rng(0)
    draws = 200 * replay.positions
    for _ in range(200):
        for row in replay.sample(replay.positions, rng).policy:
            seen[row.tobytes()] = seen.get(row.tobytes(), 0) + 1
    assert seen.keys() == true.keys()
    chi2 = sum((seen[k] - 200 * n) ** 2 / (200 * n) for k, n in true.items())
    assert draws == sum(seen.values())
    assert abs(chi2 - len(true)) < 5 * (2 * len(true)) ** 0.5


@pytest.mark.parametrize("name", ["connect4", "go5", "checkers"])
def test_a_sample_is_what_the_player_saw(name):
    game = make_game(name)
    games = played(small(name, rollouts={"max_plies": 40}), positions=500)
    replay = window(name, base=10_000)
    replay.add(games)
    truth: dict[bytes, list[tuple]] = {}
    row = 0
    for number in range(len(games)):
        state, plies = game.new_states(1), plies_of(games, number)
        for ply in range(plies.start, plies.stop):
            if games.is_recorded[ply]:
                seen = game.new_observation(1)
                game.observe(state, seen)
                sign = 1 if state["to_play"][0] == 0 else -1
                policy = games.policy[row].astype(np.float32)
                truth.setdefault(policy.tobytes(), []).append((seen[0], sign, number))
                row += 1
            game.step(state, games.actions[ply : ply + 1].astype(np.int32))
    batch = replay.sample(300, np.random.default_rng(1))
    sides = set()
    for i in range(300):
        candidates = truth[batch.policy[i].tobytes()]
        matching = [(s, n) for seen, s, n in candidates if (seen == batch.observations[i]).all()]
        assert matching
        won_drawn_lost = []
        for sign, number in matching:
            sides.add(sign)
            result = games.results[number] * sign
            scored = games.is_scored[number]
            won_drawn_lost.append([float(result == r) for r in (1, 0, -1)])
            if len(matching) == 1 and game.has_ownership:
                assert (batch.ownership[i] == scored * sign * games.ownership[number]).all()
                assert batch.score[i] == scored * sign * games.scores[number]
                assert batch.is_scored[i] == scored
        assert batch.value[i].tolist() in won_drawn_lost
    assert sides == {1, -1}


def test_the_search_can_have_a_share_in_the_value():
    games = played(small())
    replay = window(value_from_search=0.25)
    replay.add(games)
    rows = np.arange(games.positions)
    _, _, (_, value, *_rest) = replay._targets(replay.chunks[0], rows)
    ply = int(np.flatnonzero(games.is_recorded)[10])
    number = int(replay.chunks[0].game_of[ply])
    result = games.results[number] * (1 if games.to_play[ply] == 0 else -1)
    q = float(games.values[ply])
    assert value[10, 0] - value[10, 2] == pytest.approx(0.75 * result + 0.25 * q, abs=1e-6)
    assert np.allclose(value.sum(1), 1)


def turned(games: Games, game, s: int) -> Games:
    """The same games on a board turned by symmetry s."""
    arrays = {name: array.copy() for name, array in games.arrays().items()}
    arrays["actions"] = game.action_symmetries[s][games.actions].astype(np.int16)
    arrays["policy"][:, game.action_symmetries[s]] = games.policy
    if games.ownership.shape[1]:
        arrays["ownership"][:, game.point_symmetries[s]] = games.ownership
    return Games(**arrays)


class OnlySymmetry:
    """A random generator that always draws symmetry s."""

    def __init__(self, s: int) -> None:
        self.s = s

    def integers(self, high: int, size: int) -> np.ndarray:
        return np.full(size, self.s) if high <= 8 else np.arange(size) % high


@pytest.mark.parametrize("name", ["connect4", "go5"])
def test_a_turned_sample_is_a_sample_of_the_turned_game(name):
    game = make_game(name)
    games = played(small(name), positions=200)
    assert len(game.point_symmetries) == (8 if name == "go5" else 2)
    for s in range(len(game.point_symmetries)):
        straight, turning = window(name), window(name, symmetries=True)
        straight.add(turned(games, game, s))
        turning.add(games)
        expected = straight.sample(64, OnlySymmetry(s))
        found = turning.sample(64, OnlySymmetry(s))
        for field in ("observations", "policy", "value", "ownership", "score", "is_scored"):
            assert np.array_equal(getattr(found, field), getattr(expected, field)), (s, field)


# --- shards -----------------------------------------------------------------------------------------------


@pytest.fixture
def filled(tmp_path):
    """A replay of several chunks, saved, and its folder."""
    replay = window("go5", base=300, growth=0.1)
    for games in chunks(small("go5"), 6):
        replay.add(games)
    save_replay(tmp_path, replay)
    return replay, tmp_path


def test_a_shard_is_written_once_and_goes_with_its_chunk(filled):
    replay, folder = filled
    before = {path: path.stat().st_mtime_ns for _, path in shards(folder)}
    assert [number for number, _ in shards(folder)] == [chunk.number for chunk in replay.chunks]
    oldest = replay.chunks[0].number
    for games in chunks(small("go5"), 2):
        replay.add(games)
    save_replay(folder, replay)
    assert all(path.stat().st_mtime_ns == time for path, time in before.items())
    assert shard_path(folder, oldest).exists()  # the checkpoint on disk still speaks of it
    prune_replay(folder, replay)
    assert [number for number, _ in shards(folder)] == [chunk.number for chunk in replay.chunks]


def test_a_resumed_replay_is_the_same_to_the_last_bit(filled):
    replay, folder = filled
    state = replay.state()
    again = window("go5", base=300, growth=0.1)
    assert load_replay(folder, again, state) == []
    assert again.state() == state and again.positions == replay.positions
    one = replay.sample(100, np.random.default_rng(5))
    same = again.sample(100, np.random.default_rng(5))
    assert all(np.array_equal(getattr(one, name), getattr(same, name)) for name in vars(one))
    more = played(small("go5"), positions=400)
    replay.add(more)
    again.add(more)
    assert [c.number for c in replay.chunks] == [c.number for c in again.chunks]


def test_shards_from_before_and_after_the_checkpoint_do_not_come_back(filled):
    replay, folder = filled
    state = replay.state()
    early = Replay(replay.game, replay.config)
    early._append(Chunk(0, played(small("go5"))))  # left by a crash before it could be removed
    save_replay(folder, early)
    late = Replay(replay.game, replay.config)
    late._append(Chunk(state["next_chunk"], played(small("go5"))))  # its checkpoint was never finished
    save_replay(folder, late)
    again = window("go5", base=300, growth=0.1)
    load_replay(folder, again, state)
    assert [c.number for c in again.chunks] == [c.number for c in replay.chunks]
    assert not shard_path(folder, state["next_chunk"]).exists()


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda data: data[: len(data) // 2], "cannot be read and is left out"),
        (lambda data: b"", "cannot be read and is left out"),
        (lambda data: b"not a shard", "cannot be read and is left out"),
    ],
)
def test_a_damaged_shard_is_left_out_with_a_sentence(filled, damage, reason):
    replay, folder = filled
    path = shard_path(folder, replay.chunks[1].number)
    path.write_bytes(damage(path.read_bytes()))
    again = window("go5", base=300, growth=0.1)
    (fault,) = load_replay(folder, again, replay.state())
    assert fault.startswith(f"{path}: ") and reason in fault and "\n" not in fault
    assert len(again.chunks) == len(replay.chunks) - 1
    again.sample(50, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda games: {"policy": games.policy[:-1]}, "policy is float16"),
        (lambda games: {"actions": np.full_like(games.actions, 26)}, "actions reach from 26 to 26 of 26"),
        (lambda games: {"lengths": games.lengths + 1}, "lengths of games add up to"),
        (lambda games: {"ownership": games.ownership[:, :9]}, r"ownership is int8"),
        (lambda games: {"values": games.values.astype(np.float64)}, "values is float64"),
    ],
)
def test_a_shard_of_another_shape_is_left_out(filled, spoil, reason):
    replay, folder = filled
    games = replay.chunks[0].games
    stranger = Replay(replay.game, replay.config)
    stranger._append(Chunk(replay.chunks[0].number, Games(**{**games.arrays(), **spoil(games)})))
    shard_path(folder, replay.chunks[0].number).unlink()
    save_replay(folder, stranger)
    (fault,) = load_replay(folder, window("go5"), replay.state())
    assert reason in fault


def test_a_run_that_begins_anew_finds_no_old_shards(filled):
    _, folder = filled
    (folder / "shard-strange.safetensors").write_text("somebody else's")
    clear_replay(folder)
    assert list(shards(folder)) == []
