"""`tengen league`: who is in a league and how they fare; the games of its store, out and in."""

import argparse
from pathlib import Path
from typing import Any

from tengen.errors import TengenError

STORE = "league.sqlite"  # of a run's folder
FAULTS_SHOWN = 10


class Anything(dict[str, Any]):
    """The actions; whatever else stands in their place is taken too."""

    def __contains__(self, word: object) -> bool:
        return True


class StoreOrAction(argparse._SubParsersAction):
    """An action, or in its place a store to show."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.names = self.choices
        self.choices = Anything()  # argparse would refuse a store before this is called

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: str | None = None) -> None:
        if values[0] not in self.names:
            values = ["show", *values]
        super().__call__(parser, namespace, values, option_string)


def add_parser(subparsers: Any) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "league",
        help="standings, payoff, history and games of a league",
        usage="tengen league STORE [--anchor NAME=ELO] [--html FILE] [--json]\n"
        "       tengen league export STORE --format pgn|csv|sgf|pdn --out DIR [--json]\n"
        "       tengen league import STORE FILE... [--json]",
        description="Show the league of a training run or a tournament (STORE: its folder or URL, or a file "
        "of games): standings, who scores what against whom, ratings over time; with --html as one page "
        "that needs no network, its games to be played through. Or write the games of a store as PGN or CSV "
        "(results, for Ordo and BayesElo; White moved first), SGF (Go) or PDN (checkers), or add games to "
        "it: of SGF and PDN files with their moves, of PGN and CSV files the results.",
    )
    actions = parser.add_subparsers(
        dest="action", metavar="STORE|ACTION", required=True, title="actions", action=StoreOrAction
    )
    shown = actions.add_parser("show", help="what 'tengen league STORE' does", description="Show a league.")
    shown.add_argument("store", metavar="STORE", help=f"a run, a folder that holds {STORE}, or such a file")
    words = {
        "anchor": "hold a player at an Elo (may be given again); without anchors the mean is 0",
        "html": "write one page that opens without a network",
        "json": "print one JSON object last",
    }
    anchor: Any = {"metavar": "NAME=ELO", "action": "append", "help": words["anchor"]}
    parser.add_argument("--anchor", **anchor)
    parser.add_argument("--html", metavar="FILE", help=words["html"])
    parser.add_argument("--json", action="store_true", help=words["json"])
    # They may stand before STORE as well, and what is said there holds.
    shown.add_argument("--anchor", default=argparse.SUPPRESS, **anchor)
    shown.add_argument("--html", metavar="FILE", help=words["html"], default=argparse.SUPPRESS)
    shown.add_argument("--json", action="store_true", help=words["json"], default=argparse.SUPPRESS)
    out = actions.add_parser("export", help="write games to files", description="Write a store's games.")
    out.add_argument("store", metavar="STORE", help=f"file of games, or a folder that holds {STORE}")
    out.add_argument("--format", required=True, choices=("pgn", "csv", "sgf", "pdn"))
    out.add_argument("--out", metavar="DIR", required=True, help="folder for the files; made where missing")
    out.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    into = actions.add_parser(
        "import",
        help="add games of files",
        description="Add the games of SGF and PDN files with their moves, which are played through by our "
        "rules, and the results of PGN and CSV files. Games that break the rules, or have no result or no "
        "names, are said and left out; games with moves that the store has are not added again, nor is the "
        "same file of results.",
    )
    into.add_argument("store", metavar="STORE", help="file of games; made where there is none")
    into.add_argument(
        "files",
        metavar="FILE",
        nargs="+",
        help="SGF or PDN (gzipped too), PGN, CSV, or a folder of these",
    )
    into.add_argument("--json", action="store_true", help="print one JSON object as the last line")


def run(args: argparse.Namespace) -> int:
    """Show, export or import."""
    return {"show": _show, "export": _export, "import": _import}[args.action](args)


def _show(args: argparse.Namespace) -> int:
    from tengen.cli.league_show import show
    from tengen.cli.ratings import parse_anchors

    if args.html is not None and not args.html.strip():
        raise TengenError("--html is empty; it names the file of the page")
    return show(_file(args.store), args.html, parse_anchors(args.anchor or []), as_json=args.json)


def _export(args: argparse.Namespace) -> int:
    from tengen.console import emit_json
    from tengen.league.exchange import export
    from tengen.league.store import Store

    if not args.out.strip():
        raise TengenError("--out is empty; it names the folder for the files")
    with Store.open(_file(args.store), create=False) as store:
        games, files = export(store, args.format, Path(args.out))
    where = files[0] if len(files) == 1 else args.out
    print(f"{games:,} games written to {where}")
    if args.json:
        emit_json({"games": games, "files": [str(file) for file in files]})
    return 0


def _import(args: argparse.Namespace) -> int:
    from tengen.console import Progress, emit_json
    from tengen.league.importing import import_games
    from tengen.league.store import Store
    from tengen.remote.place import as_url

    if as_url(args.store):
        raise TengenError(f"{args.store}: is the copy of a run, which only the run writes to")
    with Store.open(_file(args.store)) as store, Progress("importing", unit="games") as progress:
        found = import_games(store, args.files, lambda file: progress.advance(note=file))
    shown = found.faults[:FAULTS_SHOWN]
    for fault in shown:
        print(fault)
    if len(found.faults) > len(shown):
        print(f"... and {found.illegal + found.ignored - len(shown):,} more")
    counts = {
        "repeated": "in the store before",
        "ignored": "without a result or a name left out",
        "illegal": "that cannot be played left out",
    }
    more = [f"{getattr(found, key):,} {words}" for key, words in counts.items() if getattr(found, key)]
    print(", ".join([f"{found.new:,} new games", *more]))
    if args.json:
        emit_json(vars(found))
    return 0


def _file(name: str) -> Path:
    from tengen.remote.reading import league_at

    path = league_at(name)
    if path.is_dir():
        if not (path / STORE).is_file():
            raise TengenError(f"{path}: is a folder without a store of games ({STORE})")
        path /= STORE
    return path
