"""Which program an agent string means, and how it is called."""

import os
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, model_validator

from tengen.agents.engines.driver import Driver, Patience
from tengen.agents.engines.engine_agent import EngineAgent
from tengen.agents.engines.process import MEMORY_MB, EngineProcess, scrubbed_environment
from tengen.agents.registry import ENGINE_OPTIONS, AgentSpec, number_option, whole_option
from tengen.config import ConfigModel, load_config
from tengen.envs.game import Game
from tengen.errors import TengenError
from tengen.words import did_you_mean

if TYPE_CHECKING:
    from tengen.agents.engines.uci import UciLimits

ENGINES_FILE = "engines.yaml"
ENGINES_VARIABLE = "TENGEN_ENGINES"
GNUGO_LEVELS = range(11)
EXAMPLES = {"gtp": "gtp:gnugo", "hub": "hub:./engine", "uci": "uci:stockfish"}
PACKAGED = ("gnugo", "stockfish")  # by the names of their packages in Debian
OUR_OPTIONS = frozenset({*ENGINE_OPTIONS, "nodes", "depth", "movetime"})  # not the program's own
KO_RULES = {"positional": "--positional-superko", "situational": "--situational-superko"}


class EngineConfig(ConfigModel):
    """A program of the user's."""

    protocol: Literal["gtp", "hub", "uci"]
    command: Annotated[list[str], Field(min_length=1)]
    """The program and its arguments, as a list; no shell sees it."""
    environment: dict[str, str] = Field(default_factory=dict)
    """Variables beside PATH, HOME, TMPDIR and the like; it sees no others."""
    memory_mb: Annotated[int, Field(ge=0)] = MEMORY_MB
    """0 is no limit."""
    processes: Annotated[int, Field(ge=0, le=1024)] = 0
    """How many play side by side; 0 is one a core."""
    options: dict[str, str | int | bool] = Field(default_factory=dict)
    """For uci: its own options, by name; those of an agent string go before them."""

    @model_validator(mode="after")
    def _options_are_for_uci(self) -> Self:
        if self.options and self.protocol != "uci":
            raise ValueError(f"options are for uci; a {self.protocol} program takes them in its command")
        return self


class EnginesConfig(ConfigModel):
    """The file `engines.yaml`."""

    engines: dict[str, EngineConfig]


@dataclass(frozen=True)
class Program:
    """What to run."""

    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    memory_mb: int = MEMORY_MB
    processes: int = 0
    options: Mapping[str, str] = field(default_factory=dict)


def make_engine(spec: AgentSpec, game: Game, seed: int) -> EngineAgent:
    """The agent of a gtp:, hub: or uci: string. Raises TengenError, EngineRefusal, EngineFault."""
    from tengen.machine import usable_cores

    if spec.kind == "uci":
        from tengen.agents.engines.uci_rules import uci_rules

        uci_rules(spec.text, game)  # a game that cannot be played is told before a program is looked for
    program = find_program(spec, game, seed)
    patience = patience_of(spec)
    memory_mb = whole_option(spec, "memory", program.memory_mb, 0, 10_000_000)
    processes = whole_option(spec, "processes", program.processes, 0, 1024) or usable_cores()
    depth = whole_option(spec, "depth", 0, 0, 1000) if spec.kind == "hub" else 0
    limits = _uci_limits(spec, program) if spec.kind == "uci" else None

    def open_driver(number: int) -> Driver:
        process = EngineProcess(
            spec.text, program.command, memory_mb=memory_mb, environment=program.environment
        )
        try:
            if spec.kind == "uci":
                from tengen.agents.engines.uci import UciDriver

                return UciDriver(process, game, patience, limits)
            if spec.kind == "hub":
                from tengen.agents.engines.hub import HubDriver

                return HubDriver(process, game, patience, depth)
            from tengen.agents.engines.gtp import GtpDriver

            return GtpDriver(process, game, patience, seed)
        except TengenError:
            process.close()
            raise

    return EngineAgent(spec.text, game, open_driver, processes)


def _uci_limits(spec: AgentSpec, program: Program) -> "UciLimits":
    from tengen.agents.engines.uci import UciLimits

    own = {key: value for key, value in spec.options.items() if key not in OUR_OPTIONS}
    return UciLimits(
        nodes=whole_option(spec, "nodes", 0, 1, 10**15),
        depth=whole_option(spec, "depth", 0, 1, 1000),
        move_s=number_option(spec, "movetime", 0.0, 0.001, 1e5),
        options={**program.options, **own},
    )


