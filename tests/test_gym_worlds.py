"""Worlds of gymnasium: frames, ends, seeds, going on from a saved state, and what does not fit."""

import json
import sys
import types
from collections.abc import Iterator
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box, Dict, Discrete

from tengen.envs.gym_worlds import GymWorlds
from tengen.envs.make_worlds import make_worlds, world_names, world_spec
from tengen.envs.worlds import Episode, Step
from tengen.envs.worlds_config import WorldsConfig
from tengen.errors import TengenError

RIGHT, LEFT = 0, 1


class Corridor(gymnasium.Env[np.ndarray, int]):
    """A walker on 1 x 6 cells as MinAtar would show it: channel 0 is the walker, channel 1 the goal, +2.

    Its actions are 5, right, and 6, left. A step costs a quarter. It starts on cell 0 or 1.
    """

    def __init__(self, render_mode: str | None = None) -> None:
        self.observation_space = Box(0, 1, (6, 6, 2), np.bool_)  # type: ignore[arg-type]
        self.action_space = Discrete(2, start=5)  # type: ignore[assignment]

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[np.ndarray, dict[str, Any]]:
        super().reset(seed=seed)
        self.at = int(self.np_random.integers(2))
        return self._look(), {}

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        assert action in (5, 6)
        self.at = max(0, self.at + (1 if action == 5 else -1))
        return self._look(), 2.0 if self.at == 5 else -0.25, self.at == 5, False, {}

    def _look(self) -> np.ndarray:
        cells = np.zeros((6, 6, 2), bool)
        cells[0, self.at, 0] = cells[0, 5, 1] = True
        return cells


class Odd(gymnasium.Env[Any, Any]):
    """A world of any spaces."""

    def __init__(self, observation_space: Any, action_space: Any = None) -> None:
        self.observation_space, self.action_space = observation_space, action_space or Discrete(3)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        return self.observation_space.sample(), {}


ODD = {
    "Dict": Odd(Dict({"a": Box(0, 1, (3,))})),
    "Joystick": Odd(Box(0, 1, (3,)), Box(-1, 1, (2,))),
    "Four": Odd(Box(0, 1, (2, 3, 4, 5))),
    "Last": Odd(Box(0, 255, (8, 6, 3), np.uint8)),
    "First": Odd(Box(0, 255, (16, 9, 9), np.uint8)),
    "Grey": Odd(Box(0, 255, (8, 6), np.uint8)),
    "Floats": Odd(Box(0, 1, (4, 4, 4))),
    "Memory": Odd(Box(255, 255, (128,), np.uint8)),
}


@pytest.fixture(scope="module", autouse=True)
def registered() -> Iterator[None]:
    """The worlds of this file, known to gymnasium meanwhile."""
    gymnasium.register("Corridor-v0", entry_point=Corridor, max_episode_steps=20)
    for name, env in ODD.items():
        gymnasium.register(f"Odd{name}-v0", entry_point=lambda env=env, render_mode=None: env)
    yield
    for name in ["Corridor-v0", *(f"Odd{name}-v0" for name in ODD)]:
        del gymnasium.registry[name]


def worlds_of(name: str, count: int = 2, seed: int = 3, **settings: Any) -> GymWorlds:
    worlds = make_worlds(f"gym/{name}", count, seed=seed, config=WorldsConfig(**settings))
    assert isinstance(worlds, GymWorlds)
    return worlds


def walk(worlds: GymWorlds, action: int) -> Step:
    return worlds.step(np.full(worlds.count, action, np.int32))


def walker(observation: np.ndarray) -> int:
    """Where the newest frame shows it; -1 for nowhere."""
    cells = observation[-1, 0, 0]
    assert set(cells) <= {0, 255}
    return int(cells.argmax()) if cells.any() else -1


