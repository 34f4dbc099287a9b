"""Options of the commands that play worlds."""

import argparse


def add_world_options(parser: argparse.ArgumentParser) -> None:
    """--protocol and --seed."""
    parser.add_argument(
        "--protocol",
        choices=("deepmind", "machado"),
        help="deepmind: up to 30 no-ops at the start; machado: sticky actions (default: the agent's own, "
        "else deepmind)",
    )
    parser.add_argument(
        "--seed", metavar="S", type=int, default=0, help="seed of worlds and agent (default 0)"
    )
