"""The command line: one module a command, imported when that command is called."""

import argparse
import errno
import importlib
import os
import re
import sys
from collections.abc import Iterable, Sequence
from typing import NoReturn

from tengen import __version__
from tengen.errors import TengenError
from tengen.words import did_you_mean

#: Command -> what it does. The module of the same name here has add_parser(subparsers) and run(args) -> int.
COMMANDS = {
    "train": "learn a game from a recipe",
    "play": "play against an agent in the terminal",
    "match": "let two agents play each other",
    "tournament": "let many agents play each other, and rate them",
    "league": "standings, payoff, history and games of a league",
    "ratings": "Elo with error bars from results",
    "evaluate": "measure an agent's score in a world such as atari/Pong",
    "gtp": "be a Go engine for other programs (GTP)",
    "hub": "be a draughts engine for other programs (Hub)",
    "uci": "be a chess engine for other programs (UCI)",
    "explain": "show what a network's move and value rest on",
    "watch": "watch an agent play a world such as atari/Pong",
    "records": "check, import, count and generate games as SGF, PDN or PGN",
    "tablebase": "solve endgames of checkers and probe them",
    "games": "list the games",
    "agents": "explain how agents are named",
    "perft": "count the move sequences of each length",
    "bench": "run a benchmark",
    "config": "show a configuration resolved whole",
    "network": "show a network layer by layer",
    "cluster": "start a Ray cluster, and train as a job of one",
    "plan": "what a training run would do on many machines",
    "doctor": "say what this machine can do",
}

EPILOG = "'tengen COMMAND --help' explains a command."


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one sentence."""

    def error(self, message: str) -> NoReturn:
        """End with exit code 2."""
        raise TengenError(f"{message}; see '{self.prog} --help'")


class Formatter(argparse.HelpFormatter):
    """Leaves room for the longest command, which argparse counts short by its indentation."""

    def add_arguments(self, actions: Iterable[argparse.Action]) -> None:
        """See argparse."""
        super().add_arguments(actions)
        self._action_max_length += self._indent_increment


def build_parser(command: str | None = None) -> argparse.ArgumentParser:
    """The parser with the arguments of one command; of the others only name and summary."""
    parser = Parser(
        prog="tengen",
        description="Game-playing reinforcement learning.",
        epilog=EPILOG,
        formatter_class=Formatter,
    )
    parser.add_argument("--version", action="version", version=f"tengen {__version__}")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for name, summary in COMMANDS.items():
        if name == command:
            importlib.import_module(f"tengen.cli.{name}").add_parser(subparsers)
        else:
            subparsers.add_parser(name, help=summary)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; its exit code: 0 done, 1 failed, 2 wrong usage, 130 interrupted. Never a traceback."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # closed by who started us
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115 - for as long as the process lives
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a name that the terminal cannot spell is no reason to fail
    try:
        code = _dispatch(arguments)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # Whoever read us has gone (`| head`); nothing may be flushed to it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except SystemExit as end:  # argparse after --help and --version
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except KeyboardInterrupt:
        print("\ntengen: interrupted", file=sys.stderr)
        return 130
    except Exception as error:
        if os.environ.get("TENGEN_DEBUG") == "1":
            raise
        sentence, code = sentence_of(error)
        sentence = re.sub(r"\S{300,}", lambda word: f"{word[0][:60]}...", sentence)
        print(f"tengen: error: {sentence}", file=sys.stderr)
        return code


def _dispatch(arguments: list[str]) -> int:
    command = arguments[0] if arguments and not arguments[0].startswith("-") else None
    if command is not None and command not in COMMANDS:
        raise TengenError(f"unknown command '{command}'; {did_you_mean(command, COMMANDS, 'commands')}")
    parser = build_parser(command)
    args, rest = parser.parse_known_args(arguments)
    if command is None:
        parser.print_help()
        return 2
    # argparse takes no key=value after an option that follows the configuration's name
    overrides = (
        [text for text in rest if "=" in text and not text.startswith("-")] if "overrides" in args else []
    )
    if overrides:
        args.overrides = [*args.overrides, *overrides]
    unknown = [text for text in rest if text not in overrides]
    if unknown:
        raise TengenError(f"unknown argument '{unknown[0]}'; see 'tengen {command} --help'")
    code: int = importlib.import_module(f"tengen.cli.{command}").run(args)
    return code


def sentence_of(error: BaseException) -> tuple[str, int]:
    """One sentence for a fault, and its exit code."""
    cause = getattr(error, "cause", None)  # a Ray task's error carries the worker's own
    if isinstance(cause, TengenError):
        error = cause
    if isinstance(error, TengenError):
        return " ".join(str(error).split("\n")), error.exit_code
    if isinstance(error, MemoryError):
        return "out of memory; a smaller batch or fewer games at once need less", 1
    if isinstance(error, OSError) and error.errno is not None:
        what = f"{error.filename}: " if error.filename else ""
        more = "; free some space and run it again" if error.errno == errno.ENOSPC else ""
        return f"{what}{error.strerror}{more}", 2 if error.errno == errno.ENAMETOOLONG else 1
    if isinstance(error, ModuleNotFoundError) and not (error.name or "").startswith("tengen"):
        return f"this Python lacks the package '{error.name}'; install Tengen with all that it needs", 1
    lines = str(error).strip().splitlines()
    text = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    return f"unexpected {text} (TENGEN_DEBUG=1 shows where)", 1
