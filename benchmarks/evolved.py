"""What a checkers champion that evolution bred is worth: tables against other evaluations and its ancestors.

Every game begins at a three-move ballot and is played twice, colours swapped. Games are kept in a store as
they end, so that the same command goes on where it was stopped; threads play them, by compiled searches.
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tengen.benchmarks.match_tables import Cell, cell_of, match_table, rating_table
from tengen.benchmarks.matches import play
from tengen.benchmarks.measuring import span, whole
from tengen.errors import TengenError

if TYPE_CHECKING:
    from tengen.league.ratings import RatingList
    from tengen.league.store import Store
    from tengen.league.tournament import Tournament

MATERIAL, HAND = "eval=material", "eval=hand"
FIELD = {  # what the champion is rated against, in a round robin
    "random": "random",
    "material, 4 ply": f"minimax?depth=4&{MATERIAL}",
    "material, 6 ply": f"minimax?depth=6&{MATERIAL}",
    "hand-written, 4 ply": f"minimax?depth=4&{HAND}",
    "hand-written, 6 ply": f"minimax?depth=6&{HAND}",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the benchmark."""
    parser.add_argument("--run", required=True, metavar="FOLDER", help="a run of evolution, or a champion's")
    parser.add_argument("--older", metavar="FOLDER", help="another champion to meet, such as that of 1999")
    parser.add_argument("--depths", default="4,6,8", help="turns ahead, of both sides (%(default)s)")
    parser.add_argument("--time", type=span(60), default=0.01, help="seconds a move (%(default)s)")
    parser.add_argument("--sims", type=whole(1), default=200, help="of rollout search (%(default)s)")
    parser.add_argument("--games", type=whole(2), help="a cell (default: every ballot twice)")
    parser.add_argument(
        "--field-games", type=whole(2), default=60, help="a pair of a round robin (%(default)s)"
    )
    parser.add_argument("--store", metavar="FILE", help="the games (default: FOLDER/measured.sqlite)")
    parser.add_argument("--out", metavar="FILE", help="write the tables there, as Markdown")


def run(args: argparse.Namespace) -> dict[str, float]:
    """Figures: the champion's score in each cell, games in all."""
    from tengen.files import atomic_write_bytes
    from tengen.interrupt import GracefulInterrupt
    from tengen.league.store import Store
    from tengen.networks.evolved import read_evolved

    if args.out and not Path(args.out).parent.is_dir():
        raise TengenError(f"--out {args.out}: there is no folder {Path(args.out).parent}")
    game = read_evolved(args.run).game
    if game != "checkers":
        raise TengenError(f"{args.run}: was bred for {game}; this measures champions at checkers")
    with (
        Store.open(Path(args.store or Path(args.run) / "measured.sqlite")) as store,
        GracefulInterrupt("stopping; the same command goes on, Ctrl-C again aborts\n") as interrupt,
    ):
        measured = Measured(args, store, lambda: interrupt.stop_requested)
        cells = measured.cells()
        field, curve = measured.field(), measured.curve()
    parts = [match_table(cells, "champion")]
    for title, found in (("The field", field), ("Its generations", curve)):
        if found is not None:
            parts.append(f"{title}:\n\n{rating_table(found)}")
    text = "\n\n".join(parts)
    print(text)
    if args.out:
        atomic_write_bytes(Path(args.out), (text + "\n").encode())
    return {f"{cell.first} - {cell.second}": cell.score for cell in cells} | {
        "games": float(sum(cell.games for cell in cells))
    }


class Measured:
    """The matches of one champion. Raises KeyboardInterrupt once `stop` says True."""

    def __init__(self, args: argparse.Namespace, store: "Store", stop: Callable[[], bool]) -> None:
        from tengen.envs.registry import make_game
        from tengen.league.openings import make_openings
        from tengen.league.tournament_config import OpeningsConfig

        self.args, self.store, self.stop = args, store, stop
        ballots = make_openings(OpeningsConfig(kind="ballots"), make_game("checkers"), 1, 0)
        self.games = args.games or 2 * len(ballots)
        try:
            self.depths = [int(depth) for depth in args.depths.split(",")]
        except ValueError:
            raise TengenError(
                f"--depths {args.depths}: expected whole numbers apart by commas, as in 4,6,8"
            ) from None
        self.snapshots = snapshots(Path(args.run))

    def cells(self) -> list[Cell]:
        """Each match that has a table row of its own."""
        from tengen.networks.paths import find_checkpoint

        run, older, time = self.args.run, self.args.older, self.args.time
        found = []
        for depth in self.depths:
            found.append(self._cell(run, f"depth={depth}", f"minimax?depth={depth}&{MATERIAL}"))
        found.append(self._cell(run, f"time={time:g}", f"minimax?time={time:g}&{MATERIAL}"))
        for depth in self.depths:
            found.append(self._cell(run, f"depth={depth}", f"minimax?depth={depth}&{HAND}"))
        found.append(self._cell(run, f"time={time:g}", f"minimax?time={time:g}&{HAND}"))
        found.append(self._cell(run, "depth=4", f"mcts?sims={self.args.sims}"))
        if older:
            for depth in self.depths[:2]:
                found.append(self._cell(run, f"depth={depth}", f"evolved:{older}?depth={depth}"))
            found.append(self._cell(run, f"time={time:g}", f"evolved:{older}?time={time:g}"))
        newest = find_checkpoint(run)
        for folder in [folder for folder in self.snapshots.values() if folder != newest]:
            found.append(self._cell(run, "depth=4", f"evolved:{folder}?depth=4"))
        return found

    def field(self) -> "RatingList | None":
        """Ratings of a round robin of the champion and the players of FIELD."""
        rollouts = {f"rollout search, {self.args.sims}": f"mcts?sims={self.args.sims}"}
        champion = {
            f"champion, {depth} ply": f"evolved:{self.args.run}?depth={depth}" for depth in self.depths[:2]
        }
        return self._robin(champion | FIELD | rollouts)

    def curve(self) -> "RatingList | None":
        """Ratings of a round robin of the run's generations and the piece count; None without snapshots."""
        if len(self.snapshots) < 2:
            return None
        players = {f"generation {n}": f"evolved:{folder}?depth=4" for n, folder in self.snapshots.items()}
        return self._robin(players | {"material, 4 ply": FIELD["material, 4 ply"]})

    def _cell(self, run: str, limit: str, opponent: str) -> Cell:
        players = [f"evolved:{run}?{limit}", opponent]
        # Against the clock one search runs at a time, so that neither side waits for the other's.
        played = self._played(players, self.games, concurrency=1 if "time" in limit else 0)
        return cell_of(players[0], opponent, played.matches[0])

    def _robin(self, players: dict[str, str]) -> "RatingList | None":
        sections = [{"name": name, "agent": agent} for name, agent in players.items()]
        return self._played(sections, self.args.field_games).tally.ratings()

    def _played(self, players: Sequence[object], games: int, concurrency: int = 0) -> "Tournament":
        settings = {
            "game": "checkers",
            "players": players,
            "games": games,
            "openings": {"kind": "ballots"},
            "concurrency": concurrency,
            "parallel": 8,
        }
        return play(settings, self.store, self.stop)


def snapshots(run: Path) -> dict[int, Path]:
    """Generation -> folder of those that a run keeps for good; none of a champion's folder."""
    from tengen.rundir import KEEP_MARK, checkpoints

    return {n: folder for n, folder in checkpoints(run).items() if (folder / KEEP_MARK).exists()}
