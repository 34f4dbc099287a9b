"""`tengen games`: the games and the worlds there are."""

import argparse
from typing import Any


def add_parser(subparsers: Any) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "games",
        help="list the games",
        description="List the games. A game's name may carry options: family:option=value,...",
    )
    parser.add_argument(
        "--worlds", action="store_true", help="list the worlds for one player instead, such as atari/Pong"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Print the table, or the names of worlds line by line."""
    if args.worlds:
        return _list_worlds(args.json)

    from tengen.console import emit_json, table
    from tengen.envs.registry import alias_options, game_names, make_game, option_defaults

    games = [(name, make_game(name)) for name in game_names()]
    if args.json:
        rows = [
            {
                "name": name,
                "family": game.family,
                "actions": game.num_actions,
                "observation": game.obs_shape,
                "max_plies": game.max_plies,
                "options": option_defaults(type(game)) | alias_options(name),
            }
            for name, game in games
        ]
        emit_json({"games": rows})
        return 0
    shapes = [" x ".join(map(str, game.obs_shape)) for _, game in games]
    table(
        ["name", "family", "actions", "observation", "plies at most"],
        [
            [name, game.family, game.num_actions, shape, game.max_plies]
            for (name, game), shape in zip(games, shapes, strict=True)
        ],
    )
    print()
    families = {game.family: game for _, game in games}
    table(
        ["family", "options (default)"],
        [[family, option_words(option_defaults(type(game)))] for family, game in families.items()],
    )
    print("\nOptions follow the name: go:size=11,komi=6.5")
    print("Worlds for one player, such as atari/Pong, are told by tengen games --worlds")
    return 0


def _list_worlds(as_json: bool) -> int:
    from tengen.console import emit_json
    from tengen.envs.make_worlds import world_names

    names = world_names()
    if as_json:
        emit_json({"worlds": names})
    else:
        print("\n".join(names))
    return 0


def option_words(defaults: dict[str, Any]) -> str:
    """Options with their defaults; of those that the game chooses itself only the name."""
    words = [key if value is None else f"{key}={value}" for key, value in defaults.items()]
    return ", ".join(words) or "none"
