"""Atari worlds against ale-py stepped by hand: nothing lost, nothing made up, nothing stale."""

import argparse
from collections.abc import Iterator
from typing import Any

import ale_py
import numpy as np
import pytest
from numpy.typing import NDArray

from tengen.benchmarks.atari_worlds import add_arguments, compare_worlds
from tengen.envs.atari import AtariWorlds, atari_roms
from tengen.envs.make_worlds import make_worlds, world_names, world_spec
from tengen.envs.worlds import Episode, Observations, Step
from tengen.envs.worlds_config import WorldsConfig
from tengen.errors import TengenError


def worlds_of(name: str, count: int = 2, seed: int = 3, **settings: Any) -> AtariWorlds:
    worlds = make_worlds(f"atari/{name}", count, seed=seed, config=WorldsConfig(**settings))
    assert isinstance(worlds, AtariWorlds)
    return worlds


def random_actions(worlds: AtariWorlds, steps: int, seed: int = 0) -> NDArray[np.int32]:
    size = (steps, worlds.count)
    return np.random.default_rng(seed).integers(worlds.spec.num_actions, size=size, dtype=np.int32)


def play(worlds: AtariWorlds, steps: int, seed: int = 0) -> Iterator[tuple[Observations, Step]]:
    """Each random step with the observations that it answered."""
    seen = worlds.reset()
    for actions in random_actions(worlds, steps, seed):
        step = worlds.step(actions)
        yield seen, step
        seen = step.observations


def emulator(rom: str) -> ale_py.ALEInterface:
    """A game by itself."""
    ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)
    game = ale_py.ALEInterface()
    game.setFloat("repeat_action_probability", 0.0)
    path = ale_py.roms.get_rom_path(rom)
    assert path is not None
    game.loadROM(path)
    return game


def test_scores_are_those_of_the_emulator_while_rewards_are_clipped():
    worlds = worlds_of("SpaceInvaders", 1, noop_max=0)
    game = emulator("space_invaders")
    actions = game.getMinimalActionSet()
    assert worlds.spec.num_actions == len(actions) == 6
    score, lives, steps = 0, game.lives(), 0
    for action, (_, step) in zip(random_actions(worlds, 2000), play(worlds, 2000), strict=True):
        reward = 0
        for _ in range(4):
            reward += game.act(actions[action[0]])
            if game.game_over():
                break
        score, steps = score + reward, steps + 1
        assert step.rewards[0] == np.sign(reward)
        assert step.terminals[0] == (game.lives() < lives)
        assert step.firsts[0] == game.game_over()
        lives = game.lives()
        if game.game_over():
            assert step.episodes == [Episode(0, score, steps)]
            assert score > 100  # ten times what the clipped rewards would make
            return
    pytest.fail("no game ended")


def test_rewards_come_whole_when_asked():
    largest = max(step.rewards.max() for _, step in play(worlds_of("SpaceInvaders", clip_rewards=False), 300))
    assert largest > 1


@pytest.mark.parametrize("max_frames", [None, 402])
def test_frames_follow_one_another_within_an_episode_and_never_across(max_frames):
    worlds = worlds_of("Breakout", 3, max_frames=max_frames)
    steps_of = np.zeros(3, int)
    ends = 0
    for seen, step in play(worlds, 450):
        steps_of += 1
        for n in range(3):
            now = step.observations[n]
            if step.firsts[n]:
                assert not now[:-1].any() and now[-1].any(), "older than an episode's first frame is black"
            else:
                assert np.array_equal(now[:-1], seen[n, 1:])
            assert (n in step.final_observations) == step.truncations[n]
            if step.truncations[n]:
                assert np.array_equal(step.final_observations[n][:-1], seen[n, 1:])
        for episode in step.episodes:
            assert step.firsts[episode.world] and episode.steps == steps_of[episode.world]
            steps_of[episode.world] = 0
        assert len(step.episodes) == step.firsts.sum()
        assert not (step.terminals & step.truncations).any()
        assert (step.terminals | step.truncations)[step.firsts].all(), "every end is told to the learner"
        ends += len(step.episodes)
    assert ends >= 3


def test_a_lost_life_is_terminal_but_the_game_goes_on():
    worlds = worlds_of("Breakout", 1)
    terminals = 0
    for _, step in play(worlds, 900):
        terminals += int(step.terminals[0])
        if step.episodes:
            assert terminals == 5, "one for each of the five lives, the last with the end of the game"
            return
    pytest.fail("no game ended")


