"""The board games as gymnasium and PettingZoo environments."""

import warnings
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from pettingzoo.test import api_test

import tengen.envs
from tengen.agents.base import RESIGN
from tengen.envs.adapters.aec import env as aec_env
from tengen.envs.adapters.gym import BoardGame
from tengen.errors import IllegalMove, TengenError

FAMILIES = ["go5", "checkers", "connect4"]


def identifier(name: str) -> str:
    return f"tengen/{name[0].upper()}{name[1:]}-v0"


def first_legal(state: Any, legal: Any) -> int:
    return int(np.flatnonzero(legal)[0])


def test_every_registered_game_has_a_gymnasium_name() -> None:
    assert {identifier(name) for name in tengen.envs.game_names()} <= set(gymnasium.registry)
    assert "tengen/Go9-v0" in gymnasium.registry and "tengen/Checkers-v0" in gymnasium.registry


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("color", ["first", "second"])
def test_gymnasium_finds_no_fault(name: str, color: str) -> None:
    env = gymnasium.make(identifier(name), opponent="random", color=color)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message=".*the game is lost")  # it samples illegal actions too
        check_env(env.unwrapped)


@pytest.mark.parametrize("name", FAMILIES)
def test_pettingzoo_finds_no_fault(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message="Observation (space|is not)")  # a Dict with an action mask
        warnings.filterwarnings(
            "ignore", message="Action mask numpy array is all zeros"
        )  # of a finished game
        api_test(aec_env(name), num_cycles=300)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_seed_repeats_the_whole_game(name: str) -> None:
    def play(seed: int) -> list[bytes]:
        env = gymnasium.make(identifier(name), color="random").unwrapped
        observation, info = env.reset(seed=seed)
        env.action_space.seed(seed)
        seen, done, reward = [observation.tobytes()], False, 0.0
        while not done:
            assert reward == 0
            observation, reward, done, _, info = env.step(env.action_space.sample(info["action_mask"]))
            seen.append(observation.tobytes())
        assert reward in (-1, 0, 1) and not info["action_mask"].any()
        return seen

    assert play(1) == play(1) != play(2)


def test_four_in_a_row_wins_and_loses() -> None:
    """The opponent drops into the lowest-numbered column that is open; whoever stacks four first wins."""
    env = BoardGame("connect4", opponent=first_legal)
    env.reset(seed=0)
    for column in (6, 6, 6):
        assert env.step(column)[1:3] == (0.0, False)
    assert env.step(6)[1:3] == (1.0, True)
    with pytest.raises(gymnasium.error.ResetNeeded):
        env.step(5)
    env.reset()
    for column in (6, 5, 6):
        assert env.step(column)[1:3] == (0.0, False)
    observation, reward, done, _, _ = env.step(5)
    assert (reward, done) == (-1.0, True)
    assert observation[0, :, 5:].sum() == 4 and observation[1, :, 0].sum() == 4  # mine, the opponent's


def test_an_illegal_action_loses_aloud_or_raises() -> None:
    env = BoardGame("connect4", opponent=first_legal)
    env.reset(seed=0)
    for _ in range(3):
        env.step(0)  # six stones in the first column
    with pytest.warns(UserWarning, match=r"action 0 \(1\) is illegal"):
        _, reward, done, _, info = env.step(0)
    assert (reward, done) == (-1.0, True) and "illegal" in info["illegal_action"]
    strict = BoardGame("connect4", opponent=first_legal, illegal="raise")
    strict.reset(seed=0)
    with pytest.raises(IllegalMove, match="action 7 does not exist"):
        strict.step(7)
    assert strict.step(6)[2] is False  # the game goes on


def test_an_opponent_may_give_the_game_up():
    env = BoardGame("connect4", opponent=lambda state, legal: RESIGN)
    env.reset()
    _, reward, terminated, _, info = env.step(3)
    assert (reward, terminated, info["action_mask"].sum()) == (1.0, True, 0)
    with pytest.raises(gymnasium.error.ResetNeeded):
        env.step(3)


def test_any_agent_may_be_the_opponent_and_a_seed_repeats_it() -> None:
    def play() -> list[float]:
        env = gymnasium.make("tengen/Connect4-v0", opponent="mcts?sims=10").unwrapped
        observation, _ = env.reset(seed=4)
        seen = [float(observation.sum())]
        for column in (3, 2):
            observation = env.step(column)[0]
            seen += observation[1].reshape(-1).tolist()
        return seen

    assert play() == play()
    with pytest.raises(TengenError, match="unknown agent 'mctss'; did you mean mcts"):
        gymnasium.make("tengen/Connect4-v0", opponent="mctss").reset()


def test_pettingzoo_takes_agents_as_opponents_too() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message="Observation (space|is not)|Action mask numpy array")
        api_test(aec_env("connect4", opponents={"player_0": "mcts?sims=8"}), num_cycles=50)

    def play(seed: int) -> list[int]:
        env = aec_env("connect4", opponents={"player_1": "random"})
        env.reset(seed=seed)
        rng = np.random.default_rng(0)
        for agent in env.agent_iter():
            observation, reward, done, _, _ = env.last()
            assert agent == "player_0" and (done or reward == 0)
            mask = observation["action_mask"]
            env.step(None if done else int(rng.choice(np.flatnonzero(mask))))
        assert reward in (-1, 0, 1)
        return list(env.unwrapped.position.actions)

    assert play(1) == play(1) != play(2)
    assert len(play(3)) >= 7
    for opponents, reason in (
        ({"white": "random"}, "'white' is no player; player_0 and player_1 are"),
        ({"player_0": "random", "player_1": "random"}, "both players are taken"),
    ):
        with pytest.raises(TengenError, match=reason):
            aec_env("connect4", opponents=opponents)
    with pytest.raises(TengenError, match="unknown agent 'mctss'"):
        aec_env("connect4", opponents={"player_1": "mctss"}).reset()


def test_an_opponent_that_gives_up_a_pettingzoo_game_loses_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from tengen.envs.adapters.gym import SeatedAgent

    env = aec_env("connect4", opponents={"player_1": "random"})
    monkeypatch.setattr(SeatedAgent, "choose", lambda self, position: RESIGN)
    env.reset()
    env.step(3)
    _, reward, done, _, _ = env.last()
    assert (reward, done, env.agents) == (1.0, True, ["player_0"])


def test_options_are_checked() -> None:
    with pytest.raises(TengenError, match=r"color='black'.*'first', 'second', 'random'"):
        BoardGame("connect4", color="black")  # type: ignore[arg-type]


def test_ansi_rendering_shows_the_board() -> None:
    env = gymnasium.make("tengen/Connect4-v0", render_mode="ansi", color="second", opponent=first_legal)
    env.reset(seed=0)
    assert "X . . . . . ." in env.render()
    both = aec_env("connect4", render_mode="ansi")
    both.reset()
    both.step(3)
    assert ". . . X . . ." in both.render()


def test_the_waiting_side_of_an_aec_game_has_no_legal_actions() -> None:
    env = aec_env("connect4")
    env.reset()
    env.step(3)
    assert env.agent_selection == "player_1"
    assert env.observe("player_1")["action_mask"].all() and not env.observe("player_0")["action_mask"].any()
    assert (
        env.observe("player_0")["observation"][0, 5, 3]
        == 1
        == env.observe("player_1")["observation"][1, 5, 3]
    )
