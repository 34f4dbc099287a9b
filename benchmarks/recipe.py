"""What a self-play run reached: matches of its network against an opponent, and its curve of Elo.

The newest network meets the opponent with search and, if asked, without. Snapshots that the run kept meet the
opponent and one another in a round robin; their ratings are fitted together, as those of one player who
learns, on the scale on which the opponent has the Elo given. Games are kept in a store as they end, so that
the same command goes on where it was stopped.
"""

import argparse
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tengen.benchmarks.match_tables import Cell, cell_of, markdown, match_table
from tengen.benchmarks.matches import play
from tengen.benchmarks.measuring import span, whole
from tengen.errors import TengenError

if TYPE_CHECKING:
    from tengen.league.store import Store
    from tengen.league.timeline import Timeline

TIMED = 12  # positions on which the player's time is measured
SEED = 1
OPENINGS = ("auto", "none", "random", "starts", "ballots")


class Snapshot(NamedTuple):
    """A network that a run kept, and what it had cost by then."""

    folder: Path
    seconds: float  # of training
    games: float  # of self-play
    evaluations: float  # of the network


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the benchmark."""
    parser.add_argument("--run", required=True, metavar="FOLDER", help="a run of self-play")
    parser.add_argument("--opponent", required=True, metavar="AGENT", help="such as gtp:gnugo?level=10")
    parser.add_argument("--elo", type=float, default=0.0, help="the opponent's (default: %(default)g)")
    parser.add_argument("--options", default="sims=800", help="of the network's search (%(default)s)")
    parser.add_argument("--games", type=whole(2), default=200, help="of the newest network (%(default)s)")
    parser.add_argument("--raw-games", type=whole(0), default=0, help="of its policy, without search")
    parser.add_argument("--at", metavar="MINUTES", help="measure the networks of these minutes, as in 30,60")
    parser.add_argument("--snapshots", type=whole(0, 1000), default=8, help="of the curve (%(default)s)")
    parser.add_argument("--curve-options", default="sims=64", help="of its searches (%(default)s)")
    parser.add_argument("--curve-games", type=whole(2), default=20, help="a pair of it (%(default)s)")
    parser.add_argument(
        "--openings", default="auto", choices=OPENINGS, help="as in tournaments (%(default)s)"
    )
    parser.add_argument("--plies", type=whole(0, 100), default=0, help="of openings; 0 is the game's own")
    parser.add_argument("--referee", default="", metavar="AGENT", help="of dead stones in Go")
    parser.add_argument("--max-seconds", type=span(3600), default=1.0, help="allowed a move (%(default)g)")
    parser.add_argument("--processes", type=whole(0, 1024), default=0, help="of matches; 0: one a core")
    parser.add_argument("--store", metavar="FILE", help="the games (default: FOLDER/measured.sqlite)")
    parser.add_argument("--out", metavar="FILE", help="write the tables there, as Markdown")
    parser.add_argument("--plot", metavar="FILE", help="draw the curve there (.svg or .png)")


def run(args: argparse.Namespace) -> dict[str, float]:
    """Figures: score of each match, processor seconds a move, the last snapshot's elo and error, games that
    the store has, and how many an engine's fault ended.
    """
    from tengen.files import atomic_write_bytes
    from tengen.interrupt import GracefulInterrupt
    from tengen.league.store import Store

    for name in (name for name in (args.out, args.plot) if name and not Path(name).parent.is_dir()):
        raise TengenError(f"{name}: there is no folder {Path(name).parent}")
    if args.plot:
        check_plot(args.plot)
    measured = Measured(args)
    seconds = measured.seconds_a_move()
    if seconds > args.max_seconds:
        raise TengenError(
            f"--options {args.options}: takes {seconds:.2f} s a move here, more than --max-seconds "
            f"{args.max_seconds:g}; fewer simulations would fit"
        )
    with (
        Store.open(Path(args.store or Path(args.run) / "measured.sqlite")) as store,
        GracefulInterrupt("stopping; the same command goes on, Ctrl-C again aborts\n") as interrupt,
    ):
        cells = measured.cells(store, lambda: interrupt.stop_requested)
        curve = measured.curve(store, lambda: interrupt.stop_requested)
        games = float(len(store))
    parts = [
        match_table(cells, "player"),
        f"One move of `{args.options}` takes {seconds:.2f} s at most here.",
    ]
    figures = {f"{cell.first} - {cell.second}": cell.score for cell in cells}
    figures |= {"seconds_a_move": seconds, "games": games, "faults": float(measured.faults)}
    if measured.faults:
        parts.append(f"{measured.faults} games that an engine's fault ended are not counted.")
    if curve is not None:
        parts.append(curve_table(curve, measured.named(), args.opponent))
        last = [moment for moment in curve.moments if moment.time is not None][-1]
        figures |= {"elo": last.elo, "elo_error": last.error}
    text = "\n\n".join(parts)
    print(text)
    if args.out:
        atomic_write_bytes(Path(args.out), (text + "\n").encode())
    if curve is not None and args.plot:
        draw(curve, measured.named(), args.opponent, Path(args.plot))
    return figures


class Measured:
    """The matches of one run."""

    def __init__(self, args: argparse.Namespace) -> None:
        """Raises TengenError where the run has no networks, or options are wrong."""
        from tengen.agents.registry import make_agent
        from tengen.config import load_config
        from tengen.envs.registry import make_game
        from tengen.selfplay.config import TrainConfig

        self.args = args
        self.faults = 0  # games that an engine's fault ended
        if not math.isfinite(args.elo):
            raise TengenError(f"--elo {args.elo}: a rating is a number, such as 1800")
        self.game = make_game(load_config(Path(args.run) / "config.yaml", TrainConfig).game)
        self.all = snapshots(Path(args.run))
        if not self.all:
            raise TengenError(f"{args.run}: keeps no checkpoint")
        chosen = [*self.all][-1:] if args.at is None else [self._at(word) for word in args.at.split(",")]
        self.chosen = [self.all[step] for step in dict.fromkeys(chosen)]
        for options in (args.options, args.curve_options):
            make_agent(f"mcts:{self.chosen[-1].folder}?{options}", self.game).close()

    def _at(self, word: str) -> int:
        """The step whose network is nearest to so many minutes of training."""
        try:
            minutes = float(word)
            if not math.isfinite(minutes):
                raise ValueError
        except ValueError:
            raise TengenError(f"--at {self.args.at}: expected minutes apart by commas, as in 30,60") from None
        return min(self.all, key=lambda step: abs(self.all[step].seconds - 60 * minutes))

    def seconds_a_move(self) -> float:
        """The longest that a move takes one process that searches one position at a time, on one core."""
        import time

        import numpy as np

        from tengen.agents.registry import make_agent
        from tengen.benchmarks.measuring import spread_out
        from tengen.networks.threads import threads as intra_op_threads

        states = spread_out(self.game, TIMED)
        agent = make_agent(f"mcts:{self.chosen[-1].folder}?{self.args.options}", self.game, seed=SEED)
        agent.start(self.game, 1)
        took = []
        with intra_op_threads(1):
            for i in range(TIMED):
                began = time.thread_time()  # whatever else the machine does
                agent.choose(states[i : i + 1], np.zeros(1, np.int32))
                took.append(time.thread_time() - began)
        agent.close()
        return max(took[1:])  # the first one warms up

    def cells(self, store: "Store", stop: Callable[[], bool]) -> list[Cell]:
        """The matches against the opponent, with search and without."""
        args, found = self.args, []
        for snapshot in self.chosen:
            players = [(f"mcts:{snapshot.folder}?{args.options}", args.games)]
            if args.raw_games:
                players.append((f"policy:{snapshot.folder}", args.raw_games))
            for player, games in players:
                played = self._played([player, args.opponent], games, store, stop)
                cell = cell_of(player, args.opponent, played.matches[0])
                found.append(replace(cell, first=self._short(player, snapshot)))
        return found

    def _short(self, player: str, snapshot: Snapshot) -> str:
        where = f"{snapshot.seconds / 60:.0f} min, {snapshot.folder.name}"
        return player.replace(str(snapshot.folder), where)

    def named(self) -> dict[str, Snapshot]:
        """The snapshots of the curve, spread evenly over the run, by what tables call them."""
        steps, wanted = list(self.all), self.args.snapshots
        if wanted < 2 or len(steps) < 2:
            return {}
        count = min(wanted, len(steps))
        places = sorted({round(i * (len(steps) - 1) / (count - 1)) for i in range(count)})
        return {f"update {steps[place]}": self.all[steps[place]] for place in places}

    def curve(self, store: "Store", stop: Callable[[], bool]) -> "Timeline | None":
        """Ratings of the snapshots and the opponent, from a round robin of them all."""
        from tengen.league.timeline import timeline

        args, named = self.args, self.named()
        if not named:
            return None
        sections: list[Any] = [
            {"name": name, "agent": f"mcts:{snapshot.folder}?{args.curve_options}"}
            for name, snapshot in named.items()
        ]
        sections.append({"name": args.opponent, "agent": args.opponent, "rating": args.elo})
        results = self._played(sections, args.curve_games, store, stop).tally.results()
        times = {name: snapshot.seconds for name, snapshot in named.items()}
        return timeline(results, times, anchors={args.opponent: args.elo})

    def _played(self, players: list[Any], games: int, store: "Store", stop: Callable[[], bool]) -> Any:
        args = self.args
        settings = {
            "game": self.game.name,
            "players": players,
            "games": games,
            "seed": SEED,
            "openings": {"kind": args.openings, "plies": args.plies},
            "adjudication": {"referee": args.referee},
            "faults": "void",
            "where": "processes",
            "concurrency": args.processes,
        }
        played = play(settings, store, stop)
        self.faults += played.tally.faults.total()
        return played


def snapshots(run: Path) -> dict[int, Snapshot]:
    """Step -> network, of those that a run keeps for good, in order, and of the newest."""
    from tengen.metrics import read_metrics
    from tengen.rundir import KEEP_MARK, checkpoints

    folders = checkpoints(run)
    kept = {n: folder for n, folder in folders.items() if (folder / KEEP_MARK).exists() or n == max(folders)}
    found, evaluations = {}, 0.0
    for row in read_metrics(run):
        evaluations += row.get("evaluations") or 0.0
        if (step := int(row["step"])) in kept:
            found[step] = Snapshot(kept[step], row["seconds"], row["games"], evaluations)
    return found


def curve_table(curve: "Timeline", named: dict[str, Snapshot], opponent: str) -> str:
    """The snapshots in order, then the opponent."""
    rows = []
    for moment in curve.moments:
        if (at := named.get(moment.name)) is None:
            rows.append(["", "", "", f"{moment.elo:.0f}, {opponent}"])
            continue
        cost = f"{at.seconds / 60:.0f}", f"{at.games:,.0f}", f"{at.evaluations / 1e6:,.1f}"
        rows.append([*cost, f"{moment.elo:.0f} ± {moment.error:.0f}"])
    return markdown(["minutes", "games", "network evaluations, millions", "Elo"], rows)


def check_plot(name: str) -> None:
    """Raises TengenError where nothing can be drawn into such a file."""
    import importlib.util

    if importlib.util.find_spec("matplotlib") is None:
        raise TengenError("--plot needs matplotlib; pip install 'tengen[plots]' brings it")
    if Path(name).suffix.lower() not in (".svg", ".png"):
        raise TengenError(f"--plot {name}: a drawing's name ends in .svg or .png")


def draw(curve: "Timeline", named: dict[str, Snapshot], opponent: str, file: Path) -> None:
    """Elo over minutes, games and evaluations, side by side."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    mine = [moment for moment in curve.moments if moment.name in named]
    level = next(moment.elo for moment in curve.moments if moment.name == opponent)
    figure = Figure(figsize=(10, 3.2), layout="constrained")
    FigureCanvasAgg(figure)
    scales: dict[str, Callable[[Snapshot], float]] = {
        "minutes": lambda at: at.seconds / 60,
        "games": lambda at: at.games,
    }
    if all(at.evaluations for at in named.values()):  # logs of older runs do not tell
        scales["network evaluations, millions"] = lambda at: at.evaluations / 1e6
    panels = figure.subplots(1, len(scales), sharey=True)
    for panel, (label, measure) in zip(panels, scales.items(), strict=True):
        x = [measure(named[moment.name]) for moment in mine]
        panel.errorbar(x, [m.elo for m in mine], [m.error for m in mine], marker="o", markersize=3, capsize=2)
        panel.axhline(level, color="tab:orange", linewidth=1)
        panel.annotate(opponent, (0.02, level), xycoords=("axes fraction", "data"), va="bottom", fontsize=8)
        panel.set_xlabel(label)
        panel.grid(alpha=0.3)
    panels[0].set_ylabel("Elo")
    figure.savefig(file)
