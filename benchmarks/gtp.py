"""Commands a second through the GTP engine, and what the protocol costs beside a move.

`per_second`: play and undo through a whole process, many commands on their way at once; `turns_per_second`:
one command at a time, each after the last one's response; `session_per_second`: without pipes.
`genmove_seconds` is what a genmove takes beyond the agent's own choice, with the pipe there and back.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from statistics import median
from typing import IO

from tengen.benchmarks.measuring import alternate, span, whole
from tengen.errors import MachineError

COMMANDS = ("play b D4", "play w E5", "play b C3", "play w F6", "undo", "undo", "undo", "undo")
AT_ONCE = 100  # repetitions of these


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the benchmark."""
    parser.add_argument("--size", type=whole(7, 19), default=9, help="default: %(default)s")
    parser.add_argument("--moves", type=whole(1), default=500, help="genmoves; default: %(default)s")
    parser.add_argument("--slices", type=whole(1, 1000), default=5, help="default: %(default)s")
    parser.add_argument("--slice-seconds", type=span(60), default=0.5, help="default: %(default)s")


def run(args: argparse.Namespace) -> dict[str, float]:
    """Figures: per_second, turns_per_second, session_per_second, genmove_seconds."""
    from tengen.engine.gtp_session import GtpSession
    from tengen.engine.player import Player
    from tengen.envs.go.game import Go

    game = Go(args.size)
    player = Player("random", game)
    player.warm_up()
    session = GtpSession(player, game)
    command = [sys.executable, "-m", "tengen", "gtp", "--agent", "random", "--game", game.name]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stdout is not None
        ask = asking(process.stdin, process.stdout)
        ask(["name"])
        many, one = list(COMMANDS) * AT_ONCE, list(COMMANDS)

        def at_once() -> int:
            ask(many)
            return len(many)

        def in_turns() -> int:
            for text in one:
                ask([text])
            return len(one)

        def without_pipes() -> int:
            for text in one:
                if session.answer(text) != "=\n\n":
                    raise MachineError(f"'{text}' was refused")
            return len(one)

        rates = alternate([at_once, in_turns, without_pipes], args.slices, args.slice_seconds)
        extra = []
        for _ in range(args.moves):  # in turns, so that other load falls on both alike
            whole_s = timed(lambda: ask(["genmove b"]))
            ask(["undo"])
            extra.append(whole_s - timed(lambda: session.think(0)))
        process.stdin.write(b"quit\n")
        process.stdin.close()
    return {
        "per_second": rates[0],
        "turns_per_second": rates[1],
        "session_per_second": rates[2],
        "genmove_seconds": median(extra),
    }


def asking(to: IO[bytes], out: IO[bytes]) -> Callable[[list[str]], None]:
    """A function that sends commands together and waits for all their responses, of one line each."""

    def ask(commands: list[str]) -> None:
        to.write("".join(f"{text}\n" for text in commands).encode())
        to.flush()
        for text in commands:
            line, end = out.readline(), out.readline()
            if not line.startswith(b"=") or end != b"\n":
                raise MachineError(f"'{text}' was answered with {line!r}")

    return ask


def timed(work: Callable[[], object]) -> float:
    """Seconds of one call of `work`."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
