"""`tengen hub`: an agent as a draughts engine for programs that speak Hub."""

import argparse
from typing import Any

from tengen.errors import TengenError


def add_parser(subparsers: Any) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "hub",
        help="be a draughts engine for other programs (Hub)",
        description="Speak the Hub protocol, version 2, on standard input and output, over English draughts "
        "(variant english).",
    )
    parser.add_argument(
        "--agent",
        metavar="AGENT",
        help="who plays (see 'tengen agents'); default: the network that ships for checkers, or else tree "
        "search with random games",
    )
    parser.add_argument("--seed", metavar="S", type=int, default=0, help="seed of the agent (default 0)")


def run(args: argparse.Namespace) -> int:
    """Serve until quit or the end of the input."""
    if args.seed < 0:
        raise TengenError(f"--seed {args.seed} is out of range; it must be 0 or more")

    from tengen.engine.stdio import StandardWire, private_output, serve

    wire = StandardWire(0, private_output())

    from tengen.agents.registry import make_agent
    from tengen.engine.hub_session import HubSession
    from tengen.envs.registry import make_game
    from tengen.shipped import default_agent

    game = make_game("checkers")
    agent = make_agent(args.agent or default_agent(game), game, seed=args.seed)
    session = HubSession(agent, game, wire)
    try:
        session.warm_up()
        serve(wire, session.answer, lambda: session.is_over)
    finally:
        agent.close()
    return 0
