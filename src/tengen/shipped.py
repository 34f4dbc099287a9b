"""What ships with the package."""

import json
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tengen.envs.game import Game


#: Who plays a game for which no network ships, where random games are no guide.
WITHOUT = {"chess": "minimax?depth=5&eval=hand"}


@lru_cache(maxsize=64)
def shipped_network(game: "Game", other_sizes: bool = True) -> str | None:
    """The shipped network that plays a game best, as `models/NAME`: its own, or of the nearest size."""
    best: tuple[float, str] | None = None
    for state in sorted(Path(str(files("tengen.models"))).glob("*/state.json")):
        try:
            about = json.loads(state.read_text())
        except (OSError, ValueError):
            continue
        if about.get("family") != game.family or about.get("planes") != list(game.planes):
            continue
        apart = abs(about.get("spec", {}).get("height", 0) - game.obs_shape[1])
        if apart and not other_sizes:
            continue
        distance = apart + (about.get("game") != game.name) / 2
        if best is None or distance < best[0]:
            best = (distance, f"models/{state.parent.name}")
    return best[1] if best else None


def default_agent(game: "Game", other_sizes: bool = False) -> str:
    """The agent string of the network that ships for a game, or else of search with random games."""
    network = shipped_network(game, other_sizes)
    return f"mcts:{network}?sims=400" if network else WITHOUT.get(game.family, "mcts?sims=1000")
