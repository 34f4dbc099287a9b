"""`tengen records`: replay collections of games; `records_data` makes data sets of them."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tengen.errors import TengenError

if TYPE_CHECKING:
    from tengen.league.records import Fault

MOST_FAULTS = 10_000  # in the JSON object, so that memory stays flat whatever the files hold


def add_parser(subparsers: Any) -> None:
    """Register the command."""
    from tengen.cli import records_data

    parser = subparsers.add_parser(
        "records",
        help="check, import, count and generate games as SGF, PDN or PGN",
        description="Work with game records.",
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    check = actions.add_parser(
        "check",
        help="replay every game and report the first fault of each bad one",
        description="Replay every game of SGF (Go), PDN (checkers) and PGN (chess) files, gzipped or not. "
        "Says how many games there are, can be read and are legal, and the first fault of each bad one. Exit "
        "code 0 when every file could be read to its end, even if some of its games are bad; 2 when one "
        "could not, or holds no game that can be read; 1 when the machine refused.",
    )
    check.add_argument("files", metavar="FILE", nargs="+", help="a .sgf, .pdn or .pgn file, also .sgf.gz ...")
    check.add_argument(
        "--rules",
        choices=("positional", "situational", "simple"),
        help="Go's repetition rule (default: the record's own RU where it is known, else positional)",
    )
    check.add_argument(
        "--json",
        action="store_true",
        help=f"print one JSON object as the last line, with at most {MOST_FAULTS:,} faults",
    )
    records_data.add_actions(actions)


def run(args: argparse.Namespace) -> int:
    """Do what the action says."""
    if args.action == "check":
        return _check(args)
    from tengen.cli import records_data

    return records_data.run(args)


def _check(args: argparse.Namespace) -> int:
    """Print a line for each fault and a table of the files."""
    from tengen.console import Progress, emit_json, table
    from tengen.league.records import Fault, Tally, check_file

    for file in args.files:
        if not Path(file).is_file():
            found = "is a folder" if Path(file).is_dir() else "is a device"
            what = found if Path(file).exists() else "does not exist"
            raise TengenError(f"{file} {what}; expected an SGF, PDN or PGN file")
    tallies: dict[str, Tally] = {}
    faults: list[Fault] = []
    broken: list[TengenError] = []
    with Progress("checking", unit="games") as progress:
        for file in args.files:
            first: Fault | None = None
            tally = tallies.setdefault(file, Tally())
            try:
                for checked in check_file(file, args.rules):
                    tally.add(checked)
                    if checked.fault is not None:
                        _note(checked.fault, faults, args.json)
                    progress.advance(note=file)
                    first = first or checked.fault
            except TengenError as error:
                broken.append(error)
                _note(Fault(file, 0, 0, str(error).removeprefix(f"{file}: ")), faults, args.json)
            else:
                if first is not None and not tally.parsed:
                    broken.append(TengenError(f"{file}: no game in it can be read: {first.reason}"))
    rows = [[file, tally.games, tally.parsed, tally.legal] for file, tally in tallies.items()]
    table(["file", "games", "parsed", "legal"], rows)
    if args.json:
        total = {
            key: sum(getattr(tally, key) for tally in tallies.values())
            for key in ("games", "parsed", "legal")
        }
        emit_json({"files": len(args.files), **total, "faults": [fault._asdict() for fault in faults]})
    if broken:
        rest = len(broken) - 1
        more = f" (and {rest} more file{'s' if rest > 1 else ''})" if rest else ""
        raise type(broken[0])(f"{broken[0]}{more}")
    return 0


def _note(fault: "Fault", faults: "list[Fault]", keep: bool) -> None:
    """Keep the fault for the JSON object, or print it."""
    if not keep:
        place = f"game {fault.game}, move {fault.move}" if fault.move else f"game {fault.game}"
        print(f"{fault.file}: {place}: {fault.reason}" if fault.game else f"{fault.file}: {fault.reason}")
    elif len(faults) < MOST_FAULTS:
        faults.append(fault)
