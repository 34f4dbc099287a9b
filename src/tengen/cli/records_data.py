"""`tengen records import|stats|generate`: games as data sets, and games to make them of."""

import argparse
from pathlib import Path
from typing import Any

from tengen.cli import records_wanted
from tengen.errors import TengenError


def add_actions(actions: Any) -> None:
    """Register the actions."""
    take = actions.add_parser(
        "import",
        help="make a data set of games, for networks to learn from",
        description="Replay the games of SGF, PDN or PGN files, or of TOM's lines (id, tab, ;B[jj]...), "
        "by our rules and keep moves, results and values (PGN's [%%eval]) in a folder with a manifest. Tar, "
        "zip, gzip and zstandard archives are read as they are. Each game is kept once; which games are to "
        "test on is decided by a hash of their moves. What is left out is counted, with the reasons.",
    )
    take.add_argument(
        "files", metavar="FILE", nargs="+", help="a .sgf, .pdn or .pgn file, or an archive: .tar.gz, .zip ..."
    )
    take.add_argument("--out", metavar="DIR", required=True, help="the data set, a folder that is not there")
    take.add_argument("--game", metavar="GAME", default="chess", help="whose games they are (default chess)")
    take.add_argument(
        "--test", metavar="P", type=float, default=0.02, help="share of games to test on (default 0.02)"
    )
    take.add_argument(
        "--shortest", metavar="N", type=int, default=10, help="leave shorter games out (default 10 plies)"
    )
    records_wanted.add_arguments(take)
    take.add_argument(
        "--processes", metavar="N", type=int, default=0, help="that replay games (default 0: one a core)"
    )
    take.add_argument("--json", action="store_true", help="print one JSON object as the last line")

    stats = actions.add_parser(
        "stats",
        help="count what a data set or files of games hold",
        description="Counts games, plies, results and values of a data set, whose checksums are verified, or "
        "of files of games as they say of themselves.",
    )
    stats.add_argument("paths", metavar="PATH", nargs="+", help="a data set's folder, or files of games")
    stats.add_argument("--json", action="store_true", help="print one JSON object as the last line")

    make = actions.add_parser(
        "generate",
        help="let an agent play itself from varied openings, into a PGN with values",
        description="An agent, such as Stockfish at few nodes, plays itself; games go to a PGN file as they "
        "end, with what the player thought of each position ([%%eval]). The same command goes on where it "
        "was stopped. Each game begins with a part of a well-known opening and a few random moves; starts "
        "that the agent thinks lost for one side are drawn again, and games end once both have thought so "
        "for a while.",
    )
    make.add_argument("--out", metavar="FILE", required=True, help="a .pgn file")
    make.add_argument("--games", metavar="N", type=int, default=1000, help="in all (default 1000)")
    make.add_argument(
        "--agent",
        metavar="AGENT",
        default="uci:stockfish?nodes=1000",
        help="who plays (default uci:stockfish?nodes=1000)",
    )
    make.add_argument("--game", metavar="GAME", default="chess", help="chess, or one of its starts")
    make.add_argument("--openings", metavar="FILE", help="openings (default: some 150 well-known ones)")
    make.add_argument(
        "--random-plies", metavar="N", type=int, default=6, help="after the opening, at most (default 6)"
    )
    make.add_argument(
        "--side-by-side", metavar="N", type=int, default=0, help="games at once (0: one a core)"
    )
    make.add_argument("--seed", metavar="S", type=int, default=0, help="of the openings (default 0)")


def run(args: argparse.Namespace) -> int:
    """Do what the action says."""
    return {"import": _import, "stats": _stats, "generate": _generate}[args.action](args)


def _import(args: argparse.Namespace) -> int:
    from tengen.console import Progress, emit_json, table
    from tengen.envs.registry import make_game
    from tengen.league.record_import import import_file
    from tengen.machine import usable_cores
    from tengen.selfplay.records import DatasetWriter

    if not 0 <= args.test < 1:
        raise TengenError(f"--test {args.test:g} is out of range; it must be from 0 to less than 1")
    if not 0 <= args.processes <= 256:
        raise TengenError(f"--processes {args.processes} is out of range; it must be from 0 to 256")
    filters = records_wanted.filters_of(args)
    for file in args.files:
        if not Path(file).is_file():
            raise TengenError(f"{file} is no file; expected SGF, PDN or PGN games")
    processes = args.processes or usable_cores()
    writer = DatasetWriter(Path(args.out), make_game(args.game), test=args.test)
    try:
        with Progress("importing", unit="games") as progress:
            for file in args.files:
                for source in import_file(writer, Path(file), filters, processes=processes):
                    progress.advance(note=source.name)
        manifest = writer.close()
    except BaseException:
        writer.discard()
        raise
    rows = [[s.name, s.games, s.kept, s.doubles, s.left_out, _reasons(s.reasons)] for s in writer.sources]
    table(["file", "games", "kept", "doubles", "left out", "why"], rows)
    for source in writer.sources:
        for example in source.examples[:3]:
            print(f"{source.name}: {example}")
    _show_parts(args.out, manifest)
    if args.json:
        emit_json(manifest)
    return 0


