"""Generations an hour of evolving checkers networks (150 games at 4 ply), and Ray actors against one another.

The generations are a run's first; games of later ones are shorter. --ray compares two actors with one.
"""

import argparse
import contextlib
import time
from typing import TYPE_CHECKING

from tengen.benchmarks.measuring import whole

if TYPE_CHECKING:
    from tengen.selfplay.evolution_config import EvolutionConfig
    from tengen.selfplay.fitness import Players


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the benchmark."""
    parser.add_argument("--recipe", default="blondie2001", help="default: %(default)s")
    parser.add_argument("--population", type=whole(2, 10_000), help="default: the recipe's")
    parser.add_argument("--generations", type=whole(1, 10_000), default=5, help="default: %(default)s")
    parser.add_argument("--threads", type=whole(0, 1024), default=0, help="0 is one a core")
    parser.add_argument("--ray", action="store_true", help="compare Ray with one and two actors")


def run(args: argparse.Namespace) -> dict[str, float]:
    """Figures: generations_per_hour, games_per_s, turns; with --ray ratio (two actors over one)."""
    from tengen.config import load_config
    from tengen.selfplay.evolution_config import EvolutionConfig

    population = [] if args.population is None else [f"population={args.population}"]
    config = load_config(args.recipe, EvolutionConfig, [f"rollouts.threads={args.threads}", *population])
    if not args.ray:
        return generations(config, args.generations)
    one, two = (with_workers(config, workers) for workers in (1, 2))
    rates = [generations(each, args.generations)["games_per_s"] for each in (one, two, two, one)]
    return {
        "ratio": (rates[1] + rates[2]) / (rates[0] + rates[3]),
        "games_per_s": (rates[0] + rates[3]) / 2,
        "two_games_per_s": (rates[1] + rates[2]) / 2,
    }


def with_workers(config: "EvolutionConfig", workers: int) -> "EvolutionConfig":
    """The configuration with so many Ray actors."""
    rollouts = config.rollouts.model_copy(update={"workers": workers})
    return config.model_copy(update={"rollouts": rollouts})


def generations(config: "EvolutionConfig", count: int) -> dict[str, float]:
    """Rates of a run's first generations; one before them is not counted."""
    from tengen.cli.train_evolution import openings_for
    from tengen.selfplay.evolution import breed, chance, genome_size
    from tengen.selfplay.fitness import make_players
    from tengen.selfplay.hall import Hall
    from tengen.selfplay.strategies import make_strategy

    size, openings = genome_size(config), openings_for(config)
    strategy = make_strategy(config, size, chance(config, 0, "start"))
    hall = Hall(config.hall, size)
    players: Players = make_players(config, openings)
    games = turns = 0
    with contextlib.closing(players):
        breed(config, strategy, hall, players, len(openings), 1)
        began = time.perf_counter()
        for generation in range(2, count + 2):
            bred = breed(config, strategy, hall, players, len(openings), generation)
            hall.consider(bred.champion)
            games, turns = games + len(bred.results), turns + int(bred.results[:, 1].sum())
        seconds = time.perf_counter() - began
    return {
        "generations_per_hour": 3600 * count / seconds,
        "games_per_s": games / seconds,
        "turns": turns / games,
        "seconds": seconds,
    }
