"""`tengen tablebase`: the endgame database of checkers."""

import argparse
from typing import TYPE_CHECKING, Any

from tengen.errors import TengenError

if TYPE_CHECKING:
    from tengen.envs.checkers.tablebase import Tablebase


def add_parser(subparsers: Any) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "tablebase",
        help="solve endgames of checkers and probe them",
        description="The endgame database of checkers: every position of few pieces, won, drawn or lost, and "
        "in how many turns. Repetition and the 80-turn rule are left aside.",
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    checkers = actions.add_parser("checkers", help="solve all positions and write them to a file")
    checkers.add_argument("--pieces", metavar="N", type=int, default=4, help="of up to so many, 2 to 4 (4)")
    checkers.add_argument("--out", metavar="FILE", help="where to write the database")
    checkers.add_argument(
        "--verify", action="store_true", help="then check every position against its successors"
    )
    verify = actions.add_parser("verify", help="check every position of a file against its successors")
    probe = actions.add_parser("probe", help="what a file knows of a position and its turns")
    probe.add_argument("--position", metavar="FEN", required=True, help="such as B:WK12:BK1,K2")
    measure = actions.add_parser("measure", help="the share of an agent's choices that keep the game's value")
    measure.add_argument("--agent", required=True, help="agent string (see 'tengen agents')")
    measure.add_argument("--positions", metavar="N", type=int, default=1000, help="how many (1000)")
    measure.add_argument("--seed", type=int, default=0, help="draws the positions (0)")
    for action in (verify, probe, measure):
        action.add_argument("file", metavar="FILE", help="written by 'tengen tablebase checkers'")
    for action in (checkers, verify, probe, measure):
        action.add_argument("--json", action="store_true", help="print one JSON object as the last line")


def run(args: argparse.Namespace) -> int:
    """Do what the action says."""
    actions = {"checkers": _checkers, "verify": _verify, "probe": _probe, "measure": _measure}
    return actions[args.action](args)


def _checkers(args: argparse.Namespace) -> int:
    """Solve, check, write, in this order, and print the classes."""
    import time

    from tengen.console import Progress, duration, emit_json
    from tengen.envs.checkers.tablebase import Tablebase
    from tengen.envs.checkers.tablebase.build import build
    from tengen.files import check_writable

    if not (args.out or args.verify or args.json):
        raise TengenError("nothing to do with the database; --out FILE keeps it")
    if args.out:
        check_writable(args.out)
    began = time.perf_counter()
    with Progress("solving", unit="depths") as progress:
        depths = build(args.pieces, lambda pieces, depth: progress.advance(note=f"{pieces} pieces"))
    tablebase = Tablebase(args.pieces, depths)
    seconds = time.perf_counter() - began
    _print_classes(tablebase)
    positions = sum(won + drawn + lost for _, won, drawn, lost, _ in tablebase.counts())
    print(f"{positions:,} positions of up to {args.pieces} pieces, solved in {duration(seconds)}")
    verified = _check(tablebase) if args.verify else None
    size = None
    if args.out:
        size = tablebase.write(args.out)
        print(f"{args.out}: {size:,} bytes")
    if args.json:
        emit_json(
            {
                "game": "checkers",
                "pieces": args.pieces,
                "positions": positions,
                "seconds": round(seconds, 3),
                "verified": verified,
                "file": args.out,
                "bytes": size,
                "classes": _class_rows(tablebase),
            }
        )
    return 0


def _verify(args: argparse.Namespace) -> int:
    from tengen.console import emit_json
    from tengen.envs.checkers.tablebase import read_tablebase

    tablebase = read_tablebase(args.file)
    verified = _check(tablebase)
    if args.json:
        emit_json({"file": args.file, "pieces": tablebase.pieces, "verified": verified})
    return 0


def _check(tablebase: "Tablebase") -> int:
    from tengen.console import Progress
    from tengen.envs.checkers.tablebase.verify import verify

    with Progress("verifying", total=len(tablebase.depths), unit="numbers") as progress:
        verified = verify(tablebase, progress.update)
    print(f"{verified:,} positions agree with all their successors by the rules of play")
    return verified


