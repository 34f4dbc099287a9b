import json
import re

import numpy as np
import pytest
import yaml

from tengen.agents.dqn.agent import QAgent, RandomWorldAgent, make_world_agent, worlds_config
from tengen.cli import main
from tengen.envs.make_worlds import world_spec
from tengen.envs.worlds import Episode, Step, WorldSpec
from tengen.envs.worlds_config import WorldsConfig
from tengen.errors import TengenError
from tengen.league.atari_scores import SCORES, chance_and_person, human_normalised
from tengen.league.evaluate import bootstrap_interval, evaluate_worlds, evaluation_seed
from tengen.networks.q import QNetwork
from tengen.networks.q_checkpoint import save_q_checkpoint
from tengen.networks.q_config import QNetworkConfig

SPEC = WorldSpec("atari/Pong", 6, (84, 84), np.uint8, 4)


class ToyWorlds:
    """Worlds whose episodes last one step and score 0, or last ten and score 10, by the toss of a coin."""

    def __init__(self, count, seed=0):
        self.spec = WorldSpec("toy", 2, (1,), np.float32, 1)
        self.count = count
        self.coins = [np.random.default_rng([seed, world]) for world in range(count)]
        self.played = [[] for _ in range(count)]

    def reset(self):
        self.left = [self.toss(world) for world in range(self.count)]
        self.length = list(self.left)
        return np.zeros((self.count, 1, 1), np.float32)

    def toss(self, world):
        return 10 if self.coins[world].random() < 0.5 else 1

    def step(self, actions):
        ended = []
        for world in range(self.count):
            self.left[world] -= 1
            if self.left[world] == 0:
                length = self.length[world]
                ended.append(Episode(world, 10.0 if length == 10 else 0.0, length))
                self.played[world].append(ended[-1].score)
                self.left[world] = self.length[world] = self.toss(world)
        nothing = np.zeros(self.count, np.bool_)
        observations = np.zeros((self.count, 1, 1), np.float32)
        return Step(observations, nothing.astype(np.float32), nothing, nothing, nothing, {}, ended)

    def close(self):
        pass


def test_short_episodes_are_not_favoured():
    worlds = ToyWorlds(64)
    result = evaluate_worlds(RandomWorldAgent(2), worlds, 640)
    assert result.episodes == 640
    assert result.returns == tuple(score for world in worlds.played for score in world[:10])
    # The first 640 to end would have a mean near 3; the truth is 5.
    assert result.mean == pytest.approx(5, abs=4 * 5 / 640**0.5)


@pytest.mark.parametrize("episodes, count", [(1, 1), (5, 3), (7, 7), (3, 5)])
def test_as_many_episodes_as_were_asked_for(episodes, count):
    worlds = ToyWorlds(count)
    result = evaluate_worlds(RandomWorldAgent(2), worlds, episodes)
    assert len(result.returns) == len(result.steps) == episodes
    assert result.returns[0] == worlds.played[0][0]


def test_an_evaluation_that_was_stopped_says_what_it_has():
    told = []

    def stop_at_three(ended):
        told.extend(ended)
        return len(told) < 3

    result = evaluate_worlds(RandomWorldAgent(2), ToyWorlds(2), 100, on_step=stop_at_three)
    assert sorted(result.returns) == sorted(one.score for one in told)
    assert 3 <= result.episodes <= 4
    slow = ToyWorlds(1)
    slow.toss = lambda world: 10
    empty = evaluate_worlds(RandomWorldAgent(2), slow, 5, on_step=lambda ended: False)
    assert empty.episodes == 0 and empty.interval is None and empty.human_normalised is None


def test_the_bootstrap_agrees_with_the_normal_law_on_many_scores():
    scores = np.random.default_rng(0).normal(3.0, 2.0, 400)
    low, high = bootstrap_interval(scores)
    half = 1.96 * scores.std() / 400**0.5
    assert (low, high) == (
        pytest.approx(scores.mean() - half, abs=0.02),
        pytest.approx(scores.mean() + half, abs=0.02),
    )
    assert bootstrap_interval(scores) == (low, high)  # the same on every call


def test_the_bootstrap_of_two_scores_knows_their_range():
    assert bootstrap_interval(np.array([0.0, 8.0])) == (0.0, 8.0)


def test_one_episode_has_no_interval():
    assert evaluate_worlds(RandomWorldAgent(2), ToyWorlds(1), 1).interval is None


