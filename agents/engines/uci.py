"""Programs that speak UCI, at any game that has `UciRules`."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from chess.engine import UciOptionMap

from tengen.agents.engines.driver import Clock, Driver, Patience
from tengen.agents.engines.faults import EngineFault, EngineRefusal, printable
from tengen.agents.engines.process import EngineProcess
from tengen.agents.engines.talk import Talk, next_line
from tengen.agents.engines.uci_rules import uci_rules
from tengen.agents.engines.uci_wire import (
    Option,
    OptionFault,
    UciFault,
    option_lines,
    parse_bestmove,
    parse_option,
    parse_score,
)
from tengen.envs.game import Game, States
from tengen.errors import IllegalMove

MOVE_S = 1.0  # where nobody says how long to think
MOST_LINES = 100_000  # before an answer
MOST_OPTIONS = 1000


@dataclass(frozen=True)
class UciLimits:
    """How far an engine looks, whatever the clock says; 0 where that is not fixed. And its own options."""

    nodes: int = 0
    depth: int = 0
    move_s: float = 0.0
    options: Mapping[str, str] = field(default_factory=dict)


class UciDriver(Driver):
    """One UCI engine; it is sent the whole game before each move, and told when that is another one."""

    def __init__(
        self, process: EngineProcess, game: Game, patience: Patience, limits: UciLimits | None = None
    ) -> None:
        super().__init__(process, game, patience)
        self.rules = uci_rules(process.name, game)
        self.limits = limits or UciLimits()
        self.options: UciOptionMap[Option] = UciOptionMap()
        self._start: bytes | None = None  # what the engine's game began with; None before the first
        self._state: States | None = None  # where the engine's game stands
        self._played: list[int] = []  # how it went on
        self._moves: list[str] = []  # and in its own words

    def ready(self) -> Talk[None]:
        """The options are set; refused where the engine lacks one, or does not take its value."""
        until = self.born + self.patience.start_s
        doing = "before it was ready"
        try:
            self._send("uci")
            yield from self._wait_for("uciok", until, doing, self._introduction)
            for line in option_lines(self.limits.options, self.options):
                self._send(line)
            self._send("isready")
            yield from self._wait_for("readyok", until, doing)
        except OptionFault as error:
            raise EngineRefusal(f"engine '{self.name}' {error}") from None
        except EngineFault as fault:
            if fault.kind in ("hang", "crash", "exit"):
                raise EngineFault("start", fault.engine, fault.what, fault.lines) from None
            raise

    def turn(self, start: States, actions: Sequence[int], state: States, clock: Clock) -> Talk[list[int]]:
        """Its move."""
        doing = f"at move {len(actions) + 1}"
        if self._catch_up(start, actions):
            self._send("ucinewgame", "isready")
            yield from self._wait_for("readyok", time.monotonic() + self.patience.answer_s, doing)
        fen = self.rules.start_fen(start)
        moves = f" moves {' '.join(self._moves)}" if self._moves else ""
        late, hang = (until + self.limits.move_s for until in self.deadline(clock))
        self._send(f"position {'startpos' if fen is None else f'fen {fen}'}{moves}", self._go(clock, state))
        self.value = None
        line = yield from self._wait_for("bestmove", hang, doing, self._note_score)
        if time.monotonic() > late:
            raise self.process.fault("time", f"came too late with move {len(actions) + 1}")
        return [self._read_move(line, state, doing)]

    def last_words(self) -> bytes:
        return b"quit\n"

    def _send(self, *lines: str) -> None:
        self.process.send("".join(f"{line}\n" for line in lines).encode())

    def _introduction(self, line: str) -> None:
        """Take in what it says of itself."""
        if line.startswith("option "):
            option = parse_option(line)
            if len(self.options) >= MOST_OPTIONS:
                raise UciFault(f"more than {MOST_OPTIONS:,} options")
            self.options[option.name] = option
        elif line.startswith("id name "):
            self.version = printable(line.removeprefix("id name ").strip())

    def _note_score(self, line: str) -> None:
        """Keep the last score that it tells."""
        if line.startswith("info "):
            value = parse_score(line)
            self.value = self.value if value is None else value

    def _wait_for(
        self, word: str, until: float, doing: str, note: Callable[[str], None] | None = None
    ) -> Talk[str]:
        """The line that begins with word; others are noted. What nobody knows is ignored, as UCI demands."""
        for _ in range(MOST_LINES):
            line = (yield from next_line(self.process, until, doing)).replace("\t", " ").strip()
            first = line.partition(" ")[0]
            try:
                if not line.isprintable():
                    raise UciFault(f"expected a line of text, got '{printable(line, 80)}'")
                if first == word:
                    return line
                if note is not None:
                    note(line)
            except UciFault as error:
                raise self.process.fault("garbage", f"broke the protocol {doing}: {error}") from None
            if first in ("uciok", "readyok", "bestmove"):
                raise self.process.fault("protocol", f"said {first} {doing}, and {word} was due")
        raise self.process.fault("garbage", f"printed {MOST_LINES:,} lines without an answer {doing}")

    def _catch_up(self, start: States, actions: Sequence[int]) -> bool:
        """Bring the game to where it stands; whether it is another one than the engine knows."""
        key, known = start.tobytes(), len(self._played)
        is_new = key != self._start or list(actions[:known]) != self._played
        if is_new or self._state is None:
            self._start, self._state, self._played, self._moves = key, start.copy(), [], []
        for action in map(int, actions[len(self._played) :]):
            self._moves.append(self.rules.move_text(self._state, action))
            self._played.append(action)
            self.game.step(self._state, np.array([action], np.int32))
        return is_new

    def _go(self, clock: Clock, state: States) -> str:
        """How far or how long it may look. Player 0 is UCI's White."""
        limits = self.limits
        fixed = {"nodes": limits.nodes, "depth": limits.depth, "movetime": round(1000 * limits.move_s)}
        words = [f" {name} {value}" for name, value in fixed.items() if value]
        if not words and clock.left_s is not None:
            own, other = (max(1, round(1000 * seconds)) for seconds in clock.left_s)
            white, black = (other, own) if int(state["to_play"][0]) else (own, other)
            increment = round(1000 * clock.increment_s)
            words = [f" wtime {white} btime {black} winc {increment} binc {increment}"]
        elif not words:
            move_s = clock.move_s if clock.move_s is not None else self.patience.move_s
            words = [f" movetime {max(1, round(1000 * (MOVE_S if move_s is None else move_s)))}"]
        return f"go{''.join(words)}"

    def _read_move(self, line: str, state: States, doing: str) -> int:
        """The action that a bestmove line names. Raises EngineFault."""
        try:
            text = parse_bestmove(line)
        except UciFault as error:
            raise self.process.fault("garbage", f"answered with no move {doing}: {error}") from None
        if text is None:
            raise self.process.fault("protocol", f"said {doing} that it has no move")
        try:
            return self.rules.parse_move(state, text)
        except IllegalMove as error:
            if self.rules.side_of(state, text) == 1 - int(state["to_play"][0]):
                what = f"moved the other side's piece: {printable(text, 40)}"
                raise self.process.fault("colour", what) from None
            raise self.process.fault("illegal", f"made an illegal move: {error}") from None
        except ValueError:
            shown = printable(line, 40)
            raise self.process.fault("garbage", f"was to move {doing} and answered '{shown}'") from None