def patience_of(spec: AgentSpec) -> Patience:
    """The limits of time that an agent string sets."""
    standard = Patience()
    move_s = number_option(spec, "time", 0.0, 0.01, 1e5) or None
    return Patience(
        start_s=number_option(spec, "start", standard.start_s, 0.01, 1e5),
        answer_s=number_option(spec, "patience", standard.answer_s, 0.01, 1e6),
        move_s=move_s,
        margin_s=number_option(spec, "margin", standard.margin_s, 0.0, 1e4),
        late_s=min(standard.late_s, number_option(spec, "patience", standard.answer_s, 0.01, 1e6)),
    )


def find_program(spec: AgentSpec, game: Game, seed: int) -> Program:
    """What an agent string stands for: GNU Go, an entry of engines.yaml, or a command line.

    Raises TengenError where there is no such program.
    """
    if not spec.target:
        raise TengenError(f"agent '{spec.text}': {spec.kind} needs a program, as in {EXAMPLES[spec.kind]}")
    if spec.kind == "gtp" and spec.target == "gnugo" and "gnugo" not in user_engines():
        return _gnugo(spec, game, seed)
    if "level" in spec.options:
        raise TengenError(f"agent '{spec.text}': level is for gtp:gnugo; others take it in their command")
    engines = user_engines()
    if spec.target in engines:
        engine = engines[spec.target]
        if engine.protocol != spec.kind:
            raise TengenError(
                f"agent '{spec.text}': {spec.target} speaks {engine.protocol}; "
                f"write {engine.protocol}:{spec.target}"
            )
        command = (_executable(spec, engine.command[0]), *engine.command[1:])
        options = {
            name: str(v).lower() if isinstance(v, bool) else str(v) for name, v in engine.options.items()
        }
        return Program(command, engine.environment, engine.memory_mb, engine.processes, options)
    try:
        words = shlex.split(spec.target)
    except ValueError as error:
        raise TengenError(f"agent '{spec.text}': cannot read the command: {error}") from None
    if not words:
        raise TengenError(f"agent '{spec.text}': {spec.kind} needs a program, as in {EXAMPLES[spec.kind]}")
    return Program((_executable(spec, words[0]), *words[1:]))


def user_engines() -> dict[str, EngineConfig]:
    """The user's programs, from the file that TENGEN_ENGINES names, or engines.yaml where we are."""
    named = os.environ.get(ENGINES_VARIABLE, "")
    if not named and not Path(ENGINES_FILE).is_file():
        return {}
    return load_config(named or ENGINES_FILE, EnginesConfig).engines


def find_executable(name: str) -> str | None:
    """The full path of a program, looked for where engines are started."""
    return shutil.which(name, path=scrubbed_environment({})["PATH"])


def gnugo_command(game: Game, level: int, seed: int = 0) -> list[str]:
    """GNU Go as computer Go servers set it up for area scoring: it takes dead stones off before it passes."""
    return [
        find_executable("gnugo") or "gnugo",
        *("--mode", "gtp", "--quiet", "--level", str(level), "--chinese-rules", "--capture-all-dead"),
        KO_RULES.get(getattr(game, "rules", ""), "--simple-ko"),
        "--allow-all-suicide" if getattr(game, "suicide", False) else "--forbid-suicide",
        *("--seed", str(1 + seed % 2**31)),
    ]


def _gnugo(spec: AgentSpec, game: Game, seed: int) -> Program:
    level = whole_option(spec, "level", 10, GNUGO_LEVELS[0], GNUGO_LEVELS[-1])
    if find_executable("gnugo") is None:
        raise TengenError(
            f"agent '{spec.text}': GNU Go is not installed; Debian and Ubuntu have it: apt install gnugo"
        )
    return Program(tuple(gnugo_command(game, level, seed)))


def _executable(spec: AgentSpec, word: str) -> str:
    found = find_executable(word)
    if found is None:
        if os.path.exists(word):
            raise TengenError(f"agent '{spec.text}': {word} is not a program that may be run")
        known = [*{"gtp": ["gnugo"], "uci": ["stockfish"]}.get(spec.kind, []), *user_engines()]
        hint = did_you_mean(word, known, f"programs known by name (more go to {ENGINES_FILE})")
        if word in PACKAGED:
            hint = f"Debian and Ubuntu have it: apt install {word}"
        raise TengenError(f"agent '{spec.text}': there is no program '{word}'; {hint}")
    return found
