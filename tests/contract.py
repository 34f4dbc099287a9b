"""What every game owes its users, as checks that take a game: `tests/test_games_contract.py` runs them all.

A check plays random games by the batched rules only, so it holds for a game it has never heard of.
"""

import pickle
import re
from collections.abc import Iterator

import numpy as np
import pytest

from tengen.envs.game import COMMON_FIELDS, Bools, Floats, Game, Ints, States
from tengen.envs.perft import perft
from tengen.envs.position import Position
from tengen.envs.registry import make_game
from tengen.envs.rng import make_rng
from tengen.errors import IllegalMove, TengenError

BATCH = 12


def legal(game: Game, states: States) -> Bools:
    out = game.new_mask(len(states))
    game.legal_mask(states, out)
    return out


def observe(game: Game, states: States) -> Floats:
    out = game.new_observation(len(states))
    game.observe(states, out)
    return out


def returns(game: Game, states: States) -> Floats:
    out = np.full((len(states), 2), np.nan, np.float32)
    game.returns(states, out)
    return out


def same(a: States, b: States) -> bool:
    """Whether two batches agree in every field (padding aside)."""
    return all(np.array_equal(a[name], b[name]) for name in a.dtype.names)


def random_actions(mask: Bools, rng: np.random.Generator) -> Ints:
    return np.where(mask, rng.random(mask.shape), -1.0).argmax(1).astype(np.int32)


def random_games(game: Game, batch: int, seed: int) -> Iterator[States]:
    """The states of random games that still go on, ply by ply; at last the finished ones together."""
    rng = np.random.default_rng(seed)
    states = game.new_states(batch)
    live = np.arange(batch)
    while len(live):
        part = states[live]
        yield part.copy()
        game.step(part, random_actions(legal(game, part), rng))
        states[live] = part
        live = live[~part["terminal"]]
    yield states