def _class_rows(tablebase: "Tablebase") -> list[dict[str, Any]]:
    return [
        {"class": str(material), "won": won, "drawn": drawn, "lost": lost, "longest": longest}
        for material, won, drawn, lost, longest in tablebase.counts()
    ]


def _print_classes(tablebase: "Tablebase") -> None:
    """The classes in which both sides have pieces."""
    from tengen.console import table

    table(
        ["side to move v other", "won", "drawn", "lost", "longest (turns)"],
        [list(row.values()) for row in _class_rows(tablebase) if "-" not in row["class"]],
    )


def _probe(args: argparse.Namespace) -> int:
    """Print what the position is worth, and each of its turns, best first."""
    import numpy as np

    from tengen.console import emit_json, table
    from tengen.envs.checkers.game import Checkers
    from tengen.envs.checkers.notation import legal_turns
    from tengen.envs.checkers.tablebase import read_tablebase

    tablebase, game = read_tablebase(args.file), Checkers()
    state = game.from_text(args.position)
    found = tablebase.probe(state)
    if not found.known[0]:
        raise TengenError(
            f"position {game.to_text(state)} is not in {args.file}, which holds those of up to "
            f"{tablebase.pieces} pieces, with no multi-jump under way"
        )
    rows: list[tuple[str, int, int]] = []
    for turn in legal_turns(state):
        after = state.copy()
        for action in turn.actions:
            game.step(after, np.array([action], np.int32))
        then = tablebase.probe(after)
        value = -int(then.values[0])
        rows.append((str(turn), value, int(then.distances[0]) + 1 if value else -1))
    rows.sort(key=lambda row: (-row[1], row[1] * row[2]))
    value, distance = int(found.values[0]), int(found.distances[0])
    print(f"{game.to_text(state)}: {_words(value, distance)} for the side to move")
    if rows:
        table(["turn", "value"], [[turn, _words(*worth)] for turn, *worth in rows])
    if args.json:
        emit_json(
            {
                "position": game.to_text(state),
                "value": value,
                "distance": distance if value else None,
                "turns": [
                    {"turn": turn, "value": value, "distance": distance if value else None}
                    for turn, value, distance in rows
                ],
            }
        )
    return 0


def _words(value: int, distance: int) -> str:
    if not value:
        return "drawn"
    return f"{'won' if value > 0 else 'lost'} in {distance} turn{'s' * (distance != 1)}"


def _measure(args: argparse.Namespace) -> int:
    """Print the share of choices that keep the value, beside that of chance."""
    import contextlib

    from tengen.agents.registry import make_agent
    from tengen.console import emit_json, table
    from tengen.envs.checkers.game import Checkers
    from tengen.envs.checkers.tablebase import read_tablebase
    from tengen.league.tablebase_measure import measure

    if not 1 <= args.positions <= 1_000_000:
        raise TengenError(f"positions {args.positions} is out of range; it must be from 1 to 1,000,000")
    if args.seed < 0:
        raise TengenError(f"seed {args.seed} is negative; it must be 0 or more")
    tablebase = read_tablebase(args.file)
    with contextlib.closing(make_agent(args.agent, Checkers(), seed=args.seed)) as agent:
        found = measure(tablebase, agent, args.positions, args.seed)
    shares = {"all": found.all, "won": found.won, "drawn": found.drawn, "critical": found.critical}
    rows = []
    for name, share in shares.items():
        low, high = share.interval
        rows.append(
            [
                name,
                share.positions,
                f"{share.share:.2%}",
                f"{low:.2%} to {high:.2%}",
                f"{share.by_chance:.1%}",
            ]
        )
    table([args.agent, "positions", "value kept", "95 % interval", "by chance"], rows)
    print("won and drawn positions with two turns or more; critical: with a turn that gives the value away")
    if args.json:
        emit_json(
            {
                "file": args.file,
                "pieces": tablebase.pieces,
                "agent": args.agent,
                "seed": args.seed,
                **{
                    name: {
                        "positions": share.positions,
                        "kept": share.kept,
                        "share": share.share,
                        "interval": list(share.interval),
                        "by_chance": share.by_chance,
                    }
                    for name, share in shares.items()
                },
            }
        )
    return 0
