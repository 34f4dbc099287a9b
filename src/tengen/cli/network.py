"""`tengen network show`: the layers of the network that a recipe trains."""

import argparse
from typing import Any

from tengen.errors import TengenError


def add_parser(subparsers: Any) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "network", help="show a network layer by layer", description="Look at networks."
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True, title="actions")
    show = actions.add_parser(
        "show",
        help="print its layers",
        description="Layers of the network that a recipe for a board game trains, in the order of "
        "computation: what comes out, parameters, floating-point operations for one position, and how many "
        "places a side an output has seen.",
    )
    show.add_argument("config", metavar="CONFIG", help="a YAML file, or the name of a recipe that ships")
    show.add_argument(
        "overrides", metavar="key=value", nargs="*", help="values to put in place of the file's"
    )
    show.add_argument("--json", action="store_true", help="print one JSON object")
    show.add_argument("--png", metavar="FILE", help="draw it as well (needs matplotlib)")


def run(args: argparse.Namespace) -> int:
    """Print the table."""
    from tengen.config import load_config
    from tengen.console import emit_json, number, table
    from tengen.envs import make_game
    from tengen.networks.describe import describe_network
    from tengen.networks.spec import NetworkConfig, spec_for
    from tengen.networks.stack import make_network
    from tengen.networks.stack_config import StackConfig
    from tengen.selfplay.kinds import KINDS

    config = load_config(args.config, KINDS, args.overrides)
    shape = getattr(config, "network", None)
    if not isinstance(shape, NetworkConfig | StackConfig):
        raise TengenError(f"{args.config}: trains no policy and value of a board game, which are shown here")
    game = make_game(config.game)
    network = make_network(shape, spec_for(game))
    rows = describe_network(network)
    flops = sum(row.flops for row in rows)
    if args.png is not None:
        from pathlib import Path

        from tengen.networks.draw import draw_network

        title = f"{game.name}: {network.parameter_count():,} parameters, {number(flops)} FLOPs a position"
        draw_network(rows, title, Path(args.png))
    if args.json:
        emit_json(
            {
                "game": game.name,
                "parameters": network.parameter_count(),
                "flops": flops,
                "layers": [row._asdict() for row in rows],
            }
        )
        return 0
    shown = [
        [
            row.name,
            row.kind,
            "x".join(str(size) for size in row.shape),
            f"{row.parameters:,}",
            number(row.flops),
            str(row.receptive_field),
        ]
        for row in rows
    ]
    table(["layer", "kind", "out", "parameters", "FLOPs", "sees"], shown)
    print(f"{game.name}: {network.parameter_count():,} parameters, {number(flops)} FLOPs a position")
    return 0
