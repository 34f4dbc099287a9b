"""UCI from the engine's side, as text: what `go` asks for, the options that there are, and `info` lines.

S. Meyer-Kahlen, R. Huber, "Description of the universal chess interface (UCI)", 2006.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from tengen.agents.engines.uci_wire import centipawns_of_value
from tengen.errors import TengenError
from tengen.words import nearest

SHARE = 1 / 30  # of the time left, a move, where nobody says how many are to come
MOST_SHARE = 0.5
LEAST_S = 0.01
MATE_PLIES = 1000  # scores from here on are counted in moves to mate
NUMBERS = ("wtime", "btime", "winc", "binc", "movestogo", "depth", "nodes", "mate", "movetime", "perft")


@dataclass(frozen=True)
class GoWish:
    """What a `go` asks for; 0, or no time, where nothing is said."""

    searchmoves: tuple[str, ...] = ()
    ponder: bool = False
    infinite: bool = False
    numbers: dict[str, int] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()  # words that mean nothing

    def number(self, name: str) -> int:
        """A limit, 0 without it."""
        return self.numbers.get(name, 0)

    @property
    def is_open(self) -> bool:
        """Whether only `stop` (or `ponderhit`) ends it."""
        return self.infinite or self.ponder

    def seconds(self, to_play: int, overhead_s: float) -> float | None:
        """How long the search may take by movetime or the mover's clock; None for as long as it likes."""
        if "movetime" in self.numbers:
            return max(LEAST_S, self.numbers["movetime"] / 1000 - overhead_s)
        left = self.numbers.get(("wtime", "btime")[to_play])
        if left is None:
            return None
        left_s, more_s = max(0, left) / 1000, self.number(("winc", "binc")[to_play]) / 1000
        moves = self.number("movestogo")
        wanted = left_s * (1 / moves if moves > 0 else SHARE) + 0.8 * more_s
        most = left_s * (1.0 if moves == 1 else MOST_SHARE)
        return max(LEAST_S, min(wanted, most) - overhead_s)


def parse_go(words: Sequence[str]) -> GoWish:
    """Read what follows `go`. What is not understood is left out, as the protocol demands."""
    numbers: dict[str, int] = {}
    moves: list[str] = []
    flags, ignored = set(), []
    at = 0
    while at < len(words):
        word = words[at]
        at += 1
        if word in ("ponder", "infinite"):
            flags.add(word)
        elif word == "searchmoves":
            while at < len(words) and words[at] not in (*NUMBERS, "ponder", "infinite", "searchmoves"):
                moves.append(words[at])
                at += 1
        elif word in NUMBERS:
            text = words[at] if at < len(words) else ""
            if not text.removeprefix("-").isdecimal() or not text.isascii() or len(text) > 15:
                ignored.append(f"{word} {text[:20]}".strip())
                continue
            at += 1
            numbers[word] = int(text)
        else:
            ignored.append(word[:20])
    return GoWish(tuple(moves), "ponder" in flags, "infinite" in flags, numbers, tuple(ignored))


@dataclass(frozen=True)
class EngineOption:
    """An option as `uci` declares it."""

    name: str
    kind: str  # check, spin, button, string
    default: str = ""
    low: int = 0
    high: int = 0

    def line(self) -> str:
        """The line that declares it."""
        text = f"option name {self.name} type {self.kind}"
        if self.kind in ("check", "spin"):
            text += f" default {self.default}"
        if self.kind == "string":
            text += f" default {self.default or '<empty>'}"
        if self.kind == "spin":
            text += f" min {self.low} max {self.high}"
        return text


def engine_options(about: str) -> list[EngineOption]:
    """The options of our engine; `about` is what it says of itself."""
    return [
        EngineOption("Hash", "spin", "16", 1, 4096),
        EngineOption("Clear Hash", "button"),
        EngineOption("Ponder", "check", "false"),
        EngineOption("MultiPV", "spin", "1", 1, 218),
        EngineOption("Move Overhead", "spin", "50", 0, 5000),
        EngineOption("UCI_AnalyseMode", "check", "false"),
        EngineOption("UCI_Chess960", "check", "false"),
        EngineOption("UCI_EngineAbout", "string", about),
    ]


class Options:
    """The options with their present values."""

    def __init__(self, about: str) -> None:
        self.known = {option.name.lower(): option for option in engine_options(about)}
        self.values = {name: option.default for name, option in self.known.items()}

    def lines(self) -> str:
        """What `uci` is told."""
        return "".join(f"{option.line()}\n" for option in self.known.values())

    def set(self, words: Sequence[str]) -> str:
        """Obey `setoption name NAME [value VALUE]`; returns the option's name in lower case.

        A value that is not allowed changes nothing. Raises TengenError.
        """
        if not words or words[0] != "name":
            raise TengenError("setoption needs a name, as in: setoption name MultiPV value 3")
        at = words.index("value") if "value" in words else len(words)
        name, value = " ".join(words[1:at]).lower(), " ".join(words[at + 1 :])
        option = self.known.get(name)
        if option is None:
            near = nearest(name, self.known)
            names = ", ".join(option.name for option in self.known.values())
            hint = f"did you mean {self.known[near].name}?" if near else f"options: {names}"
            raise TengenError(f"no option '{name[:40]}'; {hint}")
        if option.kind == "check":
            value = value.lower()
            if value not in ("true", "false"):
                raise TengenError(f"option {option.name} must be true or false, got '{value[:40]}'")
        if option.kind == "spin" and not (
            value.isascii()
            and value.isdecimal()
            and len(value) < 12
            and option.low <= int(value) <= option.high
        ):
            raise TengenError(
                f"option {option.name} must be a whole number from {option.low} to {option.high}, "
                f"got '{value[:40]}'"
            )
        if option.kind != "string":  # what the engine is about is not for others to say
            self.values[name] = value
        return name

    def number(self, name: str) -> int:
        """A spin's value."""
        return int(self.values[name.lower()])

    def is_on(self, name: str) -> bool:
        """A check's value."""
        return self.values[name.lower()] == "true"


@dataclass(frozen=True)
class Score:
    """A worth for the side to move: centipawns, or moves to mate (negative: to be mated)."""

    centipawns: int = 0
    mate: int | None = None

    def __str__(self) -> str:
        return f"cp {self.centipawns}" if self.mate is None else f"mate {self.mate}"


def score_of_value(value: float) -> Score:
    """A value in [-1, 1] in centipawns."""
    return Score(centipawns_of_value(value))


@dataclass(frozen=True)
class Line:
    """One variation that a search reports."""

    actions: tuple[int, ...]
    score: Score | None
    depth: int
    nodes: int
    full_depth: int = 0  # the deepest that it looked; 0 where it does not say


def info_text(
    line: Line, moves: Sequence[str], seconds: float, number: int | None = None, full: int = 0
) -> str:
    """The `info` line of a variation. number: its rank, under MultiPV."""
    milliseconds = max(1, round(1000 * seconds))
    words = [f"info depth {max(1, line.depth)}", f"seldepth {max(line.full_depth, line.depth, 1)}"]
    if number is not None:
        words.append(f"multipv {number}")
    if line.score is not None:
        words.append(f"score {line.score}")
    words += [f"nodes {line.nodes}", f"nps {1000 * line.nodes // milliseconds}"]
    if full:
        words.append(f"hashfull {full}")
    words.append(f"time {milliseconds}")
    if moves:
        words.append(f"pv {' '.join(moves)}")
    return " ".join(words) + "\n"
