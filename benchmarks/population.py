"""Games of a population of small convolutional networks: all evaluated as one batch, against one by one.

One by one is what the individuals would do as agents: a game after another, each position a forward pass of
its own. Times are of the processor, one core each.
"""

import argparse
import time

import numpy as np

from tengen.benchmarks.measuring import span, whole


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the benchmark."""
    parser.add_argument("--recipe", default="evolve-go7", help="default: %(default)s")
    parser.add_argument("--population", type=whole(2, 10_000), default=64, help="default: %(default)s")
    parser.add_argument("--seconds", type=span(3600), default=10.0, help="of each side, about")


def run(args: argparse.Namespace) -> dict[str, float]:
    """Figures: ratio (batched over one by one), games_per_s of both, weights of an individual."""
    from tengen.agents.policy import PolicyAgent
    from tengen.config import load_config
    from tengen.networks.population import ChampionNetwork, conv_population
    from tengen.selfplay.conv_arena import ConvArena
    from tengen.selfplay.evolution import chance, genome_size
    from tengen.selfplay.evolution_config import EvolutionConfig
    from tengen.selfplay.pairing import schedule
    from tengen.selfplay.strategies import make_strategy

    both_by_policy = ["fitness.player=policy", "evaluation.simulations=0"]
    config = load_config(args.recipe, EvolutionConfig, [f"population={args.population}", *both_by_policy])
    strategy = make_strategy(config, genome_size(config), chance(config, 0, "start"))
    rng = chance(config, 1, "generation")
    population = strategy.ask(rng)
    jobs = schedule(config.fitness, np.ones(args.population, np.bool_), 0, 1, rng)
    arena = ConvArena(config, [[]])
    network = conv_population(arena.game, config.network)
    agents = [
        PolicyAgent("", arena.game, ChampionNetwork(network, weights), 0.0, 0)
        for weights in population.weights
    ]
    order = jobs[rng.permutation(len(jobs)), :2].tolist()

    def batched(turn: int) -> int:
        start = turn * config.fitness.chunk % len(jobs)
        return len(arena.play(population, jobs[start : start + config.fitness.chunk], turn))

    def one_by_one(turn: int) -> int:
        sides = [agents[i] for i in order[turn % len(order)]]
        state, slot = arena.game.new_states(1), np.zeros(1, np.int32)
        turns = 0
        while not state["terminal"][0] and turns < config.fitness.max_turns:
            arena.game.step(state, sides[state["to_play"][0]].choose(state, slot))
            turns += 1
        return 1

    sides = batched, one_by_one
    for side in sides:
        side(0)
    played, spent, turn = [0, 0], [0.0, 0.0], [0, 0]
    while min(spent) < args.seconds:  # the sides take turns, so that other load falls on both
        for i, side in enumerate(sides):
            began = time.process_time()
            while (elapsed := time.process_time() - began) < args.seconds / 4:
                played[i] += side(turn[i])
                turn[i] += 1
            spent[i] += elapsed
    rates = [count / seconds for count, seconds in zip(played, spent, strict=True)]
    return {
        "ratio": rates[0] / rates[1],
        "games_per_s": rates[0],
        "one_by_one_games_per_s": rates[1],
        "weights": float(genome_size(config)),
    }
