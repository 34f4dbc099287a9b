"""`tengen match`: two agents, many games, a score with its interval."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tengen.errors import TengenError

if TYPE_CHECKING:
    from tengen.envs.game import Game
    from tengen.league.match import GameRecord, MatchResult


def add_parser(subparsers: Any) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "match",
        help="let two agents play each other",
        description="Let two agents play N games, colours alternating: games come in pairs from one opening, "
        "colours swapped. Prints wins, draws and losses of the first agent and a 95 % interval of its score.",
    )
    parser.add_argument("first", metavar="AGENT", help="an agent (see 'tengen agents')")
    parser.add_argument("second", metavar="AGENT", help="its opponent")
    parser.add_argument("--game", metavar="GAME", required=True, help="name of a game (see 'tengen games')")
    parser.add_argument("--games", metavar="N", type=int, default=100, help="games to play (default 100)")
    parser.add_argument(
        "--openings", metavar="FILE", help="openings to start from, one a line, turns apart by spaces"
    )
    parser.add_argument(
        "--random-plies",
        metavar="K",
        type=int,
        help="random plies before each pair of games (default: enough for 1,000 openings; with --openings 0)",
    )
    parser.add_argument(
        "--seed", metavar="S", type=int, default=0, help="seed of openings and agents (default 0)"
    )
    parser.add_argument(
        "--parallel", metavar="P", type=int, default=64, help="games side by side (default 64)"
    )
    parser.add_argument(
        "--save", metavar="DIR", help="write every finished game there: SGF, PDN, PGN or text"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")


def run(args: argparse.Namespace) -> int:
    """Play the match; 130 when it was interrupted, with the result so far."""
    for name, low, high in (("games", 1, 10**7), ("parallel", 1, 10**5), ("random_plies", 0, 1000)):
        value = getattr(args, name)
        if value is not None and not low <= value <= high:
            option = name.replace("_", "-")
            raise TengenError(f"--{option} {value} is out of range; it must be from {low} to {high:,}")
    if args.seed < 0:
        raise TengenError(f"--seed {args.seed} is out of range; it must be 0 or more")

    import time

    from tengen.agents.registry import make_agent
    from tengen.console import Progress, emit_json
    from tengen.envs.registry import make_game
    from tengen.interrupt import GracefulInterrupt
    from tengen.league.match import GameRecord, MatchResult, play_match
    from tengen.league.notation import read_openings

    game = make_game(args.game)
    openings = read_openings(args.openings, game) if args.openings else None
    save = _Saver(game, args.save, args.first, args.second) if args.save else None
    first = make_agent(args.first, game, seed=2 * args.seed)
    second = make_agent(args.second, game, seed=2 * args.seed + 1)
    points, moves = 0.0, 0
    records: list[GameRecord] = []

    with GracefulInterrupt("stopping, press Ctrl-C again to abort\n") as interrupt:
        with Progress(f"{args.first} - {args.second}", total=args.games, unit="games") as progress:

            def on_game(record: GameRecord) -> None:
                nonlocal points
                points += (1 + record.outcome) / 2
                records.append(record)
                if save is not None:
                    save(record)
                progress.advance(note=f"score {points / (progress.done + 1):.1%}")

            def stop() -> bool:
                # Asked before every move; games side by side end late, and a still bar looks like a dead one.
                nonlocal moves
                moves += 1
                score = f", score {points / progress.done:.1%}" if progress.done else ""
                progress.advance(0, note=f"move {moves} at each board{score}")
                return interrupt.stop_requested

            began = time.perf_counter()
            fault: TengenError | None = None
            try:
                result = play_match(
                    game,
                    first,
                    second,
                    args.games,
                    seed=args.seed,
                    openings=openings,
                    random_plies=args.random_plies,
                    parallel=args.parallel,
                    on_game=on_game,
                    stop=stop,
                )
            except (KeyboardInterrupt, TengenError) as error:  # a second Ctrl-C; a program that failed
                seconds = time.perf_counter() - began
                result = MatchResult(first.name, second.name, game.name, tuple(records), seconds)
                fault = error if isinstance(error, TengenError) else None
            finally:
                first.close()
                second.close()
        if fault is not None and not records:
            raise fault
        _report(game, result, args)
        if args.json:
            emit_json(result.to_json() | {"first": args.first, "second": args.second})
        if fault is not None:
            raise fault
        return 130 if interrupt.stop_requested and result.games < args.games else 0


class _Saver:
    """Writes each finished game to a folder."""

    def __init__(self, game: "Game", folder: str, first: str, second: str) -> None:
        from tengen.files import disk_faults

        self.game, self.folder, self.names = game, Path(folder), (first, second)
        with disk_faults(folder, "make the folder for games"):
            self.folder.mkdir(parents=True, exist_ok=True)

    def __call__(self, record: "GameRecord") -> None:
        from tengen.envs.position import Position
        from tengen.files import atomic_write_text
        from tengen.league.notation import game_suffix, game_text, unused_name

        players = self.names if record.first_agent_plays == 0 else self.names[::-1]
        position = Position(self.game)
        for action in record.actions:
            position.apply(action)
        text = game_text(self.game, position, players, record.result)
        atomic_write_text(unused_name(self.folder, record.number + 1, game_suffix(self.game)), text)


def _report(game: "Game", result: "MatchResult", args: argparse.Namespace) -> None:
    from tengen.console import duration, table

    if not result.games:
        print("no game was finished")
        return
    rows: list[list[Any]] = []
    sides = [f"as {game.first_player}", f"as {game.second_player}", "all"]
    for index, side in enumerate(sides):
        outcomes = [r.outcome for r in result.records if index == 2 or r.first_agent_plays == index]
        won, drawn, lost = (outcomes.count(outcome) for outcome in (1, 0, -1))
        share = f"{(won + drawn / 2) / len(outcomes):.1%}" if outcomes else "-"
        rows.append([side, len(outcomes), won, drawn, lost, share])
    print(
        f"{args.first} against {args.second}, {game.name}, {result.games} games in {duration(result.seconds)}"
    )
    table([args.first, "games", "won", "drawn", "lost", "score"], rows)
    low, high = result.interval
    print(f"score {result.score:.1%}, 95 % interval {low:.1%} to {high:.1%}")
    if result.distinct_games < result.games:
        print(
            f"only {result.distinct_games} of the {result.games} games differ, which makes the interval too "
            "narrow; more openings or --random-plies help"
        )
    else:
        print("no two games are alike")
