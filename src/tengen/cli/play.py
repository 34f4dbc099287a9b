"""`tengen play`: a game in the terminal, or by a script through a pipe."""

import argparse
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tengen.errors import TengenError

if TYPE_CHECKING:
    from tengen.envs.game import Game


def add_parser(subparsers: Any) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "play",
        help="play against an agent in the terminal",
        description="Play a game on a board in the terminal; ? shows the keys. With --plain, or where the "
        "output is no terminal, moves are lines of text, so that a script may send them through a pipe.",
    )
    parser.add_argument("game", metavar="GAME", help="name of a game (see 'tengen games')")
    parser.add_argument(
        "--opponent",
        metavar="AGENT",
        help="an agent (see 'tengen agents'), a level, or human for two at one keyboard; default: the "
        "network that ships for this game, or else tree search with random games",
    )
    parser.add_argument(
        "--level",
        metavar="NAME",
        help="how strong the opponent is: beginner, novice, casual, club, strong, expert or strongest",
    )
    parser.add_argument(
        "--black", metavar="AGENT", help="who plays the side that begins: an agent, level or human"
    )
    parser.add_argument("--white", metavar="AGENT", help="who plays the other side")
    parser.add_argument(
        "--color", metavar="COLOR", help="your side, such as black or white (default: who begins)"
    )
    parser.add_argument("--first", action="store_true", help="play the side that begins")
    parser.add_argument("--clock", metavar="TIME", help="for each side: 10m, 10m+5s or 10m+3x30s (byo-yomi)")
    parser.add_argument(
        "--load", metavar="FILE", help="go on with a saved game: SGF, PDN, PGN or a line of moves"
    )
    parser.add_argument("--save", metavar="FILE", help="write the game there at the end, however it ends")
    parser.add_argument("--new", action="store_true", help="do not ask about a game that was left unfinished")
    parser.add_argument("--plain", action="store_true", help="lines of text instead of a drawn board")
    parser.add_argument("--light", action="store_true", help="a light screen instead of a dark one")
    parser.add_argument("--seed", metavar="S", type=int, default=0, help="seed of the opponent (default 0)")


@dataclass(frozen=True)
class Player:
    """Who plays a side."""

    spec: str = "human"
    label: str = ""
    rating: str = ""


def run(args: argparse.Namespace) -> int:
    """Play until the game or the input ends."""
    from tengen.envs.registry import make_game
    from tengen.files import check_writable

    if args.seed < 0:
        raise TengenError(f"--seed {args.seed} is out of range; it must be 0 or more")
    for option in ("load", "save"):
        if getattr(args, option) == "":
            raise TengenError(f"--{option} is empty; it names a file, as in --{option} game.sgf")
    if args.save:
        check_writable(args.save)
    game = make_game(args.game)
    players = choose_players(args, game)
    if args.plain or not _has_screen() or game.family not in ("go", "checkers", "chess", "connect4"):
        return _run_plain(args, game, players)
    from tengen.cli.play_board import run_board

    return run_board(args, game, players)


def _has_screen() -> bool:
    """Whether a board can be drawn: Textual reads from standard input and writes to standard error."""
    from tengen.console import is_terminal

    return sys.stdin.isatty() and is_terminal(sys.stdout) and is_terminal(sys.stderr)


def choose_players(args: argparse.Namespace, game: "Game") -> tuple[Player, Player]:
    """Who plays either side, after the options. Raises TengenError where they contradict each other."""
    if args.level and args.opponent:
        raise TengenError("--level and --opponent contradict each other: a level names the opponent")
    if args.black or args.white:
        for option in ("opponent", "level", "color"):
            if getattr(args, option):
                raise TengenError(
                    f"--{option} and --{'black' if args.black else 'white'} contradict each other"
                )
        return _player(args.black or "human", game), _player(args.white or "human", game)
    human = _side(game, args.color, args.first)
    from tengen.ui.model.levels import default_opponent

    other = _player(args.level or args.opponent or default_opponent(game), game, level_only=bool(args.level))
    return (Player(), other) if human == 0 else (other, Player())


def _player(text: str, game: "Game", level_only: bool = False) -> Player:
    """A level, an agent string or a person."""
    from tengen.ui.model.levels import NAMES, level_spec, rating

    if level_only or text.lower() in NAMES:
        return Player(level_spec(game, text), text.lower(), rating(game, text.lower()))
    if text != "human":
        from tengen.agents.registry import parse_agent

        parse_agent(text)
    return Player(text)


def _side(game: "Game", color: str | None, first: bool) -> int:
    """The player, 0 or 1, that the human is."""
    names = (game.first_player.lower(), game.second_player.lower())
    if color is None:
        return 0
    if color.lower() not in names:
        raise TengenError(f"--color {color} is not a side of {game.name}; it has {names[0]} and {names[1]}")
    if first and color.lower() != names[0]:
        raise TengenError(f"--first and --color {color} contradict each other: {names[0]} begins")
    return names.index(color.lower())


def _run_plain(args: argparse.Namespace, game: "Game", players: tuple[Player, Player]) -> int:
    from tengen.agents.registry import make_agent
    from tengen.cli.play_session import Session
    from tengen.envs.position import Position
    from tengen.league.notation import load_game
    from tengen.ui.model.levels import default_opponent
    from tengen.ui.model.records import game_of_record

    if args.clock:
        raise TengenError("--clock is for the drawn board; leave out --plain, or the clock")
    if args.load:
        game = game_of_record(game, args.load)
    position = load_game(args.load, game) if args.load else Position(game)
    agents = [None if p.spec == "human" else make_agent(p.spec, game, seed=args.seed) for p in players]
    session = Session(
        position,
        agents=(agents[0], agents[1]),
        names=(players[0].spec, players[1].spec),
        hinter=lambda: make_agent(default_opponent(game), game, seed=args.seed),
    )
    try:
        session.play()
    finally:
        for agent in agents:
            if agent is not None:
                agent.close()
        if args.save:
            session.save(args.save)
    return 0
