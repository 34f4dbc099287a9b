"""`tengen league`: the games of a store, out and in."""

import argparse
from pathlib import Path
from typing import Any

from tengen.errors import TengenError

STORE = "league.sqlite"  # of a run's folder


def add_parser(subparsers: Any) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "league",
        help="write the games of a store to files, or read results into it",
        description="Write the games of a store as PGN or CSV (results, for Ordo and BayesElo; White moved "
        "first), SGF (Go) or PDN (checkers), or add the results of a PGN, PDN or CSV file to it.",
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True, title="actions")
    out = actions.add_parser("export", help="write games to files", description="Write a store's games.")
    out.add_argument("store", metavar="STORE", help=f"file of games, or a folder that holds {STORE}")
    out.add_argument("--format", required=True, choices=("pgn", "csv", "sgf", "pdn"))
    out.add_argument("--out", metavar="DIR", required=True, help="folder for the files; made where missing")
    out.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    into = actions.add_parser("import", help="add results", description="Add the results of a file.")
    into.add_argument("store", metavar="STORE", help="file of games; made where there is none")
    into.add_argument("file", metavar="FILE", help="results as PGN, PDN or CSV")
    into.add_argument("--json", action="store_true", help="print one JSON object as the last line")


def run(args: argparse.Namespace) -> int:
    """Export or import."""
    return {"export": _export, "import": _import}[args.action](args)


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
    from tengen.console import emit_json
    from tengen.league.exchange import import_results
    from tengen.league.store import Store

    with Store.open(_file(args.store)) as store:
        new, ignored = import_results(store, args.file)
    print(f"{new:,} new games" + (f", {ignored:,} without a result left out" if ignored else ""))
    if args.json:
        emit_json({"new": new, "ignored": ignored})
    return 0


def _file(name: str) -> Path:
    path = Path(name)
    if path.is_dir():
        if not (path / STORE).is_file():
            raise TengenError(f"{path}: is a folder without a store of games ({STORE})")
        path /= STORE
    return path
