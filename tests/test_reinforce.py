"""Policy-gradient self-play: games drawn from policies, the gradient, the pool, and a run taken up again."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from tengen.agents.registry import make_agent
from tengen.cli import main
from tengen.envs.game import Floats
from tengen.envs.position import Position
from tengen.envs.registry import make_game
from tengen.errors import TengenError
from tengen.league.matchmaking import fictitious
from tengen.metrics import read_metrics
from tengen.networks.checkpoint import load_checkpoint, save_checkpoint
from tengen.networks.spec import NetworkConfig, spec_for
from tengen.networks.stack import make_network
from tengen.selfplay.policy_games import Actor, play_games
from tengen.selfplay.policy_gradient import policy_gradient_loss
from tengen.selfplay.reinforce import Pool

GO5 = make_game("go5")
SMALL = NetworkConfig(blocks=1, channels=8, head_channels=4, value_hidden=8)


class Likes:
    """A network that wants one move above all."""

    def __init__(self, action: int, game: str = "go5") -> None:
        self.action, self.actions = action, make_game(game).num_actions

    def __call__(self, observations: Floats) -> tuple[Floats, Floats]:
        logits = np.zeros((len(observations), self.actions), np.float32)
        logits[:, self.action] = 50
        return logits, np.zeros(len(observations), np.float32)


# --- games ------------------------------------------------------------------------------------------------


def test_games_are_legal_finished_and_say_who_moved():
    actors = [Actor(GO5, Likes(12)), Actor(GO5)]
    sides = np.arange(6) % 2
    played = play_games(
        GO5,
        actors,
        lambda games, players, ply: (players != sides[games]).astype(int),
        6,
        np.random.default_rng(1),
    )
    for number in range(6):
        begin, length = int(played.part.starts[number]), int(played.part.lengths[number])
        position = Position(GO5)
        for ply, action in enumerate(played.part.actions[begin : begin + length]):
            assert played.by[begin + ply] == (position.to_play != sides[number])
            position.apply(int(action))  # raises where it is illegal
        assert position.is_terminal and position.returns[0] == played.part.outcomes[number]
        if sides[number] == 0:
            assert played.part.actions[begin] == 12  # the first actor began, and played what it likes


def test_policies_pass_only_when_nothing_else_is_left():
    def games(last: bool) -> float:
        actors = [Actor(GO5, Likes(25), passes_last=last)] * 2
        played = play_games(GO5, actors, lambda g, p, ply: p, 4, np.random.default_rng(1))
        return float(played.part.lengths.min())

    assert games(last=False) == 2 and games(last=True) > 20


def test_games_that_are_cut_short_are_draws():
    rng = np.random.default_rng(1)
    part = play_games(GO5, [Actor(GO5)], lambda g, p, ply: p * 0, 3, rng, max_plies=4).part
    assert part.lengths.tolist() == [4, 4, 4] and part.outcomes.tolist() == [0, 0, 0]


def test_games_of_one_side_moving_twice_run_too():
    checkers = make_game("checkers")
    rng = np.random.default_rng(3)
    played = play_games(checkers, [Actor(checkers)] * 2, lambda g, p, ply: p, 8, rng, max_plies=90)
    part = played.part
    states = part.states(checkers, np.arange(len(part)))
    np.testing.assert_array_equal(states["to_play"], played.by)


def test_an_agent_told_to_pass_last_does(tmp_path: Path):
    network = make_network(SMALL, spec_for(GO5))
    with torch.no_grad():
        network.heads.policy_extra.bias.fill_(60.0)
    save_checkpoint(tmp_path / "net", network, game=GO5)
    start = GO5.new_states(1)
    assert make_agent(f"policy:{tmp_path}/net", GO5).choose(start, np.arange(1)) == 25
    assert make_agent(f"policy:{tmp_path}/net?pass=last", GO5).choose(start, np.arange(1)) != 25
    with pytest.raises(TengenError, match="pass must be free or last, got 'never'"):
        make_agent(f"policy:{tmp_path}/net?pass=never", GO5)


# --- learning ---------------------------------------------------------------------------------------------


def test_the_gradient_is_that_of_the_chosen_moves_likelihood():
    logits = torch.tensor([[0.3, -0.2, 1.0], [0.1, 0.5, -1.0]], requires_grad=True)
    allowed = torch.tensor([[True, True, False], [True, True, True]])
    policy_gradient_loss(logits, allowed, torch.tensor([1, 2]), torch.tensor([1.0, -0.5])).backward()
    assert logits.grad is not None
    first = F.softmax(logits[0, :2].detach(), 0)
    torch.testing.assert_close(logits.grad[0], torch.tensor([first[0], first[1] - 1, 0.0]))
    second = F.softmax(logits[1].detach(), 0)
    torch.testing.assert_close(logits.grad[1], -0.5 * (second - torch.tensor([0.0, 0.0, 1.0])))


def test_the_pool_draws_by_its_odds_and_keeps_the_first_and_the_newest(tmp_path: Path):
    network = make_network(SMALL, spec_for(GO5))
    pool = Pool(tmp_path)
    for update in range(5):
        pool.add(update, network, GO5, keep=3)
    assert sorted(pool.scores) == [0, 3, 4]
    assert np.isnan(pool.win_rates()).all()
    pool.note(0, np.array([1, 1, 1, 1], np.int8))
    pool.note(3, np.array([1, -1, 0, 0], np.int8))
    pool.note(4, np.array([-1, -1, -1, -1], np.int8))
    np.testing.assert_allclose(pool.win_rates(), [1.0, 0.5, 0.0])
    rng = np.random.default_rng(0)
    drawn = [pool.draw(lambda rates: fictitious(rates, "hard", 1.0), rng) for _ in range(300)]
    assert 0 not in drawn and 150 < drawn.count(4) < 250
    assert (tmp_path / "update-000000").is_dir()


def recipe(tmp_path: Path, **more: str) -> list[str]:
    file = tmp_path / "gradient.yaml"
    file.write_text(
        "kind: reinforce\ngame: 'go:size=3,komi=0'\nseed: 4\ngames_per_update: 48\npool: {every: 4}\n"
        "network: {blocks: 1, channels: 8, head_channels: 4, value_hidden: 8}\n"
        "learner: {optimizer: adam, learning_rate: 0.03, baseline: mean, threads: 1}\n"
        "evaluation: {every: 100, games: 200}\nstop: {updates: 16}\n"
    )
    return ["train", str(file), "--run", str(tmp_path / "run"), *(f"{k}={v}" for k, v in more.items())]


def test_a_run_becomes_stronger_than_it_began_and_resumes_where_it_stopped(tmp_path: Path):
    assert main(recipe(tmp_path)) == 0
    last = read_metrics(tmp_path / "run")[-1]
    assert last["first_score"] > 0.6
    assert last["pool"] == 5 and last["games"] == 16 * 48
    parts = tmp_path / "parts"
    parts.mkdir()
    assert main(recipe(parts, **{"stop.updates": "7", "checkpoint.keep": "2"})) == 0
    assert main(["train", "--resume", str(parts / "run"), "stop.updates=16"]) == 0
    whole, other = (load_checkpoint(folder / "run")[0].state_dict() for folder in (tmp_path, parts))
    for name, tensor in whole.items():
        torch.testing.assert_close(tensor, other[name])
    agent = make_agent(f"policy:{parts}/run?pass=last", make_game("go:size=3,komi=0"))
    assert agent.choose(make_game("go:size=3,komi=0").new_states(1), np.arange(1)).shape == (1,)


def test_it_starts_from_a_policy_whose_network_and_planes_it_takes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    seen = make_game("go:size=5,features=clark-storkey")
    save_checkpoint(tmp_path / "policy", make_network(SMALL, spec_for(seen)), game=seen)
    file = tmp_path / "start.yaml"
    file.write_text(
        f"kind: reinforce\ngame: go5\ninit: {tmp_path}/policy\ngames_per_update: 4\nstop: {{updates: 1}}\n"
        f"learner: {{threads: 1, baseline: {tmp_path}/policy}}\nevaluation: {{games: 4}}\n"
    )
    assert main(["train", str(file), "--run", str(tmp_path / "run")]) == 0
    assert load_checkpoint(tmp_path / "run")[1].planes == seen.planes
    capsys.readouterr()
    assert main(["train", str(file), "--run", str(tmp_path / "other"), "init=runs/none"]) == 2
    assert "there is no such checkpoint" in capsys.readouterr().err
    assert main(["train", str(file), "--run", str(tmp_path / "other"), "init=null"]) == 2
    assert "init: missing; give the policy to start from" in capsys.readouterr().err
    assert main(["train", str(file), "--run", str(tmp_path / "other"), "learner.baseline=means"]) == 2
    assert "means: there is no such checkpoint" in capsys.readouterr().err
    assert not (tmp_path / "other").exists()
