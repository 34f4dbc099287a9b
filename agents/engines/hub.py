"""Draughts programs that speak Hub 2."""

import time
from collections.abc import Callable, Sequence

import numpy as np

from tengen.agents.engines.driver import Clock, Driver, Patience
from tengen.agents.engines.faults import EngineFault, EngineRefusal, printable
from tengen.agents.engines.hub_wire import (
    HubFault,
    HubMove,
    Message,
    format_message,
    format_moves,
    format_position,
    parse_message,
    parse_move,
)
from tengen.agents.engines.process import EngineProcess
from tengen.agents.engines.talk import Talk, next_line
from tengen.envs.checkers.notation import Turn, legal_turns
from tengen.envs.checkers.text import pieces_of
from tengen.envs.game import Game, States

VARIANTS = ("english", "checkers")  # what programs may call our game
MOVE_S = 1.0  # where nobody says how long to think
MOST_LINES = 100_000  # of information before an answer


class HubDriver(Driver):
    """One Hub engine at English draughts; it is sent the whole game before each move."""

    def __init__(self, process: EngineProcess, game: Game, patience: Patience, depth: int = 0) -> None:
        """depth: plies that it may look ahead, 0 for no limit."""
        if game.family != "checkers":
            raise EngineRefusal(
                f"engine '{process.name}' speaks Hub, which is for draughts, not for {game.name}"
            )
        super().__init__(process, game, patience)
        self.depth = depth
        self._game: bytes | None = None

    def ready(self) -> Talk[None]:
        """The variant is set; refused where the engine knows only others."""
        until = self.born + self.patience.start_s
        variants: list[str] = []
        chosen = ""

        def note(message: Message) -> None:
            nonlocal chosen
            if message.name == "param" and message.arguments.get("name") == "variant":
                variants.extend(message.arguments.get("values", "").split())
                chosen = message.arguments.get("value", "")
            elif message.name == "id":
                said = (message.arguments.get(key, "") for key in ("name", "version"))
                self.version = printable(" ".join(filter(None, said)))

        try:
            self._send("hub")
            yield from self._wait_for("wait", until, "before it was ready", note)
            known = [variant for variant in VARIANTS if variant in (*variants, chosen)]
            if (variants or chosen) and not known:
                raise EngineRefusal(
                    f"engine '{self.name}' cannot play {self.game.name}: it plays "
                    f"{printable(', '.join(variants) or chosen)}, and English draughts would be {VARIANTS[0]}"
                )
            if known and chosen not in VARIANTS:
                self._send("set-param", name="variant", value=known[0])
            self._send("init")
            yield from self._wait_for("ready", until, "before it was ready")
        except EngineFault as fault:
            if fault.kind in ("hang", "crash", "exit"):
                raise EngineFault("start", fault.engine, fault.what, fault.lines) from None
            raise

    def turn(self, start: States, actions: Sequence[int], state: States, clock: Clock) -> Talk[list[int]]:
        """Its move, a whole turn."""
        key = start.tobytes() + np.array(actions[:-1], np.int32).tobytes()
        if self._game is None or not key.startswith(self._game):
            self._send("new-game")
        self._game = start.tobytes() + np.array(actions, np.int32).tobytes()
        moves = self._moves(start, actions)
        position = format_position(int(start["to_play"][0]), pieces_of(start))
        self._send("pos", pos=position, **({"moves": format_moves(moves)} if moves else {}))
        self._level(clock)
        late, hang = self.deadline(clock)
        self._send("go", think=True)
        doing = f"at move {len(moves) + 1}"
        done = yield from self._wait_for("done", hang, doing)
        if time.monotonic() > late:
            raise self.process.fault("time", f"came too late with move {len(moves) + 1}")
        return self._read_move(done.arguments.get("move", ""), state)

    def last_words(self) -> bytes:
        return b"quit\n"

    def _send(self, name: str, /, **arguments: object) -> None:
        self.process.send(format_message(name, **arguments).encode())

    def _level(self, clock: Clock) -> None:
        """Tell it how far or how long it may look."""
        if self.depth:
            self._send("level", depth=self.depth)
        elif clock.left_s is not None:
            self._send("level", time=f"{clock.left_s[0]:.3f}", inc=f"{clock.increment_s:.3f}")
        else:
            move_s = clock.move_s if clock.move_s is not None else self.patience.move_s
            self._send("level", move_time=f"{MOVE_S if move_s is None else move_s:g}")

    def _wait_for(
        self, name: str, until: float, doing: str, note: Callable[[Message], None] | None = None
    ) -> Talk[Message]:
        """The message of that name; others are noted, and unknown ones ignored as the protocol demands."""
        for _ in range(MOST_LINES):
            line = yield from next_line(self.process, until, doing)
            try:
                message = parse_message(line)
            except HubFault as error:
                raise self.process.fault("garbage", f"broke the protocol {doing}: {error}") from None
            if message is None:
                continue
            if message.name == name:
                return message
            if message.name == "error":
                said = printable(message.arguments.get("message", "no reason given"))
                raise self.process.fault("protocol", f"reported an error {doing}: {said}")
            if message.name in ("done", "ready", "wait"):
                raise self.process.fault("protocol", f"said {message.name} {doing}, and {name} was due")
            if note is not None:
                note(message)
        raise self.process.fault("garbage", f"printed {MOST_LINES:,} lines without an answer {doing}")

    def _moves(self, start: States, actions: Sequence[int]) -> list[HubMove]:
        """The turns that a game was made of."""
        state, moves, at = start.copy(), [], 0
        while at < len(actions):
            rest = [int(action) for action in actions[at:]]
            turn = next(t for t in legal_turns(state) if t.actions == rest[: len(t.actions)])
            moves.append(hub_move(turn))
            for action in turn.actions:
                self.game.step(state, np.array([action], np.int32))
            at += len(turn.actions)
        return moves

    def _read_move(self, text: str, state: States) -> list[int]:
        """The actions of the turn that text names. Raises EngineFault."""
        shown = printable(text, 40)
        try:
            move = parse_move(text)
        except HubFault as error:
            raise self.process.fault("garbage", f"answered with no move: {error}") from None
        for turn in legal_turns(state):
            if hub_move(turn) == move:
                return turn.actions
        pieces, side = pieces_of(state), int(state["to_play"][0])
        if 1 <= move.origin <= len(pieces) and pieces[move.origin - 1].lower() == "wb"[side]:
            raise self.process.fault("colour", f"moved the other side's piece: {shown}")
        raise self.process.fault("illegal", f"made an illegal move: {shown}")


def hub_move(turn: Turn) -> HubMove:
    """A turn as Hub writes it."""
    return HubMove(turn.squares[0], turn.squares[-1], turn.captured)
