"""Which program an agent string means, so that a changed one is another player."""

import hashlib
from functools import lru_cache
from pathlib import Path

from tengen.agents.engines.programs import find_executable, find_program, make_engine
from tengen.agents.registry import AgentSpec
from tengen.envs.game import Game

#: Options of an agent string that change what happens to an engine, and not how it plays.
HOUSEKEEPING = frozenset({"margin", "patience", "start", "memory", "processes"})

_versions: dict[tuple[object, ...], str] = {}  # what was asked once in this process


def engine_identity(spec: AgentSpec, game: Game) -> str:
    """What makes an engine the player that it is, as text: command, environment, options, reported version.

    A program found on PATH stands by its name and by the version that it reports; any other file of the
    command, such as a network or a program of the user's own, by its content. The program is started to be
    asked, once in a process. Raises TengenError, EngineRefusal, EngineFault where it cannot play the game.
    """
    program = find_program(spec, game, 0)
    words = [_meaning(word, is_program=not place) for place, word in enumerate(program.command)]
    options = {**program.options, **{k: v for k, v in spec.options.items() if k not in HOUSEKEEPING}}
    known = repr((words, sorted(program.environment.items()), sorted(options.items())))
    file = Path(program.command[0]).stat()
    key = (spec.kind, game.name, known, program.command[0], file.st_mtime_ns, file.st_size)
    if key not in _versions:
        agent = make_engine(spec, game, 0)
        agent.close()
        _versions[key] = agent.version
    return f"{known} {_versions[key]}"


def _meaning(word: str, *, is_program: bool) -> str:
    """A word of a command by what it stands for, wherever that lies."""
    path = Path(word)
    if is_program and find_executable(path.name) == word:
        return path.name
    if not path.is_file():
        return word
    stat = path.stat()
    return _digest(str(path.resolve()), stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=256)
def _digest(path: str, changed_ns: int, size: int) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
