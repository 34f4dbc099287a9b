"""Go programs that speak GTP 2."""

import re
import time
import zlib
from collections.abc import Sequence

import numpy as np

from tengen.agents.base import RESIGN
from tengen.agents.engines.driver import Clock, Driver, Patience
from tengen.agents.engines.faults import EngineFault, EngineRefusal, printable
from tengen.agents.engines.gtp_wire import (
    Response,
    ResponseReader,
    WireFault,
    format_command,
    parse_color,
)
from tengen.agents.engines.process import EngineProcess
from tengen.agents.engines.talk import Talk, next_line
from tengen.envs.game import Game, States
from tengen.envs.go.game import Go
from tengen.envs.go.text import format_point, parse_point
from tengen.errors import IllegalMove

NEEDED = ("boardsize", "komi", "clear_board", "play", "genmove")


class GtpDriver(Driver):
    """One GTP engine. It is told only the moves that are new to it, or everything of another game."""

    game: Go

    def __init__(self, process: EngineProcess, game: Game, patience: Patience, seed: int = 0) -> None:
        if not isinstance(game, Go):
            raise EngineRefusal(f"engine '{process.name}' speaks GTP, which is for Go, not for {game.name}")
        super().__init__(process, game, patience)
        self.commands: frozenset[str] = frozenset()
        self.seed = seed
        self._number = 0
        self._start: bytes | None = None  # what the engine's game began with; None before the first
        self._played: list[int] = []  # and how it went on
        self._knows_clock = False  # that there is one, in this game

    def ready(self) -> Talk[None]:
        """Size and komi are set; refused where it does not take them, or lacks a command."""
        until = self.born + self.patience.start_s
        try:
            (known,) = yield from self._ask([("list_commands",)], until, "before it was ready")
            self.commands = frozenset(known.text.split())
            lacking = [name for name in NEEDED if known.ok and name not in self.commands]
            if lacking:
                raise EngineRefusal(f"engine '{self.name}' lacks the GTP command {', '.join(lacking)}")
            words = [(name,) for name in ("name", "version") if name in self.commands]
            answers = yield from self._ask(words, until, "before it was ready")
            self.version = printable(" ".join(" ".join(a.text.split()) for a in answers if a.ok).strip())
            for name, value in (("boardsize", self.game.size), ("komi", f"{self.game.komi:g}")):
                (answer,) = yield from self._ask([(name, value)], until, "before it was ready")
                if not answer.ok:
                    raise EngineRefusal(
                        f"engine '{self.name}' cannot play {self.game.name}: it refused '{name} {value}' "
                        f"({printable(answer.text) or 'no reason given'})"
                    )
        except EngineFault as fault:
            if fault.kind in ("hang", "crash", "exit"):
                raise EngineFault("start", fault.engine, fault.what, fault.lines) from None
            raise

    def turn(self, start: States, actions: Sequence[int], state: States, clock: Clock) -> Talk[list[int]]:
        """Its move, or [RESIGN]."""
        color = int(state["to_play"][0])
        commands = self._catch_up(start, actions) + self._time(color, clock)
        genmove = ("genmove", "bw"[color])
        late, hang = self.deadline(clock)
        answers = yield from self._ask([*commands, genmove], hang, f"at move {len(actions) + 1}")
        if time.monotonic() > late:
            raise self.process.fault("time", f"came too late with move {len(actions) + 1}")
        for command, answer in zip(commands, answers, strict=False):
            if not answer.ok and command[0] not in ("time_settings", "time_left", "set_random_seed"):
                self._start = None
                said = f"refused '{' '.join(map(str, command))}' ({printable(answer.text)})"
                raise self.process.fault("protocol", said)
        action = self._read_move(answers[-1], color, state)
        self._played = [*actions] if action == RESIGN else [*actions, action]
        return [action]

    def position(self, start: States, actions: Sequence[int]) -> Talk[None]:
        """Set up the game as it stands, without a move."""
        commands = self._catch_up(start, actions)
        answers = yield from self._ask(commands, self.deadline(Clock())[1], "while it was told a game")
        self._played = list(actions)
        for command, answer in zip(commands, answers, strict=True):
            if not answer.ok and command[0] != "set_random_seed":
                self._start = None
                said = f"refused '{' '.join(map(str, command))}' ({printable(answer.text)})"
                raise self.process.fault("protocol", said)

    def ask(self, *words: object) -> Talk[Response]:
        """One command and its response, whatever it is."""
        doing = f"when asked '{' '.join(map(str, words))}'"
        return (yield from self._ask([words], self.deadline(Clock())[1], doing))[0]

    def last_words(self) -> bytes:
        return format_command("quit").encode()

    def _ask(self, commands: Sequence[tuple[object, ...]], until: float, doing: str) -> Talk[list[Response]]:
        """Send commands in one go, and hear their responses."""
        first = self._number + 1
        self._number += len(commands)
        lines = [format_command(str(c[0]), *c[1:], id=first + i) for i, c in enumerate(commands)]
        self.process.send("".join(lines).encode())
        responses: list[Response] = []
        reader = ResponseReader()
        while len(responses) < len(commands):
            line = yield from next_line(self.process, until, doing)
            try:
                response = reader.feed(line)
            except WireFault as error:
                raise self.process.fault("garbage", f"broke the protocol {doing}: {error}") from None
            if response is None:
                continue
            if response.id != first + len(responses):
                expected = first + len(responses)
                what = f"answered command {response.id} {doing}, where {expected} was to be answered"
                raise self.process.fault("protocol", what)
            responses.append(response)
        return responses

    def _catch_up(self, start: States, actions: Sequence[int]) -> list[tuple[object, ...]]:
        """What the engine has yet to be told of a game."""
        size, known = self.game.size, len(self._played)
        key = start.tobytes()
        commands: list[tuple[object, ...]] = []
        if key != self._start or list(actions[:known]) != self._played:
            self._start, known, self._knows_clock = key, 0, False
            commands.append(("clear_board",))
            if "set_random_seed" in self.commands:
                # So that a game depends on its beginning, not on what the same process has played before.
                beginning = zlib.crc32(np.array(actions, np.int32).tobytes(), self.seed % 2**32)
                commands.append(("set_random_seed", beginning % 2**31))
            commands += [("play", color, format_point(size, at)) for color, at in self._stones(start)]
        first = int(start["to_play"][0])
        for index in range(known, len(actions)):
            color = "bw"[(first + index) % 2]
            commands.append(("play", color, format_point(size, int(actions[index]))))
        self._played = [int(action) for action in actions]
        return commands

    def _stones(self, start: States) -> list[tuple[str, int]]:
        """The stones on the board at the start, in an order in which none is ever without a liberty."""
        board = self.game.colors(start).reshape(-1)
        size = self.game.size
        order: list[int] = []
        placed = board == 0
        while not placed.all():
            for at in np.flatnonzero(~placed):
                row, column = divmod(int(at), size)
                around = [
                    r * size + c
                    for r, c in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1))
                    if 0 <= r < size and 0 <= c < size
                ]
                if any(board[n] == 0 or (board[n] == board[at] and placed[n]) for n in around):
                    order.append(int(at))
                    placed[at] = True
        return [("bw"[board[at] - 1], at) for at in order]

    def _time(self, color: int, clock: Clock) -> list[tuple[object, ...]]:
        """What the engine is told about its time, as far as GTP can say it."""
        if clock.left_s is not None and "time_left" in self.commands:
            own, other = (str(max(0, int(seconds))) for seconds in clock.left_s)
            told: list[tuple[object, ...]] = []
            if not self._knows_clock and "time_settings" in self.commands:
                self._knows_clock = True
                told.append(("time_settings", own, 0, 0))  # GTP has no increments
            return [*told, ("time_left", "bw"[color], own, 0), ("time_left", "wb"[color], other, 0)]
        move_s = clock.move_s if clock.move_s is not None else self.patience.move_s
        if move_s is not None and "time_settings" in self.commands:
            return [("time_settings", 0, max(1, int(move_s)), 1)]
        return []

    def _read_move(self, answer: Response, color: int, state: States) -> int:
        """The action that a response to genmove names. Raises EngineFault."""
        text, side = answer.text, ("Black", "White")[color]
        shown = printable(text, 40)
        if not answer.ok:
            raise self.process.fault("protocol", f"would not move for {side} ({shown})")
        words = text.split()
        if len(words) == 2 and parse_color(words[0]) == 1 - color:
            raise self.process.fault("colour", f"was to move for {side} and answered '{shown}'")
        if len(words) != 1 or not re.fullmatch(r"(?i)resign|pass|[a-z][0-9]{1,2}", text):
            raise self.process.fault("garbage", f"was to move for {side} and answered '{shown}'")
        if text.lower() == "resign":
            return RESIGN
        try:
            parse_point(self.game.size, text)
            return self.game.parse_action(state, text)
        except IllegalMove as error:
            raise self.process.fault("illegal", f"made an illegal move: {error}") from None
