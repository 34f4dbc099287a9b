"""The Go Text Protocol, version 2, from the engine's side: a line in, the response out.

G. Farneback, "Specification of the Go Text Protocol, version 2, draft 2", 2002, section 6.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from tengen.agents.engines.gtp_wire import Response, format_response, parse_color, parse_command
from tengen.engine.board import GoBoard
from tengen.engine.clock import SideClock, TimeControl, moves_to_come
from tengen.engine.player import Choice, Player
from tengen.engine.refusal import Refusal
from tengen.engine.wire import Silent, Wire
from tengen.envs.go.game import Go
from tengen.errors import TengenError

log = logging.getLogger(__name__)
QUICK = ("play", "undo")  # need no answer of their own before the next command is looked at
HOPELESS_MOVES = 3  # moves in a row below the threshold, until the engine resigns
EARLIEST_RESIGNATION = 0.25  # of the board's points played before

Command = Callable[["GtpSession", list[str]], str]


@dataclass(frozen=True)
class SessionOptions:
    """What whoever starts an engine may choose."""

    resign: float = 0.0  # below this win rate it gives up; 0 is never
    visits: int = 20_000  # the most of an analysis
    ponder: bool = False


class GtpSession:
    """One controller's engine: the board, the clocks and the agent."""

    def __init__(
        self, player: Player, game: Go, options: SessionOptions | None = None, wire: Wire | None = None
    ) -> None:
        self.player, self.options = player, options or SessionOptions()
        self.wire: Wire = wire or Silent()
        self.board = GoBoard(game)
        self.control = TimeControl()
        self.clocks = [SideClock(), SideClock()]
        self.is_over = False  # once the controller has said quit
        self.pondered: int | None = None  # whose turn it is worth thinking about
        self._hopeless = [0, 0]
        self._streamed = False
        self._id: int | None = None

    def answer(self, line: str) -> str:
        """The response to a line, "" where it holds no command. Whatever fails leaves the board as it was."""
        command = parse_command(line)
        if command is None:
            return ""
        self._streamed, self.pondered, self._id = False, None, command.id
        if command.name not in QUICK:
            self.wire.flush()
        try:
            run = COMMANDS.get(command.name)
            if run is None:
                raise Refusal("unknown command")
            ok, text = True, run(self, list(command.arguments))
        except TengenError as error:
            ok, text = False, " ".join(str(error).split("\n"))
        except Exception as error:
            log.debug("command %s", command.name, exc_info=True)
            ok, text = False, f"internal error: {type(error).__name__}: {str(error)[:200]}"
        if self._streamed:  # the response has begun with what was sent on the way
            return f"{text}\n\n" if text else "\n"
        return format_response(Response(ok, text, command.id))

    def stream(self) -> None:
        """Begin a response that goes on over time; what `answer` returns then ends it."""
        self._streamed = True
        self.wire.send(f"={'' if self._id is None else self._id}\n")

    def color(self, word: str) -> int:
        """The colour that a word names. Raises Refusal."""
        color = parse_color(word)
        if color is None:
            raise Refusal(f"syntax error: '{word[:40]}' is not a color; black and white are")
        return color

    def set_board(self, board: GoBoard) -> None:
        """Begin another game, with full clocks. Raises TengenError where the agent cannot play it."""
        self.player.use(board.game)
        self.board = board
        self.new_game()

    def new_game(self) -> None:
        """Whatever belongs to one game begins anew."""
        self.clocks = [SideClock.start(self.control)] * 2
        self._hopeless = [0, 0]

    def genmove(
        self, color: int, *, watch: Callable[..., None] | None = None, counted: bool = True
    ) -> tuple[str, int | None]:
        """The agent's move in words, played; and its action, None where it resigns."""
        begun = time.monotonic()
        choice = self.think(color, watch=watch)
        clock = self.clocks[color]
        self.clocks[color] = clock.after(time.monotonic() - begun)
        if choice.action < 0 or (counted and self._gives_up(color, choice)):
            return "resign", None
        words = self.board.game.format_action(self.board.state, choice.action)
        self.board.play(color, choice.action)
        if self.options.ponder:
            self.pondered = 1 - color
        return words, choice.action

    def think(self, color: int, *, watch: Callable[..., None] | None = None) -> Choice:
        """What the agent would play within its time."""
        empties = int((self.board.colors() == 0).sum())
        seconds = self.clocks[color].move_seconds(moves_to_come(self.board.size, empties))
        return self.player.choose(self.board, color, seconds, closed=self.wire.closed, watch=watch)

    def ponder(self) -> None:
        """Think about the other side's turn until something is to be done."""
        color, self.pondered = self.pondered, None
        if color is not None:
            try:
                self.player.ponder(self.board, color, self.wire.pending)
            except TengenError as error:
                log.warning("pondering: %s", error)

    def _gives_up(self, color: int, choice: Choice) -> bool:
        lost = choice.winrate is not None and choice.winrate < self.options.resign
        self._hopeless[color] = self._hopeless[color] + 1 if lost else 0
        early = len(self.board.moves) < EARLIEST_RESIGNATION * self.board.size**2
        return self._hopeless[color] >= HOPELESS_MOVES and not early


def _commands() -> dict[str, Command]:
    from tengen.engine import gogui, gtp_analysis, gtp_core, gtp_setup, gtp_time

    tables = (gtp_core.COMMANDS, gtp_setup.COMMANDS, gtp_time.COMMANDS, gtp_analysis.COMMANDS, gogui.COMMANDS)
    return {name: command for table in tables for name, command in table.items()}


COMMANDS: dict[str, Command] = _commands()
