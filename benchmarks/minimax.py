"""Positions of checkers that alpha-beta visits in a core-second, by what they are valued by.

Every position counts that the search enters, leaves and quiescence included; times are of the processor. The
network of 2001 has random weights; it is asked at calm leaves only, and a position seen before is looked up.
"""

import argparse
import time

import numpy as np

from tengen.benchmarks.measuring import span, spread_out, whole
from tengen.envs.registry import make_game

DEPTHS = {"material": 11, "hand": 9, "blondie1999": 7, "blondie2001": 7}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the benchmark."""
    parser.add_argument("--seconds", type=span(3600), default=4.0, help="of each evaluation, about")
    parser.add_argument("--depth", type=whole(1, 30), help="turns ahead (default: by evaluation)")


def run(args: argparse.Namespace) -> dict[str, float]:
    """Figures: per_second (material), *_per_second of the others, evaluation_us of the network of 2001."""
    rates = {name: nodes_per_second(name, args.depth or DEPTHS[name], args.seconds) for name in DEPTHS}
    figures = {f"{name}_per_second": rate for name, rate in rates.items() if name != "material"}
    return {"per_second": rates["material"], **figures, "evaluation_us": evaluation_us()}


def params_of(name: str) -> np.ndarray:
    """An evaluation's parameters; random weights for a network."""
    from tengen.agents.minimax.blondie import pack
    from tengen.agents.minimax.searcher import default_params
    from tengen.networks.blondie_layout import LAYOUTS

    if name not in LAYOUTS:
        return default_params(make_game("checkers"), name)
    weights = np.random.default_rng(1).uniform(-0.2, 0.2, LAYOUTS[name].size)
    return pack(name, weights, 2.0)


def nodes_per_second(name: str, depth: int, seconds: float) -> float:
    """Of searches to a fixed depth from positions of random play, on one core."""
    from tengen.agents.minimax.searcher import Limits, Searcher

    game = make_game("checkers")
    searcher, params = Searcher(game, name, table_bits=18), params_of(name)
    states = spread_out(game, 64, plies=40)
    states = states[states["board"][:, 3] == 0]
    for i in range(len(states)):  # compile
        searcher.find(states[i][None], params, Limits(depth=2))
    nodes = i = 0
    began = time.process_time()
    while (spent := time.process_time() - began) < seconds:
        found = searcher.find(states[i % len(states)][None], params, Limits(depth=depth), player=i)
        nodes, i = nodes + found.nodes, i + 1
    return nodes / spent


def evaluation_us(calls: int = 200_000) -> float:
    """Microseconds of one evaluation by the network of 2001, over positions of random play."""
    from tengen.agents.minimax.blondie import by_net_2001
    from tengen.agents.minimax.checkers import load
    from tengen.envs.jit import kernel

    @kernel
    def evaluate_all(words, params, scratch, calls):  # type: ignore[no-untyped-def]
        total = 0
        for i in range(calls):
            total += by_net_2001(words, i % len(words), params, scratch)
        return total

    states = spread_out(make_game("checkers"), 64, plies=60)
    words = np.zeros((len(states), 6), np.uint64)
    for i in range(len(states)):
        load(states[i : i + 1], words[i])
    params, scratch = params_of("blondie2001"), np.zeros(512, np.float32)
    evaluate_all(words, params, scratch, 1)
    began = time.process_time()
    evaluate_all(words, params, scratch, calls)
    return (time.process_time() - began) / calls * 1e6
