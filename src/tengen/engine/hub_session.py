"""The Hub protocol for draughts, version 2, from the engine's side, over English draughts.

F. Letouzey, "Hub protocol for draughts, version 2", 2017. It was written for draughts on 10x10; its parameter
`variant` has no value for the English game, which is called `english` here. Squares are 1 to 32, Black at the
top and to move first; a position is a letter for the side to move and one of w, b, W, B, e for each square.
"""

import logging
import time
from collections.abc import Callable

import numpy as np

from tengen import __version__
from tengen.agents.base import RESIGN, Agent
from tengen.agents.engines.hub import hub_move
from tengen.agents.engines.hub_wire import HubFault, Message, format_message, parse_message, parse_move
from tengen.agents.mcts.agent import MctsAgent
from tengen.engine.wire import Silent, Wire
from tengen.envs.checkers.notation import legal_turns
from tengen.envs.game import Game, States
from tengen.envs.position import Position
from tengen.errors import TengenError

log = logging.getLogger(__name__)
VARIANT = "english"
SLOT = np.zeros(1, np.int32)
SHARE = 1 / 30  # of the time left, a move
LAG_S = 0.1


class HubSession:
    """One GUI's engine: the position, the time and the agent."""

    def __init__(self, agent: Agent, game: Game, wire: Wire | None = None) -> None:
        self.agent, self.game = agent, game
        self.wire: Wire = wire or Silent()
        self.position = Position(game)
        self.is_over = False
        self.level: dict[str, float] = {}
        agent.start(game, 1)

    def answer(self, line: str) -> str:
        """What is said to a line, "" for nothing.

        What cannot be obeyed is answered with an error message and changes nothing.
        """
        try:
            message = parse_message(line)
            if message is None:
                return ""
            run = COMMANDS.get(message.name)
            if run is None:
                raise HubFault(f"unknown command {message.name[:40]}")
            return run(self, message)
        except TengenError as error:
            return _error(str(error))
        except Exception as error:
            log.debug("line %s", line[:200], exc_info=True)
            return _error(f"internal error: {type(error).__name__}")

    def seconds(self) -> float | None:
        """How long the next move may take, None for as long as the agent likes."""
        level = self.level
        if "move-time" in level:
            return max(0.02, level["move-time"] - LAG_S)
        if "time" not in level:
            return None
        share = 1 / level["moves"] if level.get("moves") else SHARE
        wanted = level["time"] * share + level.get("inc", 0.0)
        return max(0.02, min(wanted, 0.5 * level["time"]) - LAG_S)

    def choose(self, *, analyse: bool = False) -> list[int] | None:
        """The actions of the agent's turn, None where it resigns; they are not played.

        analyse: the time does not count, only `stop` does.
        """
        there = Position(self.game, self.position.start)
        for action in self.position.actions:
            there.apply(action)
        player, begin = there.to_play, len(there.actions)
        seconds = None if analyse else self.seconds()
        until = None if seconds is None else time.monotonic() + seconds
        agent = self.agent
        if isinstance(agent, MctsAgent):
            nodes = int(self.level.get("nodes", agent.config.simulations))
            agent.budget = max(1, min(agent.config.simulations, nodes))
        if hasattr(agent, "stop"):  # tree search and alpha-beta
            agent.stop = lambda: self._is_stopped(analyse) or (until is not None and time.monotonic() > until)
        try:
            while there.to_play == player and not there.is_terminal:
                if agent.needs_history:
                    agent.follow(0, there.start, there.actions)
                action = int(agent.choose(there.state.copy(), SLOT)[0])
                if action == RESIGN:
                    return None
                there.apply(action)
        finally:
            if hasattr(agent, "stop"):
                agent.stop = None
            if isinstance(agent, MctsAgent):
                agent.budget = None
        return there.actions[begin:]

    def _is_stopped(self, analyse: bool) -> bool:
        """An analysis ends by any line; a move is still owed to a script that has said quit already."""
        return self.wire.pending() if analyse else self.wire.heard("stop") or self.wire.closed()

    def warm_up(self) -> None:
        """Let what is compiled at its first use be compiled now, not on somebody's clock."""
        self.level = {"nodes": 1, "move-time": 0.1}
        self.choose()
        self.level = {}
        self.agent.start(self.game, 1)