def test_scores_of_all_57_games():
    from ale_py import roms

    assert len(SCORES) == 57
    known = {name.replace("_", "") for name in roms.get_all_rom_ids()}
    assert {name.lower() for name in SCORES} <= known
    assert all(chance < person for chance, person in SCORES.values())


@pytest.mark.parametrize(
    "game, score, normalised",
    [
        ("atari/Pong", -20.7, 0.0),
        ("atari/Pong", 14.6, 1.0),
        ("atari/Pong", 21.0, 1.18130),  # (21 + 20.7) / 35.3
        ("atari/Breakout", 401.2, 13.8715),  # DQN in Mnih et al. 2015, by the later table
        ("atari/VideoPinball", 17667.9, 1.0),
        ("ms_pacman", 6951.6, 1.0),
        ("atari/Skiing", -17098.1, 0.0),
    ],
)
def test_human_normalised_scores(game, score, normalised):
    assert human_normalised(game, score) == pytest.approx(normalised, abs=1e-4)


def test_other_worlds_have_no_human_score():
    assert chance_and_person("gym/CartPole-v1") is None
    assert human_normalised("atari/Tetris", 3.0) is None


def test_a_q_agent_takes_the_best_action_but_for_epsilon():
    values = np.random.default_rng(0).normal(size=(20_000, 6)).astype(np.float32)
    best = values.argmax(1)
    greedy = QAgent("q", lambda observations: values, epsilon=0.0)
    assert np.array_equal(greedy.act(values), best) and greedy.act(values).dtype == np.int32
    half = QAgent("q", lambda observations: values, epsilon=0.5, seed=1)
    chosen = half.act(values)
    assert (chosen == best).mean() == pytest.approx(0.5 + 0.5 / 6, abs=0.015)
    assert np.bincount(chosen, minlength=6).min() > 2500
    again = QAgent("q", lambda observations: values, epsilon=0.5, seed=1)
    assert np.array_equal(again.act(values), chosen)


def test_chance_takes_every_action_alike():
    actions = RandomWorldAgent(6, seed=3).act(np.zeros((6000, 4, 84, 84), np.uint8)[:, :1, :1, :1])
    assert np.bincount(actions, minlength=6).min() > 880 and actions.max() == 5


@pytest.mark.parametrize(
    "text, message",
    [
        ("rondom", "unknown agent 'rondom'; did you mean random"),
        (
            "mcts",
            "agent 'mcts' plays board games, not atari/Pong; agents for it are random and dqn:CHECKPOINT",
        ),
        ("human", "agent 'human' plays board games"),
        ("dqn", "agent 'dqn': dqn needs a checkpoint, as in dqn:runs/pong/latest"),
        ("dqn:x?epsilon=2", "agent 'dqn:x?epsilon=2': epsilon must be a number from 0 to 1, got '2'"),
        ("dqn:x?sims=2", "agent 'dqn:x?sims=2': unknown option 'sims'; options: epsilon"),
        ("random:7", "agent 'random:7': random takes no target, got '7'"),
        ("dqn:runs/none-such", "runs/none-such: there is no such checkpoint"),
    ],
)
def test_an_agent_that_cannot_be_is_refused(text, message):
    with pytest.raises(TengenError, match=re.escape(message)):
        make_world_agent(text, SPEC)


def test_evaluation_seeds_differ_from_one_another_and_from_small_ones():
    seeds = [evaluation_seed(seed) for seed in range(200)]
    assert len(set(seeds)) == 200 and min(seeds) > 10_000 and max(seeds) < 2**30


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    """A run in Pong with all 18 actions and sticky ones, whose network has learned nothing yet."""
    config = WorldsConfig(protocol="machado", full_actions=True)
    run = tmp_path_factory.mktemp("runs") / "pong"
    network = QNetwork(QNetworkConfig(hidden=16), world_spec("atari/Pong", config))
    save_q_checkpoint(run / "checkpoints" / "step-00000007", network, step=7)
    save_q_checkpoint(run / "best", network, step=5)
    settings = config.model_dump(mode="json") | {"threads": 1}
    (run / "config.yaml").write_text(yaml.safe_dump({"game": "atari/Pong", "worlds": settings}))
    return run


