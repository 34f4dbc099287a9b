"""`tengen tournament`: many agents, every game kept, Elo with error bars."""

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tengen.errors import TengenError

if TYPE_CHECKING:
    from tengen.league.tournament import Tournament
    from tengen.league.tournament_config import TournamentConfig


def add_parser(subparsers: Any) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "tournament",
        help="let many agents play each other, and rate them",
        description="Play a tournament as a configuration says, or a round robin of some agents. Every game "
        "is kept in a store as it ends; the same command goes on where it stopped, and several may share the "
        "work. Prints Elo with 95 % errors and LOS, the likelihood to be better than the next.",
    )
    parser.add_argument(
        "config", metavar="CONFIG", nargs="?", help="a YAML file, or the name of one that ships"
    )
    parser.add_argument(
        "overrides", metavar="key=value", nargs="*", help="values to put in place of the file's"
    )
    parser.add_argument("--game", metavar="GAME", help="without a configuration: what to play")
    parser.add_argument("--agents", metavar="A,B,C", help="without a configuration: who plays (two or more)")
    parser.add_argument("--games", metavar="N", type=int, help="games per pair of agents (default 100)")
    parser.add_argument("--store", metavar="FILE", help="the games (default runs/NAME/league.sqlite)")
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")


def run(args: argparse.Namespace) -> int:
    """Play the tournament; 130 when it was interrupted, with the table so far."""
    config, path = _read(args)

    from tengen.interrupt import GracefulInterrupt
    from tengen.league.live import Live
    from tengen.league.store import Store
    from tengen.league.tournament import Tournament

    complete = False
    with Store.open(path) as store:
        tournament = Tournament(config, store)
        with GracefulInterrupt("stopping; games in flight are dropped, Ctrl-C again aborts\n") as interrupt:
            try:
                with Live() as live:
                    complete = tournament.play(lambda: interrupt.stop_requested, live.show)
            except KeyboardInterrupt:  # the second one, while an agent was thinking
                pass
        _report(tournament, path, complete)
        if args.json:
            _emit(tournament, path, complete)
    return 0 if complete else 130


def _read(args: argparse.Namespace) -> tuple["TournamentConfig", Path]:
    """The tournament that the arguments describe, and the file of its games."""
    from tengen.config import find_config, load_config
    from tengen.league.tournament_config import TournamentConfig

    if args.config and "=" in args.config and not Path(args.config).exists():
        args.overrides, args.config = [args.config, *args.overrides], None
    if args.config:
        if args.game or args.agents:
            raise TengenError(
                "--game and --agents are for tournaments without a configuration; leave them out"
            )
        overrides = [*args.overrides, *([f"games={args.games}"] if args.games is not None else [])]
        config = load_config(args.config, {"tournament": TournamentConfig}, overrides)
        name = find_config(args.config).stem
    elif args.game and args.agents:
        config = _of_agents(args)
        name = "tournament-" + re.sub(r"[^A-Za-z0-9]+", "-", config.game)
    else:
        raise TengenError(
            "tournament needs a configuration, as in 'tengen tournament configs/tournament-go9.yaml', "
            "or --game GAME --agents A,B"
        )
    if args.store is not None and not args.store.strip():
        raise TengenError(
            "--store is empty; it names the file of games, as in --store runs/mine/league.sqlite"
        )
    return config, Path(args.store or config.store or f"runs/{name}/league.sqlite")


def _of_agents(args: argparse.Namespace) -> "TournamentConfig":
    import tempfile

    import yaml

    from tengen.config import load_config
    from tengen.league.tournament_config import TournamentConfig

    agents = [agent.strip() for agent in args.agents.split(",") if agent.strip()]
    if len(agents) < 2:
        raise TengenError(
            f"--agents {args.agents}: a tournament needs two agents or more, as in --agents A,B"
        )
    values = {"kind": "tournament", "game": args.game, "players": agents, "games": args.games or 100}
    if args.games is not None and args.games < 1:
        raise TengenError(f"--games {args.games} is out of range; it must be 1 or more")
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump(values, file)
        file.flush()
        return load_config(file.name, TournamentConfig, args.overrides)


def _report(tournament: "Tournament", path: Path, complete: bool) -> None:
    from tengen.console import table
    from tengen.league.live import COLUMNS, rows

    found = tournament.tally.ratings()
    if found is None:
        print("no game was finished")
    else:
        table(COLUMNS, rows(found))
    notes = [f"{tournament.done:,} of {tournament.total:,} games, {tournament.new_games:,} of them now"]
    if tournament.tally.repeats:
        notes.append(f"{tournament.tally.repeats:,} repeat the moves of another and are not counted again")
    if faults := tournament.tally.faults:
        kinds = ", ".join(f"{kind} {count:,}" for kind, count in faults.most_common())
        notes.append(f"{faults.total():,} ended by faults of players ({kinds})")
    if tournament.tally.disagreements:
        notes.append(f"dead stones changed the winner of {tournament.tally.disagreements:,}")
    if tournament.tally.referee_faults:
        notes.append(f"{tournament.tally.referee_faults:,} scored as they stood, since the referee failed")
    if tournament.tally.void:
        notes.append(f"{tournament.tally.void:,} void")
    print("; ".join(notes))
    for match in tournament.matches:
        if match.decided:
            words = {"H0": "is not stronger enough", "H1": "is stronger"}[match.decided]
            print(
                f"decided after {len(match.outcomes):,} games: {match.first.name} {words} ({match.decided})"
            )
    print(f"games: {path}" + ("" if complete else "; the same command goes on"))


def _emit(tournament: "Tournament", path: Path, complete: bool) -> None:
    from tengen.console import emit_json

    found = tournament.tally.ratings()
    emit_json(
        {
            "game": tournament.game.name,
            "format": tournament.config.format,
            "complete": complete,
            "games": tournament.done,
            "total": tournament.total,
            "new_games": tournament.new_games,
            "repeats": tournament.tally.repeats,
            "void": tournament.tally.void,
            "faults": dict(tournament.tally.faults),
            "disagreements": tournament.tally.disagreements,
            "referee_faults": tournament.tally.referee_faults,
            "decided": [
                {
                    "first": m.first.name,
                    "second": m.second.name,
                    "hypothesis": m.decided,
                    "games": len(m.outcomes),
                }
                for m in tournament.matches
                if m.decided
            ],
            "store": str(path),
            **(found.to_json() if found else {"ratings": []}),
        }
    )
