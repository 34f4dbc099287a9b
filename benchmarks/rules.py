"""Speed of the rules alone, on one core: random Go games, or perft nodes of checkers and chess, a second."""

import argparse
import importlib

from tengen.errors import TengenError

#: Family -> the module that measures it.
FAMILIES = {
    "go": "tengen.benchmarks.rules_go",
    "checkers": "tengen.benchmarks.rules_checkers",
    "chess": "tengen.benchmarks.rules_chess",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the benchmark."""
    parser.add_argument(
        "--game", default="go9", help="go of any size, checkers or chess (default: %(default)s)"
    )
    parser.add_argument("--seconds", type=float, default=5.0, help="time to measure (default: %(default)s)")


def run(args: argparse.Namespace) -> dict[str, float]:
    """Figures of the game: `per_second`, `games`, `seconds`."""
    from tengen.envs.registry import make_game

    if not 0 < args.seconds <= 3600:
        raise TengenError(f"--seconds {args.seconds:g} is out of range; it must be above 0 and at most 3600")
    family = make_game(args.game).family
    if family not in FAMILIES:
        raise TengenError(f"no rules benchmark for '{args.game}'; there is one for {', '.join(FAMILIES)}")
    module = importlib.import_module(FAMILIES[family])
    figures: dict[str, float] = module.measure(args.game, args.seconds)
    if counting := getattr(module, "COUNTING", None):
        print(f"counted in {counting}")
    return figures
