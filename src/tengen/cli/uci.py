"""`tengen uci`: an agent as a chess engine for programs that speak UCI."""

import argparse
from typing import Any

from tengen.errors import TengenError


def add_parser(subparsers: Any) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "uci",
        help="be a chess engine for other programs (UCI)",
        description="Speak the Universal Chess Interface on standard input and output, over chess and "
        "Chess960, with pondering, analysis and several variations.",
    )
    parser.add_argument(
        "--agent",
        metavar="AGENT",
        help="who plays (see 'tengen agents'); default: the network that ships for chess, or else alpha-beta",
    )
    parser.add_argument("--seed", metavar="S", type=int, default=0, help="seed of the agent (default 0)")


def run(args: argparse.Namespace) -> int:
    """Serve until quit or the end of the input."""
    if args.seed < 0:
        raise TengenError(f"--seed {args.seed} is out of range; it must be 0 or more")

    from tengen.engine.stdio import StandardWire, private_output, serve

    wire = StandardWire(0, private_output())

    from tengen.agents.registry import make_agent
    from tengen.engine.uci_session import UciSession
    from tengen.envs.chess.game import Chess
    from tengen.envs.registry import make_game
    from tengen.shipped import shipped_network

    game = make_game("chess")
    assert isinstance(game, Chess)
    network = shipped_network(game)
    agent = args.agent or (f"mcts:{network}?sims=2000" if network else "minimax?depth=40&eval=hand")
    player = make_agent(agent, game, seed=args.seed)
    session = UciSession(player, game, wire)
    try:
        session.warm_up()
        serve(wire, session.answer, lambda: session.is_over)
    finally:
        player.close()
    return 0
