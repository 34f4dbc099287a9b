"""Speed of a network alone: evaluations a second at several batch sizes.

The weights are random: they cost as much as any. One thread of torch unless told; on a GPU one caller that
waits for each batch (`gpu-search` has several).
"""

import argparse

from tengen.benchmarks.measuring import span, whole
from tengen.errors import TengenError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the benchmark."""
    parser.add_argument("--game", default="go9", help="default: %(default)s")
    parser.add_argument("--blocks", type=whole(1, 1000), default=6, help="default: %(default)s")
    parser.add_argument("--channels", type=whole(1, 4096), default=64, help="default: %(default)s")
    parser.add_argument("--batches", default="64,128,256,512", help="default: %(default)s")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N")
    parser.add_argument("--precision", default="auto", help="auto, float32, bfloat16, float16")
    parser.add_argument("--compile", action="store_true", help="by torch.compile")
    parser.add_argument("--threads", type=whole(1, 1024), default=1, help="of torch (default: %(default)s)")
    parser.add_argument(
        "--seconds", type=span(3600), default=2.0, help="for each batch size (default: %(default)s)"
    )


def run(args: argparse.Namespace) -> dict[str, float]:
    """Figures: per_second (of the best batch size), evals_per_s_b256 and so on."""
    from tengen.envs import make_game
    from tengen.networks.evaluator import NetworkEvaluator
    from tengen.networks.heads import PolicyValueNet
    from tengen.networks.measure import measure
    from tengen.networks.spec import NetworkConfig, spec_for

    batches = batch_sizes(args.batches)
    game = make_game(args.game)
    network = PolicyValueNet(NetworkConfig(blocks=args.blocks, channels=args.channels), spec_for(game))
    evaluator = NetworkEvaluator(
        network, device=args.device, precision=args.precision, compile=args.compile, threads=args.threads
    )
    print(f"network {args.blocks}x{args.channels}: {evaluator.describe()}")
    rates = {batch: measure(evaluator, game.obs_shape, batch, args.seconds) for batch in batches}
    return {
        "per_second": max(rates.values()),
        **{f"evals_per_s_b{batch}": rate for batch, rate in rates.items()},
    }


def batch_sizes(text: str) -> list[int]:
    """Whole numbers between commas. Raises TengenError."""
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and 0 < int(part) <= 65536 for part in parts):
        raise TengenError(f"--batches {text}: expected whole numbers from 1 to 65536 between commas")
    return [int(part) for part in parts]
