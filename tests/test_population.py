"""Populations of convolutional networks: batched, they are what each is alone, and play as each would."""

import numpy as np
import pytest
import torch
from torch.func import vmap

from tengen import cli
from tengen.agents.mcts.agent import MctsAgent
from tengen.agents.mcts.evaluators import NetworkLeaves
from tengen.agents.policy import PolicyAgent
from tengen.agents.population import in_groups, search_config
from tengen.agents.registry import make_agent
from tengen.envs.registry import make_game
from tengen.networks.population import ChampionNetwork, PopulationEvaluator, conv_population
from tengen.selfplay.conv_arena import ConvArena
from tengen.selfplay.evolution import genome_size
from tengen.selfplay.evolution_config import EvolutionConfig
from tengen.selfplay.pairing import schedule
from tengen.selfplay.strategies import Population

SIZE = {"channels": 5, "layers": 2}


@pytest.fixture(autouse=True)
def in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "tengen.networks.population.choose_precision", lambda precision, device: torch.float32
    )


def some_weights(size: int, people: int) -> np.ndarray:
    return np.random.default_rng(1).uniform(-0.2, 0.2, (people, size)).astype(np.float32)


def conv3x3(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    return torch.conv2d(x, weight, padding=1)


@pytest.mark.parametrize("name", ["go5", "checkers", "connect4"])
def test_grouped_convolutions_are_each_network_alone(name: str) -> None:
    game = make_game(name)
    network = conv_population(game, SIZE)
    weights = some_weights(network.size, 3)
    observations = np.random.default_rng(2).normal(size=(3, 4, *game.obs_shape)).astype(np.float32)
    arrays = network.split(torch.from_numpy(weights))
    with torch.no_grad():
        logits, values = vmap(network.one)(arrays, torch.from_numpy(observations))  # [P, M, A], [P, M]
    evaluator = PopulationEvaluator(network, weights)
    found = evaluator.evaluate(np.ascontiguousarray(observations.transpose(1, 3, 4, 0, 2)))
    np.testing.assert_allclose(found[0], logits.numpy(), atol=1e-5)
    np.testing.assert_allclose(found[1], values.numpy(), atol=1e-5)
    again = evaluator.only(np.array([2, 0, 2]))
    few = again.evaluate(np.ascontiguousarray(observations[[2, 0, 2]].transpose(1, 3, 4, 0, 2)))
    np.testing.assert_allclose(few[0], logits.numpy()[[2, 0, 2]], atol=1e-5)


def test_first_layers_keep_the_size_of_signals() -> None:
    network = conv_population(make_game("go7"), {"channels": 24, "layers": 4})
    arrays = network.split(torch.from_numpy(some_weights(network.size, 8)))
    x = torch.randn(8, 16, 24, 7, 7, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        for layer in (1, 2, 3):
            x = torch.relu(vmap(conv3x3)(x, arrays[f"conv{layer}.weight"]))
    assert 0.3 < float(x.square().mean()) < 1.5


def test_groups_hold_one_individual_and_every_position_once() -> None:
    whose = np.array([4, 0, 4, 4, 7, 4, 4, 0])
    groups = in_groups(whose)
    assert (groups.people[groups.group] == whose).all()
    places = list(zip(groups.group.tolist(), groups.place.tolist(), strict=True))
    assert len(set(places)) == len(whose)
    assert groups.place.max() < groups.size


def arena(game: str, player: str) -> tuple[ConvArena, Population, np.ndarray]:
    fitness = {"player": player, "max_turns": 30, "games": 2, "simulations": 6}
    config = EvolutionConfig.model_validate(
        {"game": game, "population": 4, "network": {"name": "conv", **SIZE}, "fitness": fitness}
    )
    population = Population(some_weights(genome_size(config), 4), np.full(4, 2, np.float32))
    jobs = schedule(config.fitness, np.ones(4, np.bool_), 0, 1, np.random.default_rng(1))
    return ConvArena(config, [[]]), population, jobs


@pytest.mark.parametrize("name", ["go5", "checkers", "connect4"])
def test_side_by_side_they_play_as_they_would_alone(name: str) -> None:
    made, population, jobs = arena(name, "policy")
    game = made.game
    network = conv_population(game, SIZE)
    agents = [PolicyAgent("", game, ChampionNetwork(network, w), 0.0, 0) for w in population.weights]
    for (first, second, _), found in zip(jobs.tolist(), made.play(population, jobs, 1).tolist(), strict=True):
        state, turns = game.new_states(1), 0
        while not state["terminal"][0] and turns < 30:
            mover = int(state["to_play"][0])
            action = agents[(first, second)[mover]].choose(state, np.zeros(1, np.int32))
            game.step(state, action)
            turns += mover != state["to_play"][0]
        points = np.zeros((1, 2), np.float32)
        game.returns(state, points)
        if game.has_ownership and not state["terminal"][0]:
            game.score(state, points[:, 0])
        assert found == [np.sign(points[0, 0]), turns]


@pytest.mark.parametrize("name", ["go5", "checkers", "connect4"])
def test_searching_side_by_side_they_play_as_they_would_alone(name: str) -> None:
    made, population, jobs = arena(name, "gumbel")
    game, jobs = made.game, jobs[:3]
    network = conv_population(game, SIZE)
    agents = [
        MctsAgent("", game, NetworkLeaves(ChampionNetwork(network, w)), search_config(6), seed=1)
        for w in population.weights
    ]
    for agent in agents:
        agent.start(game, 9)  # at more than a few boards, trees are not kept between moves
    for (first, second, _), found in zip(jobs.tolist(), made.play(population, jobs, 1).tolist(), strict=True):
        state, turns = game.new_states(1), 0
        while not state["terminal"][0] and turns < 30:
            mover = int(state["to_play"][0])
            game.step(state, agents[(first, second)[mover]].choose(state, np.zeros(1, np.int32)))
            turns += mover != state["to_play"][0]
        points = np.zeros((1, 2), np.float32)
        game.returns(state, points)
        if game.has_ownership and not state["terminal"][0]:
            game.score(state, points[:, 0])
        assert found == [np.sign(points[0, 0]), turns]


def test_an_individual_that_answers_with_infinities_only_loses_its_own_games() -> None:
    made, population, jobs = arena("connect4", "gumbel")
    sound = made.play(population, jobs, 1)
    population.weights[3] = 1e38
    spoilt = made.play(population, jobs, 1)
    others = ~(jobs[:, :2] == 3).any(1)
    assert others.any() and (sound[others] == spoilt[others]).all()


def test_by_value_a_win_in_one_is_taken() -> None:
    made, population, _ = arena("connect4", "value")
    made.openings = [[0, 1, 0, 1, 0, 1]]  # whoever is first wins at once in the first column
    results = made.play(population, np.array([[0, 1, 0], [2, 3, 0]], np.int32), 1)
    assert results.tolist() == [[1, 1], [1, 1]]


@pytest.mark.parametrize("player", ["value", "gumbel"])
def test_a_convolutional_run_breeds_a_champion_that_plays_and_searches(tmp_path, player) -> None:
    file = tmp_path / "conv.yaml"
    file.write_text(
        "kind: evolution\ngame: connect4\npopulation: 4\nnetwork: {name: conv, channels: 4, layers: 2}\n"
        "strategy: {name: snes}\nstop: {updates: 2}\n"
        f"fitness: {{games: 2, openings: random, paired: true, player: {player}, simulations: 4}}\n"
        "evaluation: {every: 2, games: 4, opponents: [random]}\nsnapshot_every: 2\n"
    )
    run = tmp_path / "run"
    assert cli.main(["train", str(file), "--run", str(run)]) == 0
    game = make_game("connect4")
    for options in ("", "?sims=8"):
        agent = make_agent(f"evolved:{run}/latest{options}", game, seed=1)
        agent.start(game, 1)
        (action,) = agent.choose(game.new_states(1), np.zeros(1, np.int32))
        assert 0 <= action < 7
    assert (run / "league.json").exists()