@pytest.mark.parametrize("part", ["", "/latest", "/best", "/checkpoints/step-00000007"])
def test_a_network_plays_in_the_worlds_that_its_run_learned_in(run_folder, part):
    config = worlds_config(f"dqn:{run_folder}{part}?epsilon=0")
    assert (config.full_actions, config.protocol, config.atari_sticky) == (True, "machado", 0.25)
    agent = make_world_agent(f"dqn:{run_folder}{part}?epsilon=0", world_spec("atari/Pong", config))
    screens = np.random.default_rng(0).integers(0, 256, (3, 4, 84, 84), dtype=np.uint8)
    actions = agent.act(screens)
    assert actions.shape == (3,) and np.array_equal(agent.act(screens), actions)


def test_a_protocol_that_is_asked_for_leaves_the_actions_be(run_folder):
    config = worlds_config(f"dqn:{run_folder}", "deepmind")
    assert (config.full_actions, config.atari_sticky, config.atari_noop_max) == (True, 0.0, 30)


def test_without_a_network_worlds_are_as_the_protocol_says():
    assert worlds_config("random").protocol == "deepmind"
    assert worlds_config("random", "machado").atari_sticky == 0.25


def test_a_network_of_another_game_is_refused(run_folder, capsys):
    assert main(["evaluate", f"dqn:{run_folder}", "atari/Breakout", "--episodes", "1"]) == 2
    error = capsys.readouterr().err
    assert "is for atari/Pong and cannot play atari/Breakout" in error and error.count("\n") == 1


def test_a_network_is_evaluated_from_its_run(run_folder, capsys):
    arguments = [f"dqn:{run_folder}?epsilon=0.5", "atari/Pong", "--episodes", "1", "--json"]
    assert main(["evaluate", *arguments]) == 0
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert result["interval"] is None and result["returns"] == [result["mean"]] == [result["median"]]
    assert -21 <= result["mean"] < -10
    assert result["agent"] == arguments[0]


def test_a_damaged_configuration_is_one_sentence(run_folder, tmp_path):
    (tmp_path / "run").mkdir()
    broken = tmp_path / "run" / "best"
    broken.mkdir()
    for file in (run_folder / "best").iterdir():
        (broken / file.name).write_bytes(file.read_bytes())
    for damage, sentence in {
        "worlds: {stack: many}": r"config.yaml: worlds: stack: .*many",
        "worlds: {frame_skip: 99}": r"config.yaml: worlds: frame_skip: 99 is out of range",
        "worlds: [1, 2]": r"config.yaml: does not say which worlds it was for",
        "just words": r"config.yaml: does not say which worlds it was for",
    }.items():
        (tmp_path / "run" / "config.yaml").write_text(damage)
        with pytest.raises(TengenError, match=sentence):
            worlds_config(f"dqn:{broken}")


def test_the_command_says_what_its_json_says(capsys):
    arguments = ["evaluate", "random", "atari/Breakout", "--episodes", "6", "--json"]
    assert main(arguments) == 0
    out = capsys.readouterr().out
    result = json.loads(out.splitlines()[-1])
    assert list(result) == [
        "agent", "game", "episodes", "mean", "interval", "median", "human_normalised", "returns",
    ]  # fmt: skip
    assert (result["agent"], result["game"], result["episodes"]) == ("random", "atari/Breakout", 6)
    assert result["mean"] == pytest.approx(np.mean(result["returns"])) and len(result["returns"]) == 6
    assert result["interval"][0] <= result["mean"] <= result["interval"][1]
    assert result["human_normalised"] == pytest.approx((result["mean"] - 1.7) / (30.5 - 1.7))
    assert all(0 <= score < 20 and score == int(score) for score in result["returns"])
    assert f"mean {result['mean']:.2f}, 95 % interval" in out
    assert main(arguments) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == result  # the seeds are fixed


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (["random", "atari/Pong", "--episodes", "0"], "--episodes 0 is out of range; it must be from 1"),
        (["random", "atari/Pong", "--parallel", "0"], "--parallel 0 is out of range"),
        (["random", "atari/Pong", "--seed", "-1"], "--seed -1 is out of range"),
        (["random", "atari/Brekout"], "did you mean atari/Breakout"),
        (["dqn:runs/none-such", "atari/Pong"], "runs/none-such: there is no such checkpoint"),
        (["policy:models/go9", "atari/Pong"], "agent 'policy:models/go9' plays board games"),
    ],
)
def test_wrong_input_is_one_sentence(arguments, sentence, capsys):
    assert main(["evaluate", *arguments]) == 2
    error = capsys.readouterr().err
    assert sentence in error and error.count("\n") == 1
