"""Named levels of strength: which agent stands behind each, and what it was rated."""

from dataclasses import dataclass

from tengen.envs.game import Game
from tengen.errors import TengenError
from tengen.shipped import default_agent, shipped_network
from tengen.words import did_you_mean


@dataclass(frozen=True)
class Level:
    """A strength that may be asked for by name."""

    name: str
    with_network: str  # agent string, {net} being the network's folder
    without: str  # where no network ships for the game


#: From the weakest. Temperature is that of the choice among moves; `warm=1000` lets it last all game.
LEVELS = (
    Level("beginner", "policy:{net}?temperature=2", "mcts?sims=16&temperature=1&warm=1000"),
    Level("novice", "policy:{net}?temperature=1", "mcts?sims=40&temperature=0.5&warm=1000"),
    Level("casual", "policy:{net}?temperature=0.5", "mcts?sims=100"),
    Level("club", "policy:{net}", "mcts?sims=400"),
    Level("strong", "mcts:{net}?sims=32", "mcts?sims=2000"),
    Level("expert", "mcts:{net}?sims=200", "mcts?sims=10000"),
    Level("strongest", "mcts:{net}?sims=1600", "mcts?sims=40000"),
)
#: Where no network ships and alpha-beta sees more than random games: family -> agent strings in their order.
WITHOUT = {
    "checkers": (*(level.without for level in LEVELS[:5]), "minimax?depth=9", "minimax?depth=11"),
    "chess": (
        "minimax?depth=1",
        "minimax?depth=1&eval=hand",
        "minimax?depth=2&eval=hand",
        "minimax?depth=3&eval=hand",
        "minimax?depth=4&eval=hand",
        "minimax?depth=6&eval=hand",
        "minimax?depth=8&eval=hand",
    ),
}
NAMES = tuple(level.name for level in LEVELS)

#: Elo above random play, by `tengen tournament` among the levels (docs/playing.md), in their order.
MEASURED = {
    "go9": (373, 816, 1003, 1083, 1402, 1721, 1868),
    "connect4": (235, 536, 918, 1118, 1322, 1540),
    "checkers": (86, 539, 940, 1133, 1515, 1595, 1786),
}
RATINGS = {game: dict(zip(NAMES, elos, strict=False)) for game, elos in MEASURED.items()}


def level_spec(game: Game, name: str) -> str:
    """The agent string of a level. Raises TengenError for a name that is none."""
    found = next((level for level in LEVELS if level.name == name.lower()), None)
    if found is None:
        raise TengenError(f"unknown level '{name[:40]}'; {did_you_mean(name.lower(), NAMES, 'levels')}")
    network = shipped_network(game)
    if network:
        return found.with_network.format(net=network)
    return WITHOUT[game.family][LEVELS.index(found)] if game.family in WITHOUT else found.without


def default_opponent(game: Game) -> str:
    """Who plays against people unless they say otherwise."""
    return default_agent(game, other_sizes=True)


def rating(game: Game, name: str) -> str:
    """A level's rating in words, "" where it has not been measured."""
    elo = RATINGS.get(game.name, {}).get(name)
    return f"{round(elo, -1)} Elo" if elo is not None else ""
