"""Games of an agent against itself as a PGN that grows, and goes on after a stop."""

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

from tengen.errors import MachineError, TengenError

if TYPE_CHECKING:
    from tengen.envs.chess.game import Chess
    from tengen.selfplay.generate import Generated, GenerateOptions

ROUND = re.compile(rb'\[Round "([0-9]{1,9})"\]')
EVENT = b'[Event "self-play"]'
ENDS = re.compile(rb"(?:1-0|0-1|1/2-1/2)\n\n")
RESULTS = {1: "1-0", 0: "1/2-1/2", -1: "0-1"}


def generate_pgn(args: argparse.Namespace, options: "GenerateOptions") -> int:
    """Play the games of a file that are missing."""
    from tengen.agents.registry import make_agent
    from tengen.console import Progress
    from tengen.envs.chess.game import Chess
    from tengen.envs.registry import make_game
    from tengen.interrupt import GracefulInterrupt
    from tengen.league.chess_openings import deck_openings
    from tengen.league.notation import read_openings
    from tengen.machine import usable_cores
    from tengen.selfplay.generate import generate

    game = make_game(args.game)
    if not isinstance(game, Chess):
        raise TengenError(f"--game {args.game}: games are generated as PGN, so for chess only")
    path = Path(args.out)
    if path.suffix != ".pgn":
        raise TengenError(f"--out {args.out}: must be a .pgn file")
    slots = args.side_by_side or usable_cores()
    if args.openings:
        openings = read_openings(args.openings, game)
    else:
        openings = deck_openings(game) if game.chess960 is None else []
    done = finished_rounds(path)
    numbers = (number for number in range(args.games) if number not in done)
    agent = make_agent(_with_processes(args.agent, slots), game, seed=args.seed)
    try:
        with (
            open(path, "ab") as file,
            Progress("generating", total=args.games, unit="games", done=len(done)) as progress,
            GracefulInterrupt("stopping, press Ctrl-C again to abort\n") as interrupt,
        ):
            games = generate(
                game,
                agent,
                numbers,
                openings,
                options,
                slots=slots,
                seed=args.seed,
                stop=lambda: interrupt.stop_requested,
            )
            for one in games:
                file.write(_text(game, one, args.agent).encode())
                file.flush()
                progress.advance()
    except OSError as error:
        raise MachineError(f"{path}: {error.strerror}") from None
    finally:
        agent.close()
    return 130 if interrupt.stop_requested else 0


def finished_rounds(path: Path) -> set[int]:
    """The games that a file has already; one that was broken off at its end is cut away.

    Raises TengenError for a file that is something else.
    """
    if not path.exists():
        return set()
    found, whole, tail = set(), 0, b""
    with open(path, "r+b") as file:
        while chunk := file.read(1 << 20):
            begin = file.tell() - len(chunk) - len(tail)
            tail += chunk
            ends = [match.end() for match in ENDS.finditer(tail)]
            if ends:
                found |= {int(number) - 1 for number in ROUND.findall(tail[: ends[-1]])}
                whole, tail = begin + ends[-1], tail[ends[-1] :]
        rest = tail.lstrip()[: len(EVENT)]
        if rest != EVENT[: len(rest)]:
            raise TengenError(f"{path}: is there already, and not made by this command; name another file")
        file.truncate(whole)
    return found


def _with_processes(agent: str, slots: int) -> str:
    """The agent string with a process for each game, so that no program changes games in their midst."""
    if agent.partition(":")[0] not in ("uci", "gtp", "hub") or "processes=" in agent:
        return agent
    return f"{agent}{'&' if '?' in agent else '?'}processes={slots}"


def _text(game: "Chess", one: "Generated", agent: str) -> str:
    from tengen.agents.engines.uci_wire import centipawns_of_value
    from tengen.envs.chess.pgn import game_text

    tags = {"Event": "self-play", "Round": str(one.number + 1), "White": agent, "Black": agent}
    tags["Termination"] = {"rules": "normal"}.get(one.reason, "adjudication")
    evals = {}
    for ply, value in one.values.items():
        white = value if ply % 2 == 0 else -value
        evals[ply + 1] = float(max(-15_000, min(15_000, centipawns_of_value(white))))
    return game_text(game, one.actions, tags, RESULTS[one.outcome], evals=evals)
