"""The Universal Chess Interface from the engine's side, over chess and Chess960.

A search looks at its wire between two rounds, in the same thread: `isready` is answered at once, `stop`,
`ponderhit` and `quit` are obeyed, and what else comes waits until the move is said.
"""

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from tengen import __version__
from tengen.agents.base import Agent
from tengen.engine.uci_board import UciBoard
from tengen.engine.uci_thinking import Control, Question, Thinker, thinker_of
from tengen.engine.uci_words import GoWish, Line, Options, info_text, parse_go
from tengen.envs.chess.game import Chess
from tengen.errors import TengenError

log = logging.getLogger(__name__)
NAP_S = 0.5


class UciWire(Protocol):
    """The program that asks."""

    def send(self, text: str) -> None:
        """Let it have text at once."""

    def pending(self) -> bool:
        """Whether it has sent another line, or has gone."""

    def next_line(self) -> str | None:
        """The next line, None where it has gone."""

    def wait(self, seconds: float) -> None:
        """Do nothing for so long, or until it sends something."""

    def closed(self) -> bool:
        """Whether it hears no answer."""


class UciSession:
    """One program's engine: the position, the options and the agent."""

    def __init__(self, agent: Agent, game: Chess, wire: UciWire) -> None:
        self.game, self.wire = game, wire
        self.options = Options(f"Tengen {__version__}, which plays as {agent.name}")
        self.board = UciBoard(game)
        self.thinker: Thinker = thinker_of(agent, game)
        self.agent = agent
        self.is_over = False
        self.waiting: deque[str] = deque()  # lines that came during a search

    def answer(self, line: str) -> str:
        """What is said to a line, "" for nothing. What cannot be obeyed is told in an `info string`."""
        said = self._answer(line)
        while self.waiting and not self.is_over:
            if said:
                self.wire.send(said)
            said = self._answer(self.waiting.popleft())
        return said

    def _answer(self, line: str) -> str:
        words = line.split()
        known = next((i for i, word in enumerate(words) if word in COMMANDS), None)
        if known is None:
            return _told(f"unknown command '{words[0][:40]}'") if words else ""
        try:
            return COMMANDS[words[known]](self, words[known + 1 :])
        except TengenError as error:
            return _told(f"error: {error}")
        except Exception as error:
            log.debug("line %s", line[:200], exc_info=True)
            text = _told(f"error: internal error: {type(error).__name__}")
            return text + (self._any_move() if words[known] == "go" else "")

    def _any_move(self) -> str:
        """A move that is owed though the search has failed."""
        legal = self.board.legal()
        return f"bestmove {next(iter(legal), '(none)')}\n"

    def go(self, words: Sequence[str]) -> str:
        """Think, and say the move."""
        wish = parse_go(words)
        if wish.ignored:
            self.wire.send(_told(f"ignored: {', '.join(wish.ignored)}"))
        if (depth := wish.number("perft")) > 0:
            return self._perft(min(depth, 8))
        state = self.board.open_state()
        if state is None:
            over = "mate 0" if self.board.state["result"][0] else "cp 0"
            return f"info depth 0 score {over}\nbestmove (none)\n"
        legal = self.board.legal()
        allowed = tuple(legal[word] for word in wish.searchmoves if word in legal)
        lines = min(self.options.number("MultiPV"), len(set(legal.values())))
        analyse = self.options.is_on("UCI_AnalyseMode")
        question = Question(
            self.board.start, self.board.actions, state, wish, lines, tuple(dict.fromkeys(allowed)), analyse
        )
        listener = _Listener(self, wish, int(state["to_play"][0]))
        control = Control(listener.stop, self._reporter(question, listener), listener.seconds)
        try:
            line = self.thinker.think(question, control)
        except TengenError as error:
            listener.hold()
            return _told(f"error: {error}") + self._any_move()
        listener.hold()
        moves = self.board.words(state, line[:2])
        return f"bestmove {moves[0]}{f' ponder {moves[1]}' if len(moves) > 1 else ''}\n"

    def _reporter(self, question: Question, listener: "_Listener") -> Callable[[Sequence[Line]], None]:
        def report(lines: Sequence[Line]) -> None:
            seconds = time.monotonic() - listener.began
            many = self.options.number("MultiPV") > 1
            for rank, line in enumerate(lines, 1):
                moves = self.board.words(question.state, line.actions)
                self.wire.send(info_text(line, moves, seconds, rank if many else None))

        return report

    def _perft(self, depth: int) -> str:
        """Not of the protocol: the counts below each move, as Stockfish prints them."""
        state = self.board.open_state()
        total, out = 0, []
        for word, action in self.board.legal().items() if state is not None else ():
            child = self.board.after(action)
            count = 1 if depth == 1 else self.game.perft(child, depth - 1)[-1]
            out.append(f"{word}: {count}\n")
            total += count
        return f"{''.join(out)}\nNodes searched: {total}\n\n"

    def warm_up(self) -> None:
        """Let what is compiled at its first use be compiled now, not on somebody's clock."""
        state = self.board.open_state()
        assert state is not None
        question = Question(self.board.start, [], state, parse_go(("nodes", "2")))
        self.thinker.think(question, Control(lambda: False, lambda lines: None, lambda: 0.05))
        self.thinker.new_game()