def sample_states(game: Game, count: int, seed: int) -> list[States]:
    """About `count` unfinished states [1], from all stages of random games."""
    seen = [part[i : i + 1] for part in random_games(game, 4, seed) for i in range(len(part))]
    going = [state for state in seen if not state["terminal"][0]]
    return going[:: max(1, len(going) // count)]


def picture(game: Game, state: States) -> str:
    """The board without the mark that a game may set on the last move."""
    return re.sub(r"[()\s]", "", game.board(state))


# --- checks -----------------------------------------------------------------------------------------------


def check_description(game: Game) -> None:
    fields = [(name, game.state_dtype[name]) for name in game.state_dtype.names[: len(COMMON_FIELDS)]]
    assert fields == [(name, np.dtype(kind)) for name, kind in COMMON_FIELDS]
    assert game.state_dtype.itemsize % 8 == 0
    assert len(game.planes) == game.obs_shape[0] and len(set(game.planes)) == len(game.planes)
    assert game.first_player != game.second_player
    assert make_game(game.name).name == game.name


def check_tables(game: Game) -> None:
    """Policy and symmetry tables are what a network and an augmentation index with."""
    _, height, width = game.obs_shape
    points = height * width
    assert game.policy_index.shape == (game.num_actions,)
    assert len(set(game.policy_index.tolist())) == game.num_actions
    assert game.policy_index.min() >= 0
    assert game.policy_index.max() < game.policy_planes * points + game.policy_extra
    assert game.point_symmetries.shape[1] == points
    assert game.action_symmetries.shape == (len(game.point_symmetries), game.num_actions)
    for table, size in ((game.point_symmetries, points), (game.action_symmetries, game.num_actions)):
        assert (table[0] == np.arange(size)).all()
        assert (np.sort(table, 1) == np.arange(size)).all()


def check_start(game: Game) -> None:
    states = game.new_states(3)
    assert not states["terminal"].any() and (states["to_play"] == 0).all() and (states["ply"] == 0).all()
    for used in random_games(game, 3, 1):
        last = used
    assert last["terminal"].all()
    game.reset(last)
    assert same(last, states)


def check_pickling(game: Game) -> None:
    copy = pickle.loads(pickle.dumps(game))
    assert copy.name == game.name and copy.state_dtype == game.state_dtype
    for a, b in zip(random_games(game, 3, 2), random_games(copy, 3, 2), strict=True):
        assert same(a, pickle.loads(pickle.dumps(b)))


def check_batch_is_one_by_one(game: Game) -> None:
    rng = np.random.default_rng(3)
    for states in random_games(game, BATCH, 3):
        mask, observation, result = legal(game, states), observe(game, states), returns(game, states)
        for i in range(0, len(states), 5):
            alone = states[i : i + 1].copy()
            assert (legal(game, alone)[0] == mask[i]).all()
            assert (observe(game, alone)[0] == observation[i]).all()
            assert (returns(game, alone)[0] == result[i]).all()
        if not states["terminal"].any():
            actions = random_actions(mask, rng)
            after = states.copy()
            game.step(after, actions)
            for i in range(0, len(states), 5):
                alone = states[i : i + 1].copy()
                game.step(alone, actions[i : i + 1])
                assert same(alone, after[i : i + 1])


def check_games_end(game: Game) -> None:
    """In time, zero-sum, without legal moves; a game that goes on has moves and no result."""
    for states in random_games(game, BATCH, 4):
        mask, result, over = legal(game, states), returns(game, states), states["terminal"]
        assert (mask.any(1) == ~over).all()
        assert np.isin(result, (-1, 0, 1)).all() and (result.sum(1) == 0).all()
        assert (result[~over] == 0).all()
        assert (states["ply"] <= game.max_plies).all() and np.isin(states["to_play"], (0, 1)).all()
        for state in states[over][:3]:
            assert game.describe_result(state[None])
        if not over.any():
            assert game.describe_result(states[:1]) == ""


def check_playout(game: Game) -> None:
    results = []
    for _ in range(2):
        states, rng = game.new_states(BATCH), make_rng(5)
        half = next(part for part in random_games(game, BATCH, 5) if part["ply"][0] == 3)
        states[: len(half)] = half
        game.playout(states, rng)
        results.append((states, int(rng[0])))
    (states, state_of_rng), again = results
    assert states["terminal"].all() and (states["ply"] <= game.max_plies).all()
    assert len(set(states["hash"].tolist())) > 1
    assert same(states, again[0]) and state_of_rng == again[1] != 5
    done = states.copy()
    game.playout(done, make_rng(6))
    assert same(done, states)


def check_copies_are_independent(game: Game) -> None:
    """A record carries all its game needs: copied elsewhere it plays on, and the original stays."""
    states = next(part for part in random_games(game, BATCH, 6) if part["ply"][0] == 3)
    other = game.new_states(4)
    other[2] = states[1]
    action = random_actions(legal(game, states[1:2]), np.random.default_rng(0))
    before = states.copy()
    game.step(other[2:3], action)
    assert same(before, states)
    game.step(states[1:2], action)
    assert same(other[2:3], states[1:2])
    assert same(states[[0, 2]], before[[0, 2]])


def check_observation_is_overwritten(game: Game) -> None:
    channels, height, width = game.obs_shape
    for states in list(random_games(game, BATCH, 7))[::7]:
        n = len(states)
        plain = np.full((n, channels, height, width), np.nan, np.float32)
        last = np.full((n, height, width, channels), np.nan, np.float32).transpose(0, 3, 1, 2)
        part = np.full((n, 2 * channels, height, width + 3), np.nan, np.float32)[:, ::2, :, 1 : width + 1]
        for out in (plain, last, part):
            game.observe(states, out)
            assert np.isfinite(out).all() and (np.abs(out) <= 1).all()
            assert (out == plain).all()


def check_symmetries(game: Game) -> None:
    """A game played through a symmetry looks like the game seen through it, and ends alike."""
    rng = np.random.default_rng(8)
    channels, height, width = game.obs_shape
    for points, actions_to in zip(game.point_symmetries[1:], game.action_symmetries[1:], strict=True):
        states, turned = game.new_states(2), game.new_states(2)
        while len(states):
            mask, seen = legal(game, states), observe(game, states)
            assert (legal(game, turned)[:, actions_to] == mask).all()
            flat = (len(states), channels, height * width)
            assert (observe(game, turned).reshape(flat)[:, :, points] == seen.reshape(flat)).all()
            actions = random_actions(mask, rng)
            game.step(states, actions)
            game.step(turned, actions_to[actions].astype(np.int32))
            assert (states["terminal"] == turned["terminal"]).all()
            assert (returns(game, states) == returns(game, turned)).all()
            on = ~states["terminal"]
            states, turned = states[on], turned[on]


def check_text_and_board(game: Game) -> None:
    """A position written and read again looks the same, counts as the same, and has the same moves.

    Drawn as a board it may lose what stands beside the board: counters, moves that repetition forbids.
    """
    for state in sample_states(game, 25, 9):
        text = game.to_text(state)
        assert "\n" not in text
        again = game.from_text(text)
        assert game.to_text(again) == text and picture(game, again) == picture(game, state)
        assert all(again[name][0] == state[name][0] for name in ("to_play", "hash", "terminal"))
        assert (legal(game, again) == legal(game, state)).all()
        drawn = game.from_board(game.board(state), int(state["to_play"][0]))
        assert picture(game, drawn) == picture(game, state) and drawn["to_play"][0] == state["to_play"][0]
        assert not (legal(game, state) & ~legal(game, drawn)).any()


def check_notation(game: Game) -> None:
    for state in sample_states(game, 10, 10):
        words, turns = set(), Position(game, state).legal_turns()
        for turn in turns:
            text = game.format_turn(state, turn)
            assert game.parse_turn(state, text) == turn
            words.add(text)
        assert len(words) == len(turns)
        for action in np.flatnonzero(legal(game, state)[0]):
            assert game.parse_action(state, game.format_action(state, int(action))) == action


def check_nonsense_is_refused(game: Game) -> None:
    state = game.new_states(1)
    for text in ("", " ", "zz9", "-1", "99999999999999999999", "\0", "é", "1-", "?" * 5000):
        with pytest.raises(IllegalMove):
            game.parse_turn(state, text)
        with pytest.raises(IllegalMove):
            game.parse_action(state, text)
        with pytest.raises(TengenError):
            game.from_text(text)
        with pytest.raises(TengenError):
            game.from_board(text)


def check_position(game: Game) -> None:
    position = Position(game)
    start = position.state.copy()
    rng = np.random.default_rng(11)
    while not position.is_terminal:
        action = int(rng.choice(position.legal_actions()))
        illegal = np.flatnonzero(~position.legal_mask())
        if len(illegal):
            with pytest.raises(IllegalMove, match=str(illegal[0])):
                position.apply(int(illegal[0]))
        position.apply(action)
    with pytest.raises(IllegalMove, match="over"):
        position.apply(0)
    while position.actions:
        position.undo()
    assert same(position.state, start)


def check_live_words(game: Game) -> None:
    """What lies behind the words that count may be anything."""
    if game.live_words is None:
        return
    assert game.state_dtype.fields is not None and game.state_dtype.fields["ply"][1] == 4
    start, per_ply = game.live_words
    rng = np.random.default_rng(12)
    for states in random_games(game, BATCH, seed=12):
        dirty = states.copy()
        words = dirty.view(np.uint64).reshape(len(dirty), -1)
        for row, ply in zip(words, states["ply"], strict=True):
            row[start + per_ply * ply :] = rng.integers(2**64, size=len(row), dtype=np.uint64)[
                start + per_ply * ply :
            ]
        assert np.array_equal(legal(game, dirty), legal(game, states))
        assert np.array_equal(observe(game, dirty), observe(game, states))
        assert np.array_equal(returns(game, dirty), returns(game, states))
        going = ~states["terminal"]
        clean, dirty = states[going].copy(), dirty[going].copy()
        actions = random_actions(legal(game, clean), rng)
        game.step(clean, actions)
        game.step(dirty, actions)
        assert np.array_equal(clean["hash"], dirty["hash"])
        assert np.array_equal(legal(game, clean), legal(game, dirty))
        assert np.array_equal(observe(game, clean), observe(game, dirty))


def check_perft(game: Game) -> None:
    """A game's own perft, where it has one, counts as the plain one does."""
    if game.num_actions < 200:
        start = game.new_states(1)
        assert game.perft(start, 2) == perft(game, start, 2)


CHECKS = {
    name.removeprefix("check_"): check for name, check in list(globals().items()) if name.startswith("check_")
}