def _hub(session: HubSession, message: Message) -> str:
    return (
        format_message("id", name="Tengen", version=__version__, author="Tengen's authors")
        + format_message("param", name="variant", value=VARIANT, type="enum", values=VARIANT)
        + "wait\n"
    )


def _set_param(session: HubSession, message: Message) -> str:
    name, value = message.arguments.get("name", ""), message.arguments.get("value", "")
    if name == "variant" and value != VARIANT:
        raise HubFault(f"variant {value[:40]} is not played; {VARIANT} is")
    if name != "variant":
        raise HubFault(f"unknown parameter {name[:40]}; variant is known")
    return ""


def _init(session: HubSession, message: Message) -> str:
    return "ready\n"


def _new_game(session: HubSession, message: Message) -> str:
    session.agent.start(session.game, 1)
    session.position = Position(session.game)
    return ""


def _pos(session: HubSession, message: Message) -> str:
    text = message.arguments.get("pos")
    start = session.game.new_states(1) if text is None else read_position(session.game, text)
    position = Position(session.game, start)
    for word in message.arguments.get("moves", "").split():
        for action in find_turn(position.state, word):
            position.apply(action)
    session.position = position
    return ""


def _level(session: HubSession, message: Message) -> str:
    level = {}
    for key, value in message.arguments.items():
        if key in ("infinite", "ponder"):
            continue
        if key not in ("depth", "nodes", "time", "inc", "moves", "move-time"):
            raise HubFault(f"unknown level {key[:40]}")
        try:
            level[key] = float(value)
        except ValueError:
            level[key] = float("nan")
        if not 0 <= level[key] < 1e9:
            raise HubFault(f"level {key}={value[:40]} is not a number of 0 or more")
    session.level = level
    return ""


def _go(session: HubSession, message: Message) -> str:
    if session.position.is_terminal:
        raise HubFault("the game is over")
    if message.arguments and not message.arguments.keys() & {"think", "analyze"}:
        raise HubFault("only go think and go analyze are known")
    begun, analyse = time.monotonic(), "analyze" in message.arguments
    state = session.position.state
    actions = session.choose(analyse=analyse)
    while analyse and not session.wire.pending():  # its search is over, but nobody has said stop
        session.wire.wait(1.0)
    if actions is None:  # the protocol knows no resignation
        actions = legal_turns(state)[0].actions
    turn = next(turn for turn in legal_turns(state) if turn.actions == actions)
    move = str(hub_move(turn))
    said = {"time": f"{time.monotonic() - begun:.2f}", "pv": move}
    values = session.agent.last_values
    if values is not None:
        said["score"] = f"{float(values[0]):.2f}"
    return format_message("info", **said) + format_message("done", move=move)


def _quit(session: HubSession, message: Message) -> str:
    session.is_over = True
    return ""


def read_position(game: Game, text: str) -> States:
    """States [1] from Hub's position. Raises HubFault."""
    pieces = text[1:]
    if text[:1] not in ("B", "W") or len(pieces) != 32 or set(pieces) - set("wbWBe"):
        raise HubFault("a position is B or W and then 32 of w, b, W, B and e")
    sides = {"w": [], "b": []}  # type: dict[str, list[str]]
    for square, piece in enumerate(pieces, 1):
        if piece != "e":
            sides[piece.lower()].append(f"{'K' if piece.isupper() else ''}{square}")
    return game.from_text(f"{text[0]}:W{','.join(sides['w'])}:B{','.join(sides['b'])}")


def find_turn(state: States, word: str) -> list[int]:
    """The actions of the legal turn that a move names. Raises HubFault."""
    move = parse_move(word)
    for turn in [] if state["terminal"][0] else legal_turns(state):
        if hub_move(turn) == move:
            return turn.actions
    raise HubFault(f"illegal move {word[:60]}")


def _error(text: str) -> str:
    kept = "".join(c if c.isprintable() else "?" for c in " ".join(text.replace('"', "'").split()))
    return format_message("error", message=kept[:300])


COMMANDS: dict[str, Callable[[HubSession, Message], str]] = {
    "hub": _hub,
    "set-param": _set_param,
    "init": _init,
    "new-game": _new_game,
    "pos": _pos,
    "level": _level,
    "go": _go,
    "stop": lambda session, message: "",  # a search ends by any line; this one came after
    "ping": lambda session, message: "pong\n",
    "ponder-hit": lambda session, message: "",
    "quit": _quit,
}
