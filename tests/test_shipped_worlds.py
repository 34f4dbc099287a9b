"""The networks that ship play as their cards say."""

import pytest

from tengen.agents.dqn.agent import make_world_agent
from tengen.envs.make_worlds import make_worlds
from tengen.league.evaluate import evaluate_worlds, evaluation_seed


@pytest.mark.parametrize(
    ("world", "name", "least"), [("atari/Pong", "pong", 10), ("atari/Breakout", "breakout", 100)]
)
def test_a_shipped_network_wins(world: str, name: str, least: float) -> None:
    worlds = make_worlds(world, 1, seed=evaluation_seed(3))
    try:
        agent = make_world_agent(f"dqn:models/{name}", worlds.spec, seed=3)
        found = evaluate_worlds(agent, worlds, 1)
    finally:
        worlds.close()
    assert found.returns[0] >= least
