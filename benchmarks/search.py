"""Search speed over bare network speed; or plain MCTS over OpenSpiel's.

The two are measured in turn, in slices of a second or so on the same thread, and the ratio is of the
medians: other load on the machine then falls on both alike.
"""

import argparse
import time
from collections.abc import Callable
from statistics import median

import numpy as np

from tengen.envs.game import States
from tengen.errors import TengenError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `tengen bench search`."""
    parser.add_argument("--game", default="go9")
    parser.add_argument("--blocks", type=int, default=6)
    parser.add_argument("--channels", type=int, default=64)
    parser.add_argument("--batch", type=int, default=256, help="games side by side")
    parser.add_argument("--simulations", type=int, default=64, help="per move")
    parser.add_argument("--rule", choices=("gumbel", "puct"), default="gumbel")
    parser.add_argument("--evaluator", choices=("network", "rollout"), default="network")
    parser.add_argument("--peer", choices=("openspiel",), help="with --evaluator rollout")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=1, help="intra-op threads of torch")
    parser.add_argument("--slices", type=int, default=7, help="measurements of each side")
    parser.add_argument("--slice-seconds", type=float, default=1.5)


def run(args: argparse.Namespace) -> dict[str, float]:
    """Figures: ratio, per_second (simulations), bare_per_second or peer_per_second."""
    if args.evaluator == "rollout":
        if args.peer != "openspiel":
            raise TengenError("bench search --evaluator rollout needs --peer openspiel to compare with")
        from tengen.benchmarks.openspiel import compare_mcts

        return compare_mcts(args)
    return compare_with_bare(args)


def compare_with_bare(args: argparse.Namespace) -> dict[str, float]:
    """Simulations a second of a batched search against evaluations a second of its network alone."""
    from tengen.agents.mcts.config import SearchConfig
    from tengen.agents.mcts.evaluators import NetworkLeaves
    from tengen.agents.mcts.search import Search
    from tengen.envs import make_game
    from tengen.networks.evaluator import NetworkEvaluator
    from tengen.networks.heads import PolicyValueNet
    from tengen.networks.spec import NetworkConfig, spec_for

    game = make_game(args.game)
    network = PolicyValueNet(NetworkConfig(blocks=args.blocks, channels=args.channels), spec_for(game))
    evaluator = NetworkEvaluator(network, device=args.device, threads=args.threads)
    config = SearchConfig(rule=args.rule, simulations=args.simulations)
    search = Search(
        game, NetworkLeaves(evaluator), config, slots=args.batch, rng=np.random.default_rng(0), noisy=True
    )
    slots = np.arange(args.batch, dtype=np.int32)
    states = spread_out(args.game, args.batch)
    observations = game.new_observation(args.batch)
    game.observe(states, observations)
    search.set_roots(slots, states)

    def bare() -> int:
        evaluator(observations)
        return args.batch

    def searched() -> int:
        before = search.evaluations
        search.round(slots)
        done = slots[search.finished(slots)]
        if len(done):
            after = search.states[done, 0].copy()
            game.step(after, search.result(done).actions)
            over = after["terminal"]
            if over.any():
                after[over] = states[done[over]]
            search.set_roots(done, after)
        return search.evaluations - before

    rates = alternate([bare, searched], args.slices, args.slice_seconds)
    return {
        "ratio": rates[1] / rates[0],
        "per_second": rates[1],
        "bare_per_second": rates[0],
        "batch": float(args.batch),
    }


def spread_out(name: str, count: int, plies: int = 30) -> States:
    """States [count] after 0 to `plies` random moves, none terminal, as they stand in self-play."""
    from tengen.agents.random import RandomAgent
    from tengen.envs import make_game

    game = make_game(name)
    agent = RandomAgent(game, seed=1)
    states = game.new_states(count)
    wanted = np.random.default_rng(0).integers(plies + 1, size=count)
    for ply in range(plies):
        moving = np.flatnonzero((wanted > ply) & ~states["terminal"])
        if not len(moving):
            break
        part = states[moving]
        game.step(part, agent.choose(part, moving))
        kept = ~part["terminal"]
        states[moving[kept]] = part[kept]
    return states


def alternate(sides: list[Callable[[], int]], slices: int, seconds: float) -> list[float]:
    """Median rate of each side; sides take turns, and each call returns how much work it did."""
    for side in sides:
        warm = time.perf_counter()
        while time.perf_counter() - warm < seconds:
            side()
    rates: list[list[float]] = [[] for _ in sides]
    for _ in range(slices):
        for side, found in zip(sides, rates, strict=True):
            work = 0
            started = time.perf_counter()
            while time.perf_counter() - started < seconds:
                work += side()
            found.append(work / (time.perf_counter() - started))
    return [median(found) for found in rates]
