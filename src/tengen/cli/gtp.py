"""`tengen gtp`: an agent as a Go engine for Sabaki, GoGui and every other program that speaks GTP."""

import argparse
from typing import Any

from tengen.errors import TengenError


def add_parser(subparsers: Any) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "gtp",
        help="be a Go engine for other programs (GTP)",
        description="Speak the Go Text Protocol, version 2, on standard input and output, with analysis as "
        "Leela Zero and KataGo have it, KGS's commands, and maps for GoGui. The controller sets size, komi "
        "and time.",
    )
    parser.add_argument(
        "--agent",
        metavar="AGENT",
        help="who plays (see 'tengen agents'); default: the network that ships for the game, or else tree "
        "search with random games",
    )
    parser.add_argument(
        "--game", metavar="GAME", default="go9", help="size and rules to begin with (default go9)"
    )
    parser.add_argument(
        "--resign",
        metavar="P",
        type=float,
        default=0.0,
        help="resign after three moves with a win rate below P, 0 to 0.5 (default 0: never)",
    )
    parser.add_argument("--ponder", action="store_true", help="think while the other side is to move")
    parser.add_argument(
        "--visits", metavar="N", type=int, default=20_000, help="the most of an analysis (default 20000)"
    )
    parser.add_argument("--seed", metavar="S", type=int, default=0, help="seed of the agent (default 0)")


def run(args: argparse.Namespace) -> int:
    """Serve until quit or the end of the input."""
    if not 0 <= args.resign <= 0.5:
        raise TengenError(f"--resign {args.resign:g} is out of range; it must be from 0 to 0.5")
    if not 1 <= args.visits <= 10_000_000:
        raise TengenError(f"--visits {args.visits} is out of range; it must be from 1 to 10,000,000")
    if args.seed < 0:
        raise TengenError(f"--seed {args.seed} is out of range; it must be 0 or more")

    from tengen.engine.stdio import StandardWire, private_output, serve

    wire = StandardWire(0, private_output())

    from tengen.engine.gtp_session import GtpSession, SessionOptions
    from tengen.engine.player import Player
    from tengen.envs.go.game import Go
    from tengen.envs.registry import make_game
    from tengen.shipped import default_agent

    game = make_game(args.game)
    if not isinstance(game, Go):
        raise TengenError(f"--game {args.game}: GTP is for Go; for checkers there is 'tengen hub'")
    player = Player(args.agent or default_agent(game), game, args.seed)
    options = SessionOptions(resign=args.resign, visits=args.visits, ponder=args.ponder)
    session = GtpSession(player, game, options, wire)
    try:
        player.warm_up()
        serve(wire, session.answer, lambda: session.is_over, session.ponder if args.ponder else None)
    finally:
        player.close()
    return 0
