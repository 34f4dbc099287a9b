"""`tengen ratings`: Elo with error bars from a store of games or a file of results."""

import argparse
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tengen.errors import TengenError

if TYPE_CHECKING:
    from tengen.league.ratings import RatingList
    from tengen.league.result_files import ResultFile

STORE = "league.sqlite"  # of a run or a tournament's folder
SQLITE = b"SQLite format 3\0"
NAMED = 5  # groups that are listed by name


def add_parser(subparsers: Any) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "ratings",
        help="Elo with error bars from results",
        description="Rate players by their results: Bradley-Terry with draws and first-move advantage, as "
        "BayesElo does. Prints Elo with its 95 % error, and how likely each player is better than the next.",
    )
    parser.add_argument(
        "file",
        metavar="FILE_OR_STORE",
        help="a store (league.sqlite, or a folder that holds it), or results as PGN or CSV "
        "(columns first,second,wins,draws,losses or first,second,result)",
    )
    parser.add_argument(
        "--anchor",
        metavar="NAME=ELO",
        action="append",
        default=[],
        help="hold a player at an Elo, such as GNU Go 3.8 at level 10 on 9x9 at 1800 (may be given again); "
        "without anchors the mean is 0",
    )
    parser.add_argument(
        "--advantage",
        metavar="fit|X",
        default="32.8",
        help="Elo of moving first (default 32.8, BayesElo's), or fit it to the results",
    )
    parser.add_argument(
        "--draw-elo",
        metavar="fit|X",
        default="97.3",
        help="Elo that a win must lead by (default 97.3, BayesElo's), or fit it to the results",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")


def run(args: argparse.Namespace) -> int:
    """Print the rating list."""
    advantage = _number_or_fit("--advantage", args.advantage, -2000)
    draw_elo = _number_or_fit("--draw-elo", args.draw_elo, 0)
    anchors = parse_anchors(args.anchor)

    from tengen.console import emit_json
    from tengen.league.ratings import rate
    from tengen.remote.reading import league_at

    found = _read(league_at(args.file))
    rated = rate(found.results, advantage, draw_elo, anchors)
    _report(rated, found)
    if args.json:
        emit_json(rated.to_json() | {"games": found.games, "ignored": found.ignored})
    return 0


def _number_or_fit(option: str, text: str, low: float) -> float | None:
    if text == "fit":
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not low <= value <= 2000:
        raise TengenError(f"{option} {text} is neither 'fit' nor an Elo from {low} to 2000")
    return value


def parse_anchors(texts: Sequence[str]) -> dict[str, float]:
    """Player -> Elo of options NAME=ELO. Raises TengenError."""
    found = {}
    for text in texts:
        name, _, elo = text.rpartition("=")  # agents' names hold "=" too
        try:
            found[name] = float(elo)
        except ValueError:
            found[name] = math.nan
        if not name or not math.isfinite(found[name]):
            raise TengenError(f"--anchor {text}: is not NAME=ELO, such as 'gtp:gnugo?level=10=1800'")
    return found


def _read(path: Path) -> "ResultFile":
    from tengen.files import read_fault
    from tengen.league.result_files import ResultFile, clean_name, read_results

    if path.is_dir():
        if not (path / STORE).is_file():
            raise TengenError(f"{path}: is a folder without a store of results ({STORE})")
        path = path / STORE
    is_store = False
    if path.is_file():  # a pipe could not be read twice
        try:
            with open(path, "rb") as file:
                is_store = file.read(len(SQLITE)) == SQLITE
        except OSError as error:
            raise read_fault(path, error) from None
    if not is_store:
        if path.is_file() and path.suffix == ".sqlite":
            raise TengenError(f"{path}: is not an SQLite store of results")
        return read_results(path)
    from tengen.league.store import Store

    found = ResultFile()
    with Store.open(path, create=False) as store:
        if repeats := store.repeats():
            print(f"{repeats:,} games repeat another move by move and are counted once")
        for r in store.results():
            for end, games in enumerate((r.wins, r.draws, r.losses)):
                found.add(clean_name(r.first), clean_name(r.second), end, games)
    if not found.games:
        raise TengenError(f"{path}: no finished game in it")
    return found


def _report(rated: "RatingList", found: "ResultFile") -> None:
    from tengen.console import table

    groups = rated.groups
    rows: list[list[Any]] = []
    for rank, r in enumerate(rated.ratings):
        better = rated.superiority[rank][rank + 1] if rank + 1 < len(rated.ratings) else math.nan
        likely = "" if math.isnan(better) else f"{better:.1%}"
        rows.append([rank + 1, r.name, round(r.elo), round(r.error), r.games, f"{r.score:.1%}", likely])
    table(["rank", "name", "elo", "+-", "games", "score", "better than next"], rows)
    print(
        f"{found.games:,} games; advantage of the first move {rated.advantage:.1f} Elo, "
        f"draw Elo {rated.draw_elo:.1f}; errors are 95 %"
    )
    if found.ignored:
        print(f"{found.ignored:,} games ignored: {found.first_fault}{', ...' if found.ignored > 1 else ''}")
    if len(groups) > 1:
        named = "; ".join(
            ", ".join(names[:NAMED]) + (", ..." if len(names) > NAMED else "") for names in groups[:NAMED]
        )
        print(
            f"{len(groups)} groups never met, so that ratings compare within each only: "
            f"{named}{'; ...' if len(groups) > NAMED else ''}"
        )
