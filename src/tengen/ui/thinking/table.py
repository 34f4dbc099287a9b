"""The table at which a game is played: the session, who thinks about it, and what is kept of it.

Nothing here draws. Everything runs in one thread, into which `deliver` brings the answers of the others.
"""

import time
from collections.abc import Callable

from tengen.errors import IllegalMove, TengenError
from tengen.ui.model.autosave import AutoSave
from tengen.ui.model.faces import face_of
from tengen.ui.model.records import one_line
from tengen.ui.model.session import Seat, Session
from tengen.ui.model.tree import Node
from tengen.ui.thinking.analyst import Analyst, Insight
from tengen.ui.thinking.keeping import Keeping
from tengen.ui.thinking.looking import Looking, Shown
from tengen.ui.thinking.opponent import Opponent, Reply, Task
from tengen.ui.thinking.worker import Deliver, Worker

DRAW_LIMIT = 0.05  # an agent takes a draw where it values its position no higher
DRAW_TURNS = 20  # turns before which it takes none


class Table(Looking, Keeping):
    """A game with its opponents, its analysis and its files."""

    def __init__(
        self,
        session: Session,
        deliver: Deliver,
        changed: Callable[[], None],
        *,
        network: str | None = None,
        seed: int = 0,
        autosave: AutoSave | None = None,
        least_s: float = 0.0,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """changed: called when there is something new to see; least_s: what an agent's move must take."""
        self.session, self.deliver, self.changed = session, deliver, changed
        self.face = face_of(session.game)
        self.autosave = autosave
        self.least_s, self.now, self.seed = least_s, now, seed
        self.shown = Shown()
        self.message = ""
        self.fault = False  # whether the message tells of one
        self.paused = False
        self.failed: int | None = None  # the player whose agent has failed
        self.insight: Insight | None = None
        self.insight_of: Node | None = None
        self.candidate: int | None = None  # the best move whose line is shown
        self.hinted: Node | None = None
        self.analyst = Analyst(session.game, deliver, network, seed=seed)
        self._opponents: dict[str, Opponent] = {}
        self._saver = Worker("autosave")
        self._asked: Node | None = None
        self._looked: tuple[Node, bool, bool] | None = None

    # --- opponents -----------------------------------------------------------------------------------------

    def opponent(self, spec: str) -> Opponent:
        """The agent of a string; one thread for each."""
        if spec not in self._opponents:
            self._opponents[spec] = Opponent(
                spec, self.game, self.deliver, seed=self.seed, least_s=self.least_s
            )
        return self._opponents[spec]

    @property
    def thinking(self) -> Opponent | None:
        """The opponent that is thinking now."""
        return next((agent for agent in self._opponents.values() if agent.is_thinking), None)

    def start(self) -> None:
        """Begin: clocks run, opponents get ready, and whose turn it is moves."""
        for seat in self.session.seats:
            if not seat.is_human:
                self._warm_up(seat)
        self.refresh()

    def _warm_up(self, seat: Seat) -> None:
        def ready(fault: str) -> None:
            if fault and any(seat is other for other in self.session.seats):
                self._fail(seat, f"choose another opponent: {fault}")
            self.changed()

        self.opponent(seat.spec).warm_up(ready)

    def refresh(self) -> None:
        """After anything changed: let whoever is to move think, on its clock, and look at what is shown."""
        self._run_clock()
        self._ask()
        self._look()
        self.changed()

    def _run_clock(self) -> None:
        clock, awaited = self.session.clock, self.session.awaited
        if clock is None:
            return
        if self.paused or awaited is None:
            clock.pause(self.now())
        elif clock.running != awaited:
            clock.start(awaited, self.now())

    def _ask(self) -> None:
        session = self.session
        if not session.awaits_agent or self.paused:
            self._cancel()
            return
        node = session.tip
        if self._asked is node and self.thinking:
            return
        self._cancel()
        self._asked = node
        seat = session.seats[node.to_play]
        left = None
        if session.clock is not None:
            left = (
                session.clock.at(node.to_play, self.now())[0],
                session.clock.at(1 - node.to_play, self.now())[0],
            )
        task = Task(
            session.tree.root.state,
            tuple(session.tree.actions(node)),
            node.state,
            left,
            session.clock.control.increment_s if session.clock else 0.0,
        )
        self.opponent(seat.spec).ask(task, lambda reply: self._answered(node, seat, reply))

    def _cancel(self) -> None:
        self._asked = None
        for agent in self._opponents.values():
            agent.cancel()

    def _answered(self, node: Node, seat: Seat, reply: Reply) -> None:
        session = self.session
        self._asked = None
        if session.tip is not node or session.is_over:
            return
        if reply.fault:
            self._fail(seat, f"choose another opponent: {reply.fault}")
        elif reply.resigns:
            session.resign(node.to_play, self.now())
            self.say(f"{session.sides[node.to_play]} resigns")
        else:
            if reply.value is not None:
                node.think(reply.value if node.to_play == 0 else -reply.value, 1)
            try:
                played = session.answer(list(reply.actions), self.now())
            except TengenError as error:
                self._fail(seat, f"{seat.name} plays what is not allowed: {error}")
            else:
                self.say(f"{session.sides[played.mover]} plays {played.words}")
        self.keep()
        self.refresh()

    def _fail(self, seat: Seat, why: str) -> None:
        self.paused = True
        self.failed = next(player for player in (0, 1) if self.session.seats[player] is seat)
        self._run_clock()
        self._cancel()
        self.say(why, fault=True)

    def move_now(self) -> None:
        """The opponent is to answer with what it has."""
        agent = self.thinking
        if agent is None:
            raise IllegalMove("no opponent is thinking")
        if not agent.can_hurry:
            raise IllegalMove(f"{agent.spec} cannot be hurried")
        agent.move_now()

    def toggle_pause(self) -> None:
        """Stop the clocks and the opponents, or let them go on."""
        self.paused = not self.paused
        self.say("paused" if self.paused else "")
        self.refresh()

    def seat(self, player: int, seat: Seat) -> None:
        """Somebody else plays a side."""
        before = self.session.seats[player].spec
        self.session.seats[player] = seat
        if before not in [other.spec for other in self.session.seats] and before in self._opponents:
            self._opponents.pop(before).close()
        self._cancel()
        self.paused, self.failed = False, None
        if not seat.is_human:
            self._warm_up(seat)
        self.say(f"{self.session.sides[player]} is played by {seat.name}")
        self.refresh()

    # --- the game ------------------------------------------------------------------------------------------

    def say(self, text: str, fault: bool = False) -> None:
        """What the status line shows."""
        self.message, self.fault = one_line(text), fault

    def play(self, actions: list[int]) -> None:
        """A person's turn, where we look. Raises IllegalMove."""
        self._check_turn()
        node = self.session.play(actions, self.now())
        self._played(node)

    def play_words(self, text: str) -> None:
        """The same by notation. Raises IllegalMove."""
        self._check_turn()
        node = self.session.play_words(text, self.now())
        self._played(node)

    def _check_turn(self) -> None:
        session = self.session
        if session.at_tip and session.awaits_agent and not self.paused:
            raise IllegalMove(f"it is {session.sides[session.tip.to_play]}'s turn, whom {self._who()} plays")

    def _who(self) -> str:
        return self.session.seats[self.session.tip.to_play].name

    def _played(self, node: Node) -> None:
        side = self.session.sides[node.mover]
        if self.session.at_tip:
            self.paused = False  # who moves wants the game to go on
        self.say("" if self.session.at_tip else f"variation: {side} {node.words}")
        self.keep()
        self.refresh()

    def act(self, change: Callable[[], object], message: str = "") -> None:
        """Change the session; opponents stop, and think anew about what came of it. Raises IllegalMove."""
        self._cancel()
        try:
            change()
            self.say(message)
        finally:
            self.keep()
            self.refresh()

    def undo(self) -> None:
        """Take back, also while the opponent thinks; in a variation, one turn of it. Raises IllegalMove."""
        tree = self.session.tree
        if tree.current not in tree.path(self.session.tip):
            self.step(-1)
            return
        self.act(lambda: self.session.undo(self.now()), "taken back")

    def step(self, turns: int) -> None:
        """Look at another position; the game goes on meanwhile."""
        self.session.tree.step(turns)
        self.refresh()

    def go(self, node: Node) -> None:
        """Look at a position."""
        self.session.tree.go(node)
        self.refresh()

    def offer_draw(self, player: int) -> None:
        """A person offers a draw, or takes one; an agent across the board answers. Raises IllegalMove."""
        session = self.session
        if session.offer_draw(player):
            self.say("drawn by agreement")
        elif session.seats[1 - player].is_human:
            self.say(f"{session.sides[player]} offers a draw; {session.sides[1 - player]} may accept it")
        else:
            self._answer_offer(player)
        self.keep()
        self.refresh()

    def _answer_offer(self, player: int) -> None:
        session, node = self.session, self.session.tip
        values = [step.value for step in session.tree.path(node)[-3:] if step.value is not None]
        if not values:
            self.say("the opponent has no opinion yet; offer again after its next move")
            session.offer = None
            return
        own = values[-1] if player == 1 else -values[-1]
        if own <= DRAW_LIMIT and node.number >= DRAW_TURNS:
            session.offer_draw(1 - player)
            self.say("the opponent accepts: drawn by agreement")
        else:
            session.offer = None
            self.say("the opponent declines the draw")

    def tick(self) -> bool:
        """Look at the clocks; whether somebody's time has run out just now."""
        clock, session = self.session.clock, self.session
        if clock is None or session.is_over:
            return False
        loser = clock.expired(self.now())
        if loser is None:
            return False
        session.flag(loser, self.now())
        self._cancel()
        self.say(f"{session.sides[loser]}'s time has run out")
        self.keep()
        self.refresh()
        return True

    def close(self, wait_s: float = 2.0) -> None:
        """Stop everything; what is being written gets its time."""
        self._cancel()
        self.analyst.close()
        for agent in self._opponents.values():
            agent.close(wait_s / 4)
        self._saver.close(wait_s)
        if self.autosave is not None:
            self.autosave.close()
