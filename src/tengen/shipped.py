"""What ships with the package."""

from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tengen.envs.game import Game


def default_agent(game: "Game") -> str:
    """The agent string of the network that ships for a game, or else of search with random games."""
    if (files("tengen.models") / game.name).is_dir():
        return f"mcts:models/{game.name}?sims=400"
    return "mcts?sims=1000"