def test_a_walk_to_the_goal_ends_there_and_begins_anew():
    worlds = worlds_of("Corridor-v0", 1)
    assert worlds.spec == ("gym/Corridor-v0", 2, (2, 6, 6), np.uint8, 1)
    start = walker(worlds.reset()[0])
    for at in range(start + 1, 5):
        step = walk(worlds, RIGHT)
        assert walker(step.observations[0]) == at and step.rewards[0] == -0.25
        assert not step.firsts[0] and not step.terminals[0] and not step.episodes
    step = walk(worlds, RIGHT)
    assert step.terminals[0] and step.firsts[0] and not step.truncations[0] and not step.final_observations
    assert walker(step.observations[0]) in (0, 1), "what is to be acted on is the next episode's first"
    assert step.episodes == [Episode(0, 2.0 - 0.25 * (4 - start), 5 - start)]


def test_a_walk_cut_short_shows_where_it_came_to():
    worlds = worlds_of("Corridor-v0", 1, max_frames=3)
    start = walker(worlds.reset()[0])
    walk(worlds, RIGHT), walk(worlds, RIGHT)
    step = walk(worlds, RIGHT)
    assert step.truncations[0] and step.firsts[0] and not step.terminals[0]
    assert walker(step.final_observations[0]) == start + 3
    assert walker(step.observations[0]) in (0, 1)
    assert step.episodes == [Episode(0, -0.75, 3)]


def test_the_goal_on_the_last_step_is_an_end_and_no_cut():
    for seed in range(8):
        worlds = worlds_of("Corridor-v0", 1, seed=seed, max_frames=5)
        if walker(worlds.reset()[0]) == 0:
            break
    steps = [walk(worlds, RIGHT) for _ in range(5)]
    assert steps[-1].terminals[0] and not steps[-1].truncations[0] and not steps[-1].final_observations


def test_a_stack_holds_nothing_older_than_its_episode():
    worlds = worlds_of("Corridor-v0", 1, stack=3)
    start = walker(worlds.reset()[0])
    step = walk(worlds, RIGHT)
    assert [walker(step.observations[0][: n + 1]) for n in range(3)] == [-1, start, start + 1]
    while not (step := walk(worlds, RIGHT)).firsts[0]:
        pass
    assert not step.observations[0, :-1].any()


def test_clipped_rewards_leave_the_score_as_it_is():
    worlds = worlds_of("Corridor-v0", 1, clip_rewards=True)
    start = walker(worlds.reset()[0])
    steps = [walk(worlds, RIGHT) for _ in range(5 - start)]
    assert [step.rewards[0] for step in steps] == [-1.0] * (4 - start) + [1.0]
    assert steps[-1].episodes[0].score == 2.0 - 0.25 * (4 - start)


def test_cartpole_scores_one_for_every_step():
    worlds = worlds_of("CartPole-v1", 3)
    assert worlds.spec == ("gym/CartPole-v1", 2, (4,), np.float32, 1)
    assert worlds.reset().shape == (3, 1, 4)
    rng = np.random.default_rng(0)
    episodes = [
        one for _ in range(300) for one in worlds.step(rng.integers(2, size=3, dtype=np.int32)).episodes
    ]
    assert len(episodes) > 20 and all(one.score == one.steps for one in episodes)
    assert {one.world for one in episodes} == {0, 1, 2}


def test_cartpole_goes_on_bit_for_bit_from_a_saved_state():
    actions = np.random.default_rng(0).integers(2, size=(200, 3), dtype=np.int32)

    def record(worlds: GymWorlds, chosen: np.ndarray) -> list[tuple[bytes, bytes, list[Episode]]]:
        played = (worlds.step(row) for row in chosen)
        return [(step.observations.tobytes(), step.firsts.tobytes(), step.episodes) for step in played]

    whole = worlds_of("CartPole-v1", 3, stack=2)
    whole.reset()
    expected = record(whole, actions)
    half = worlds_of("CartPole-v1", 3, stack=2)
    half.reset()
    assert record(half, actions[:100]) == expected[:100]
    saved = json.loads(json.dumps(half.state()))
    resumed = worlds_of("CartPole-v1", 3, seed=99, stack=2)
    observations, firsts = resumed.restore(saved)
    assert (observations.tobytes(), firsts.tobytes()) == expected[99][:2]
    assert record(resumed, actions[100:]) == expected[100:]
    assert resumed.state() == whole.state()


