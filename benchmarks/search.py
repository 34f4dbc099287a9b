"""Search speed over bare network speed; or plain MCTS over OpenSpiel's.

The two are measured in turn, in short slices on the same thread, and the ratio is of the
medians: other load on the machine then falls on both alike. Both use one evaluator, at the same batch.
"""

import argparse

from tengen.benchmarks.measuring import alternate, span, whole
from tengen.errors import TengenError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `tengen bench search`."""
    parser.add_argument("--game", default="go9", help="default: %(default)s")
    parser.add_argument("--blocks", type=whole(1, 1000), default=6, help="of the network (%(default)s)")
    parser.add_argument("--channels", type=whole(1, 4096), default=64, help="of the network (%(default)s)")
    parser.add_argument(
        "--batch", type=whole(1, 65536), default=256, help="games side by side (default: %(default)s)"
    )
    parser.add_argument(
        "--simulations", type=whole(1, 100_000), default=64, help="per move (default: %(default)s)"
    )
    parser.add_argument("--rule", choices=("gumbel", "puct"), default="gumbel")
    parser.add_argument("--evaluator", choices=("network", "rollout"), default="network")
    parser.add_argument("--peer", choices=("openspiel",), help="with --evaluator rollout")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N")
    parser.add_argument("--threads", type=whole(1, 1024), default=1, help="of torch (default: %(default)s)")
    parser.add_argument("--slices", type=whole(1), default=41, help="measurements of each side")
    parser.add_argument("--slice-seconds", type=span(3600), default=0.3)


def run(args: argparse.Namespace) -> dict[str, float]:
    """Figures: ratio, per_second (simulations), bare_per_second or peer_per_second."""
    if args.evaluator == "rollout":
        if args.peer != "openspiel":
            raise TengenError("bench search --evaluator rollout needs --peer openspiel to compare with")
        from tengen.benchmarks.openspiel import compare_mcts

        return compare_mcts(args)
    if args.peer:
        raise TengenError(f"--peer {args.peer} plays by random rollouts; add --evaluator rollout")
    return compare_with_bare(args)


def compare_with_bare(args: argparse.Namespace) -> dict[str, float]:
    """Simulations a second of a batched search against evaluations a second of its network alone."""
    from tengen.agents.mcts.config import SearchConfig
    from tengen.agents.mcts.evaluators import NetworkLeaves
    from tengen.benchmarks.searching import MovingSearch
    from tengen.envs import make_game
    from tengen.networks.evaluator import NetworkEvaluator
    from tengen.networks.heads import PolicyValueNet
    from tengen.networks.spec import NetworkConfig, spec_for

    game = make_game(args.game)
    network = PolicyValueNet(NetworkConfig(blocks=args.blocks, channels=args.channels), spec_for(game))
    evaluator = NetworkEvaluator(network, device=args.device, threads=args.threads)
    config = SearchConfig(rule=args.rule, simulations=args.simulations)
    moving = MovingSearch(game, NetworkLeaves(evaluator), config, args.batch, seed=0)
    observations = game.new_observation(args.batch)
    game.observe(moving.starts, observations)

    def bare() -> int:
        evaluator(observations)
        return args.batch

    moving.warm_up()
    bare()
    print(f"network {args.blocks}x{args.channels}: {evaluator.describe()}")
    evaluated = moving.search.evaluations
    rates = alternate([bare, moving.advance], args.slices, args.slice_seconds)
    return {
        "ratio": rates[1] / rates[0],
        "per_second": rates[1],
        "bare_per_second": rates[0],
        "batch": args.batch,
        "evaluations": moving.search.evaluations - evaluated,
    }
