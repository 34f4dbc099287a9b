"""`tengen config show`: a configuration with everything filled in."""

import argparse
from typing import Any


def add_parser(subparsers: Any) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "config", help="show a configuration resolved whole", description="Look at configurations."
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True, title="actions")
    show = actions.add_parser(
        "show",
        help="print every key with its value",
        description="Print a recipe as YAML with defaults, interpolations and overrides filled in.",
    )
    show.add_argument("config", metavar="CONFIG", help="a YAML file, or the name of a recipe that ships")
    show.add_argument(
        "overrides", metavar="key=value", nargs="*", help="values to put in place of the file's"
    )
    show.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Print the configuration."""
    from tengen.config import ConfigModel, load_config, to_yaml
    from tengen.console import emit_json
    from tengen.league.tournament_config import TournamentConfig
    from tengen.selfplay.kinds import KINDS

    kinds: dict[str, type[ConfigModel]] = {**KINDS, "tournament": TournamentConfig}
    config = load_config(args.config, kinds, args.overrides)
    if args.json:
        emit_json(config.model_dump(mode="json"))
    else:
        print(to_yaml(config), end="")
    return 0
