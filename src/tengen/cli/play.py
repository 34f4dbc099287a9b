"""`tengen play`: a game in the terminal, or by a script through a pipe."""

import argparse
from typing import TYPE_CHECKING, Any

from tengen.errors import TengenError

if TYPE_CHECKING:
    from tengen.envs.game import Game


def add_parser(subparsers: Any) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "play",
        help="play against an agent in the terminal",
        description="Play a game in the terminal. Type a move, or 'help' for the other commands. A script "
        "may send moves through a pipe, one a line.",
    )
    parser.add_argument("game", metavar="GAME", help="name of a game (see 'tengen games')")
    parser.add_argument(
        "--opponent",
        metavar="AGENT",
        help="an agent (see 'tengen agents'), or human for two at one keyboard; default: the network that "
        "ships for this game, or else tree search with random games",
    )
    parser.add_argument(
        "--color", metavar="COLOR", help="your side, such as black or white (default: who begins)"
    )
    parser.add_argument("--first", action="store_true", help="play the side that begins")
    parser.add_argument("--load", metavar="FILE", help="go on with a saved game: SGF, PDN or a line of moves")
    parser.add_argument("--save", metavar="FILE", help="write the game there at the end, however it ends")
    parser.add_argument("--seed", metavar="S", type=int, default=0, help="seed of the opponent (default 0)")


def run(args: argparse.Namespace) -> int:
    """Play until the game or the input ends."""
    from tengen.agents.registry import make_agent
    from tengen.cli.play_session import Session
    from tengen.envs.position import Position
    from tengen.envs.registry import make_game
    from tengen.files import check_writable
    from tengen.league.notation import load_game

    if args.seed < 0:
        raise TengenError(f"--seed {args.seed} is out of range; it must be 0 or more")
    for option in ("load", "save"):
        if getattr(args, option) == "":
            raise TengenError(f"--{option} is empty; it names a file, as in --{option} game.sgf")
    if args.save:
        check_writable(args.save)
    game = make_game(args.game)
    human = _side(game, args.color, args.first)
    position = load_game(args.load, game) if args.load else Position(game)
    spec = args.opponent or _default_opponent(game)
    agent = None if spec == "human" else make_agent(spec, game, seed=args.seed)
    names = ["human", "human"]
    if agent is not None:
        names[1 - human] = spec
    session = Session(
        position,
        agents=(agent if human == 1 else None, agent if human == 0 else None),
        names=(names[0], names[1]),
        hinter=lambda: agent or make_agent(_default_opponent(game), game, seed=args.seed),
    )
    try:
        session.play()
    finally:
        if agent is not None:
            agent.close()
        if args.save:
            session.save(args.save)
    return 0


def _side(game: "Game", color: str | None, first: bool) -> int:
    """The player, 0 or 1, that the human is."""
    names = (game.first_player.lower(), game.second_player.lower())
    if color is None:
        return 0
    if color.lower() not in names:
        raise TengenError(f"--color {color} is not a side of {game.name}; it has {names[0]} and {names[1]}")
    if first and color.lower() != names[0]:
        raise TengenError(f"--first and --color {color} contradict each other: {names[0]} begins")
    return names.index(color.lower())


def _default_opponent(game: "Game") -> str:
    """The network that ships for this game under search, or else search with random games."""
    from importlib.resources import files

    if (files("tengen.models") / game.name).is_dir():
        return f"mcts:models/{game.name}?sims=400"
    return "mcts?sims=1000"
