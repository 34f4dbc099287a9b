"""`tengen perft`: how many sequences of legal moves there are."""

import argparse
from typing import Any

from tengen.errors import TengenError


def add_parser(subparsers: Any) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "perft",
        help="count the move sequences of each length",
        description="Count the sequences of legal moves of length 1 to DEPTH. A checkers multi-jump is one "
        "move, and different paths count apart; a pass in Go is a move, and the game ends at two.",
    )
    parser.add_argument("game", metavar="GAME", help="name of a game (see 'tengen games')")
    parser.add_argument("depth", metavar="DEPTH", type=int, help="longest sequences to count, 1 or more")
    parser.add_argument("--position", metavar="TEXT", help="start there, in the game's one-line notation")
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")


def run(args: argparse.Namespace) -> int:
    """Print the count of each depth as it comes."""
    import time

    from tengen.console import emit_json
    from tengen.envs.registry import make_game

    if not 1 <= args.depth <= 100:
        raise TengenError(f"depth {args.depth} is out of range; it must be from 1 to 100")
    game = make_game(args.game)
    state = game.new_states(1) if args.position is None else game.from_text(args.position)
    counts: list[int] = []
    seconds = 0.0
    game.perft(state, 1)  # compiles, or loads what was compiled
    for depth in range(1, args.depth + 1):
        # Each depth counts the shallower ones again: a small part of its own work.
        before = time.perf_counter()
        counts = [int(count) for count in game.perft(state, depth)]
        seconds = time.perf_counter() - before
        rate = f"{counts[-1] / seconds:,.0f} nodes/s" if seconds > 0.1 else ""
        print(f"depth {depth:2d}  {counts[-1]:>20,d}  {seconds:8.2f} s  {rate}".rstrip(), flush=True)
    if args.json:
        emit_json(
            {
                "game": game.name,
                "position": game.to_text(state),
                "counts": counts,
                "seconds": round(seconds, 6),
            }
        )
    return 0