def _reasons(reasons: dict[str, int]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in reasons.items())


def _show_parts(name: str, manifest: dict[str, Any]) -> None:
    from tengen.console import table

    print(f"{name}: {manifest['game']}")
    rows = []
    for split, part in manifest["parts"].items():
        games = max(1, part["games"])
        rows.append(
            [
                split,
                part["games"],
                part["plies"],
                f"{part['plies'] / games:.1f}",
                *(f"{100 * part[key] / games:.1f} %" for key in ("first_wins", "draws", "second_wins")),
                f"{100 * part['valued'] / max(1, part['plies']):.1f} %",
            ]
        )
    table(["part", "games", "plies", "mean", "first wins", "draws", "second wins", "valued"], rows)


def _stats(args: argparse.Namespace) -> int:
    from tengen.console import emit_json, table

    found: list[dict[str, Any]] = []
    files = []
    for name in args.paths:
        path = Path(name)
        if path.is_dir():
            from tengen.selfplay.records import Dataset

            dataset = Dataset(path)
            dataset.verify()
            _show_parts(name, dataset.manifest)
            keys = ("game", "parts", "checksum")
            found.append({"path": name} | {key: dataset.manifest[key] for key in keys})
        elif path.is_file():
            counts = _file_stats(path)
            games = max(1, counts["games"])
            files.append([name, *counts.values(), f"{counts['turns'] / games:.1f}"])
            found.append({"path": name} | counts)
        else:
            raise TengenError(f"{name} does not exist; expected a data set or a file of games")
    if files:
        columns = [
            "file",
            "games",
            "faulty",
            "first wins",
            "draws",
            "second wins",
            "unknown",
            "turns",
            "with values",
        ]
        table([*columns, "mean"], files)
    if args.json:
        emit_json({"stats": found})
    return 0


def _file_stats(path: Path) -> dict[str, int]:
    """Counts of a file by what its games say of themselves; nothing is replayed."""
    from tengen.league.record_import import pieces
    from tengen.selfplay.records import Source

    names = ("games", "faulty", "first_wins", "draws", "second_wins", "unknown", "turns", "valued")
    counts = dict.fromkeys(names, 0)
    outcomes = {"1-0": "first_wins", "0-1": "second_wins", "1/2-1/2": "draws"}
    for piece in pieces(path, "", Source(path.name)):
        fault, turns, outcome, valued = _headline(piece.form, piece.game)
        counts["games"] += 1
        counts["faulty"] += fault
        counts["turns"] += turns
        counts["valued"] += valued
        counts[outcomes.get(outcome, "unknown")] += 1
    return counts


def _headline(form: str, game: Any) -> tuple[bool, int, str, bool]:
    """(Is faulty, turns, result as PGN has it, has values) of a game."""
    if not form:
        return True, 0, "*", False
    if form in ("sgf", "tom"):
        from tengen.league.go_import import read_record

        try:
            record = read_record(form, game)
        except TengenError:
            return True, 0, "*", False
        word = record.result.strip().upper()
        outcome = (
            "1/2-1/2" if word in ("0", "DRAW", "JIGO") else {"B+": "1-0", "W+": "0-1"}.get(word[:2], "*")
        )
        return False, len(record.actions), outcome, False
    return game.fault is not None, len(game.turns), game.result, bool(game.notes)


def _generate(args: argparse.Namespace) -> int:
    from tengen.cli.records_generate import generate_pgn
    from tengen.selfplay.generate import GenerateOptions

    for name, low, high in (("games", 1, 10**8), ("random_plies", 0, 100), ("side_by_side", 0, 1024)):
        value = getattr(args, name)
        if not low <= value <= high:
            option = name.replace("_", "-")
            raise TengenError(f"--{option} {value} is out of range; it must be from {low} to {high:,}")
    if args.seed < 0:
        raise TengenError(f"--seed {args.seed} is out of range; it must be 0 or more")
    options = GenerateOptions(random_plies=args.random_plies)
    return generate_pgn(args, options)
