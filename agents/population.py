"""A convolutional champion of evolution as an agent: its policy alone, or tree search by it."""

from typing import TYPE_CHECKING

from tengen.agents.base import Agent
from tengen.envs.game import Game
from tengen.errors import TengenError
from tengen.networks.evolved import Evolved
from tengen.networks.population import ChampionNetwork, conv_population

if TYPE_CHECKING:
    from tengen.agents.registry import AgentSpec


def champion_agent(spec: "AgentSpec", game: Game, evolved: Evolved, seed: int) -> Agent:
    """The agent that `evolved:FOLDER?...` names where the champion is convolutional. Raises TengenError."""
    from tengen.agents.mcts.agent import MctsAgent
    from tengen.agents.mcts.config import SearchConfig
    from tengen.agents.mcts.evaluators import NetworkLeaves
    from tengen.agents.policy import PolicyAgent
    from tengen.agents.registry import whole_option

    for option in ("depth", "nodes", "time"):
        if option in spec.options:
            raise TengenError(f"agent '{spec.text}': {option} is for networks inside alpha-beta; take sims")
    network = conv_population(game, evolved.network)
    if network.size != len(evolved.weights):
        raise TengenError(
            f"{evolved.folder}: holds {len(evolved.weights):,} weights, its network has {network.size:,}"
        )
    champion = ChampionNetwork(network, evolved.weights)
    simulations = whole_option(spec, "sims", 0, 0, 1_000_000)
    if not simulations:
        return PolicyAgent(spec.text, game, champion, 0.0, seed)
    config = SearchConfig(simulations=simulations, considered=16)
    return MctsAgent(spec.text, game, NetworkLeaves(champion), config, seed=seed)
