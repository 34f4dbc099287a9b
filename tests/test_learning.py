"""That it learns: thresholds on tasks of seconds, and of minutes."""

import pytest

from tengen.agents.base import Agent
from tengen.agents.mcts.agent import MctsAgent
from tengen.agents.mcts.config import SearchConfig
from tengen.agents.mcts.evaluators import NetworkLeaves
from tengen.agents.registry import make_agent
from tengen.envs import make_game
from tengen.league.match import play_match
from tengen.metrics import read_metrics
from tengen.networks.checkpoint import load_checkpoint
from tengen.networks.evaluator import NetworkEvaluator
from tengen.rundir import RunDir, checkpoints
from tengen.selfplay.alphazero import train
from tengen.selfplay.config import TrainConfig

QUICK = {
    "game": "connect4",
    "seed": 1,
    "network": {"blocks": 1, "channels": 16, "head_channels": 8, "value_hidden": 16},
    "search": {"simulations": 8, "considered": 7},
    "rollouts": {"games": 64, "threads": 1, "positions_per_update": 1024, "opening_plies": 4},
    "replay": {"base": 4000, "min_positions": 512},
    "learner": {
        "batch_size": 64, "threads": 1, "samples_per_position": 1.5, "learning_rate": 3e-3,
        "warmup_steps": 10, "average_decay": 0.95,
    },
    "stop": {"updates": 14},
}  # fmt: skip

TWO_MINUTES = {
    **QUICK,
    "network": {"blocks": 2, "channels": 32},
    "search": {"simulations": 16, "considered": 7},
    "rollouts": {"games": 128, "positions_per_update": 2048, "opening_plies": 4},
    "replay": {"base": 20_000, "min_positions": 2048},
    "learner": {"batch_size": 128, "samples_per_position": 2.0, "learning_rate": 3e-3},
    "stop": {"minutes": 2.0},
}


def trained(settings: dict, folder) -> tuple[list[dict], Agent]:
    """Train; the metrics, and the trained network as an agent of 64 simulations a move."""
    config = TrainConfig.model_validate(settings)
    with RunDir.create(folder / "run", "") as run:
        assert train(config, run)
    game = make_game(config.game)
    network, _ = load_checkpoint(list(checkpoints(folder / "run").values())[-1], game)
    leaves = NetworkLeaves(NetworkEvaluator(network, threads=1))
    search = SearchConfig(simulations=64, considered=16)
    return read_metrics(folder / "run"), MctsAgent("trained", game, leaves, search, seed=0)


def score(agent: Agent, opponent: str, games: int) -> float:
    game = make_game("connect4")
    return play_match(game, agent, make_agent(opponent, game, seed=5), games, seed=9).score


def test_seconds_of_connect_four_are_worth_something(tmp_path):
    rows, agent = trained(QUICK, tmp_path)
    first, last = (
        sum(row["policy_loss"] + row["value_loss"] for row in part) for part in (rows[1:4], rows[-3:])
    )
    assert last < first
    assert score(agent, "random", 60) >= 0.8


@pytest.mark.slow
def test_two_minutes_of_connect_four_beat_plain_tree_search(tmp_path):
    _, agent = trained(TWO_MINUTES, tmp_path)
    assert score(agent, "random", 100) >= 0.97
    assert score(agent, "mcts?sims=50", 100) >= 0.6