def test_machado_plays_whole_games_with_sticky_actions():
    worlds = worlds_of("Breakout", 4, protocol="machado")
    first, apart = worlds.reset(), False
    assert all(np.array_equal(first[0], first[n]) for n in range(4)), "no no-ops"
    for actions in random_actions(worlds, 600):
        step = worlds.step(np.full(4, actions[0], np.int32))
        assert np.array_equal(step.terminals, step.firsts), "only a game's end is terminal"
        apart = apart or not np.array_equal(step.observations[0], step.observations[1])
    assert apart, "the same actions lead elsewhere, since each world repeats other ones"


def test_the_end_by_a_limit_of_time_shows_the_last_frame_and_not_an_older_one():
    limited, bare = worlds_of("Pong", 2, max_frames=200), worlds_of("Pong", 2)
    limited.reset(), bare.reset()
    for actions in random_actions(bare, 50):
        cut, goes_on = limited.step(actions), bare.step(actions)
    assert cut.truncations.all() and cut.firsts.all() and not cut.terminals.any()
    assert not goes_on.firsts.any()
    for n in range(2):
        assert np.array_equal(cut.final_observations[n], goes_on.observations[n])
    assert [episode.steps for episode in cut.episodes] == [50, 50]


def test_worlds_are_the_same_for_a_seed_whatever_the_threads():
    def record(**settings: Any) -> list[NDArray[np.generic]]:
        worlds = worlds_of("Breakout", 5, max_frames=300, **settings)
        return [step.observations.copy() for _, step in play(worlds, 120)]

    alone = record(threads=1)
    many = record(threads=64)  # more than worlds, and than most machines have cores
    other = record(seed=4)
    assert all(np.array_equal(a, b) for a, b in zip(alone, many, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(alone, other, strict=True))
    assert not np.array_equal(alone[-1][0], alone[-1][1])


def test_a_game_starts_with_none_to_the_most_no_ops():
    # The cars of Freeway move in every frame.
    def starts(noop_max: int) -> int:
        games = play(worlds_of("Freeway", 1, noop_max=noop_max, max_frames=4), 20)  # of one decision each
        return len({step.observations.tobytes() for _, step in games})

    assert [starts(most) for most in (0, 1, 2)] == [1, 2, 3]


def test_reset_begins_anew():
    worlds = worlds_of("Breakout", 2, max_frames=80)
    first = worlds.reset().copy()
    for actions in random_actions(worlds, 13):
        worlds.step(actions)
    assert np.array_equal(worlds.reset(), first)
    played = [worlds.step(actions) for actions in random_actions(worlds, 20)]
    assert [episode.steps for step in played for episode in step.episodes] == [20, 20]


def test_an_unknown_action_is_refused_before_it_hangs_the_emulator():
    worlds = worlds_of("Pong")
    worlds.reset()
    for bad in (-1, 6):
        with pytest.raises(ValueError, match="from 0 to 5"):
            worlds.step(np.array([0, bad], np.int32))
    worlds.step(np.array([0, 5], np.int32))


def test_closing_twice_does_no_harm():
    worlds = worlds_of("Pong")
    worlds.close()
    worlds.close()


def test_a_world_is_described_without_being_started():
    config = WorldsConfig(full_actions=True, stack=2)
    assert world_spec("atari/Breakout", config) == worlds_of("Breakout", full_actions=True, stack=2).spec
    assert world_spec("atari/Breakout", config).num_actions == 18
    assert world_spec("atari/Breakout").num_actions == 4
    assert worlds_of("Breakout", stack=2).reset().shape == (2, 2, 84, 84)


def test_games_are_named_as_elsewhere():
    roms = atari_roms()
    assert roms["atari/MsPacman"] == "ms_pacman" and roms["atari/UpNDown"] == "up_n_down"
    assert len(roms) > 100 and set(roms) <= set(world_names())


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("atari/Pongg", "did you mean atari/Pong"),
        ("atari/pong", r"did you mean atari/Pong\?"),
        ("Breakout", r"did you mean atari/Breakout\?"),
        ("atari/ms_pacman", "did you mean atari/MsPacman"),
        ("atari/Joust", "two players only"),
        ("zzz", "games of Atari, such as atari/Pong"),
    ],
)
def test_unknown_games_are_answered_with_the_nearest(name, answer):
    with pytest.raises(TengenError, match=answer):
        world_spec(name)


def test_the_benchmark_compares_with_the_bare_emulators():
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    figures = compare_worlds(parser.parse_args(["--worlds", "2", "--slices", "1", "--seconds", "0.02"]))
    assert set(figures) == {"ratio", "per_second", "bare_per_second"}
    assert figures["ratio"] == pytest.approx(figures["per_second"] / figures["bare_per_second"])
    with pytest.raises(TengenError, match="not of Atari"):
        compare_worlds(parser.parse_args(["--game", "gym/CartPole-v1"]))