def test_a_state_of_other_worlds_is_refused():
    worlds = worlds_of("Corridor-v0", 2)
    with pytest.raises(TengenError, match="3 of gym/Corridor-v0, but 2"):
        worlds.restore({"seed": 0, "begun": [0] * 3, "actions": [[], [], []]})
    with pytest.raises(TengenError, match="does not play as it did"):
        worlds.restore({"seed": 0, "begun": [0, 0], "actions": [[], [RIGHT] * 9]})


def test_worlds_differ_among_themselves_and_by_seed():
    def starts(seed: int) -> np.ndarray:
        return worlds_of("CartPole-v1", 4, seed=seed).reset().copy()

    assert np.array_equal(starts(1), starts(1)) and not np.array_equal(starts(1), starts(2))
    assert len({start.tobytes() for start in starts(1)}) == 4


@pytest.mark.parametrize(
    ("name", "shape", "dtype"),
    [
        ("Last", (3, 8, 6), np.uint8),
        ("First", (16, 9, 9), np.uint8),
        ("Grey", (8, 6), np.uint8),
        ("Floats", (4, 4, 4), np.float32),
        ("Memory", (128,), np.float32),
    ],
)
def test_images_are_turned_channels_first(name, shape, dtype):
    worlds = worlds_of(f"Odd{name}-v0", 1)
    assert (worlds.spec.frame_shape, worlds.spec.frame_dtype) == (shape, dtype)
    assert worlds.reset().shape == (1, 1, *shape)


def test_a_vector_of_bytes_is_told_as_fractions():
    assert np.allclose(worlds_of("OddMemory-v0", 1).reset(), 1)


@pytest.mark.parametrize(
    ("name", "settings", "answer"),
    [
        ("gym/OddDict-v0", {}, "observations are Dict.*worlds need a Box"),
        ("gym/OddJoystick-v0", {}, r"actions are Box\(.*worlds need Discrete"),
        ("gym/OddFour-v0", {}, r"shape \(2, 3, 4, 5\)"),
        ("gym/Cartpole-v1", {}, "did you mean gym/CartPole-v1"),
        ("CartPole-v1", {}, "did you mean gym/CartPole-v1"),
        ("gym/os:Nothing-v0", {}, "unknown world"),
        ("gym/tengen/Go9-v0", {}, "board game for two"),
        ("gym/CartPole-v1", {"sticky": 0.1}, "sticky is of Atari only"),
        ("gym/CartPole-v1", {"frame_skip": 2}, "frame_skip is of Atari only"),
    ],
)
def test_what_does_not_fit_is_said(name, settings, answer):
    config = WorldsConfig(**settings)
    for attempt in (lambda: world_spec(name, config), lambda: make_worlds(name, 1, seed=0, config=config)):
        with pytest.raises(TengenError, match=answer):
            attempt()


def test_no_worlds_are_refused():
    with pytest.raises(TengenError, match="0 worlds"):
        make_worlds("gym/CartPole-v1", 0, seed=0)


def test_known_names_leave_out_what_is_elsewhere():
    names = world_names()
    assert {"gym/CartPole-v1", "gym/Corridor-v0", "atari/Pong"} <= set(names)
    assert not any(name.startswith(("gym/ALE/", "gym/Pong", "gym/tengen/")) for name in names)


def test_a_package_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "minatar.gym", None)  # as where it is not installed
    with pytest.raises(TengenError, match="pip install minatar"):
        world_spec("gym/MinAtar/Breakout-v1")


def test_a_package_makes_its_worlds_known_when_asked_for(monkeypatch):
    package = types.ModuleType("minatar.gym")
    package.register_envs = lambda: gymnasium.register("MinAtar/Toy-v1", entry_point=Corridor)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "minatar.gym", package)
    try:
        assert world_spec("gym/MinAtar/Toy-v1").frame_shape == (2, 6, 6)
    finally:
        del gymnasium.registry["MinAtar/Toy-v1"]