class _Listener:
    """Hears what comes while a search goes on."""

    def __init__(self, session: UciSession, wish: GoWish, to_play: int) -> None:
        self.session, self.wish = session, wish
        self.began = time.monotonic()
        self.ponders = wish.ponder
        self.stopped = False
        self._kept: list[str] = []  # lines that wait until the move is said
        self._later: list[str] = []  # the next question, and all that came after it
        self._shift = 0.0  # what passed before the clock ran
        self._allowed = wish.seconds(to_play, session.options.number("Move Overhead") / 1000)

    def seconds(self) -> float | None:
        """How long the search may take from its begin on."""
        if self.ponders or self.wish.infinite or self._allowed is None:
            return None
        return self._shift + self._allowed

    def stop(self) -> bool:
        """Take in the lines that have come; whether the search is to end."""
        wire, early = self.session.wire, self.session.waiting
        while not self.stopped and (early or wire.pending()):
            line = early.popleft() if early else wire.next_line()
            if line is None:  # a script's end; a move that ends by itself is still owed to it
                self.stopped = self.is_open or wire.closed()
                break
            self._hear(line)
        return self.stopped

    @property
    def is_open(self) -> bool:
        """Whether the move must not be said yet."""
        return self.ponders or self.wish.infinite

    def _hear(self, line: str) -> None:
        session = self.session
        word = next((word for word in line.split() if word in COMMANDS), "")
        if self._later or word in ("go", "position", "ucinewgame"):
            self._later.append(line)
            # Nobody will say stop any more to a search that was forgotten.
            self.stopped = self.stopped or self.is_open
        elif word == "isready":
            session.wire.send("readyok\n")
        elif word == "ponderhit":
            self.ponders, self._shift = False, time.monotonic() - self.began
        elif word in ("stop", "quit"):
            self.stopped = True
            session.is_over = word == "quit"
        elif word:
            self._kept.append(line)

    def hold(self) -> None:
        """Wait with the move for `stop` or `ponderhit` where it must not be said before."""
        while self.is_open and not self.stop():
            self.session.wire.wait(NAP_S)
        self.session.waiting.extendleft(reversed([*self._kept, *self._later]))


def _told(text: str) -> str:
    kept = "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))
    return f"info string {kept[:300]}\n"


def _uci(session: UciSession, words: Sequence[str]) -> str:
    return f"id name Tengen {__version__}\nid author Tengen's authors\n\n{session.options.lines()}uciok\n"


def _setoption(session: UciSession, words: Sequence[str]) -> str:
    name = session.options.set(words)
    if name == "uci_chess960":
        session.board = UciBoard(session.game)
        session.board.chess960 = session.options.is_on("UCI_Chess960") or session.game.chess960 is not None
    elif name == "hash":
        session.thinker.set_hash(session.options.number("Hash"))
    elif name == "clear hash":
        session.thinker.new_game()
    return ""


def _new_game(session: UciSession, words: Sequence[str]) -> str:
    chess960 = session.board.chess960
    session.thinker.new_game()
    session.board = UciBoard(session.game)
    session.board.chess960 = chess960
    return ""


def _position(session: UciSession, words: Sequence[str]) -> str:
    session.board.set(words)
    return ""


def _quit(session: UciSession, words: Sequence[str]) -> str:
    session.is_over = True
    return ""


def _nothing(session: UciSession, words: Sequence[str]) -> str:
    return ""


COMMANDS: dict[str, Callable[[UciSession, Sequence[str]], str]] = {
    "uci": _uci,
    "isready": lambda session, words: "readyok\n",
    "setoption": _setoption,
    "ucinewgame": _new_game,
    "position": _position,
    "go": UciSession.go,
    "quit": _quit,
    "stop": _nothing,  # a search that it was for has ended
    "ponderhit": _nothing,
    "debug": _nothing,
    "register": _nothing,
}
