"""A game at the board: who plays, whose turn it is, how it ended, and what may be taken back."""

from dataclasses import dataclass, field

from tengen.envs.game import Game, States
from tengen.errors import IllegalMove, TengenError
from tengen.ui.model.clock import GameClock
from tengen.ui.model.tree import GameTree, Node

HUMAN = "human"


@dataclass
class Seat:
    """Who plays a side: an agent string, or a person."""

    spec: str = HUMAN
    label: str = ""  # what the screen calls it
    rating: str = ""

    @property
    def is_human(self) -> bool:
        """Whether a person sits here."""
        return self.spec == HUMAN

    @property
    def name(self) -> str:
        """The label, or else the agent string."""
        return self.label or self.spec


@dataclass
class Session:
    """A game that is being played at `tip`, while `tree.current` may look elsewhere.

    Turns that are played while looking elsewhere are variations, which nobody answers; `play_on` makes one
    the game.
    """

    game: Game
    seats: list[Seat] = field(default_factory=lambda: [Seat(), Seat()])
    clock: GameClock | None = None
    tree: GameTree = field(init=False)
    tip: Node = field(init=False)
    ending: str = ""  # a result that the position does not show, in the game's own words
    reason: str = ""  # resignation, time, agreement
    dead: frozenset[int] = frozenset()  # points of stones that are taken to be dead after two passes
    offer: int | None = None  # the player who has offered a draw
    start: States | None = None
    names: tuple[str, str] | None = None  # of who played a game that was opened, where its file says

    def __post_init__(self) -> None:
        self.tree = GameTree(self.game, self.start)
        self.tip = self.tree.root

    # --- where we are --------------------------------------------------------------------------------------

    @property
    def sides(self) -> tuple[str, str]:
        """What the game calls its players."""
        return self.game.first_player, self.game.second_player

    @property
    def at_tip(self) -> bool:
        """Whether we look at the position that is being played."""
        return self.tree.current is self.tip

    @property
    def is_over(self) -> bool:
        """Whether the game has ended, by its rules or otherwise."""
        return bool(self.ending) or self.tip.is_terminal

    @property
    def awaited(self) -> int | None:
        """The player whose move the game waits for; None when it is over."""
        return None if self.is_over else self.tip.to_play

    @property
    def awaits_agent(self) -> bool:
        """Whether an agent is to move."""
        return self.awaited is not None and not self.seats[self.awaited].is_human

    @property
    def human_side(self) -> int | None:
        """The side of the only person, None with two or none."""
        people = [player for player in (0, 1) if self.seats[player].is_human]
        return people[0] if len(people) == 1 else None

    @property
    def result(self) -> str:
        """In the game's own words; "" while it goes on."""
        if self.ending:
            return self.ending
        if not self.tip.is_terminal:
            return ""
        if self.dead and self.game.family == "go":
            from tengen.agents.engines.referee import score_without_dead

            score = score_without_dead(self.game, self.tip.state, sorted(self.dead))  # type: ignore[arg-type]
            return f"{'B' if score > 0 else 'W'}+{abs(score):g}" if score else "draw"
        return self.game.describe_result(self.tip.state)

    def game_or_variation(self) -> list[Node]:
        """The game to its present position; where we look at a variation, that one to its end."""
        played = self.tree.path(self.tip)
        return played if self.tree.current in played else self.tree.line()

    @property
    def marks_dead(self) -> bool:
        """Whether dead stones may be marked: Go, after two passes."""
        return self.game.family == "go" and not self.ending and self.tip.is_terminal and self.at_tip

    # --- playing -------------------------------------------------------------------------------------------

    def play(self, actions: list[int], now: float = 0.0) -> Node:
        """Play a turn where we look: a move of the game at the tip, a variation elsewhere.

        Raises IllegalMove, and then nothing has changed.
        """
        live = self.at_tip
        if live and self.is_over:
            raise IllegalMove("the game is over; take the last move back, or begin a new game")
        mover = self.tree.current.to_play
        node = self.tree.play(actions)
        if live:
            self._advance(node, mover, now)
        return node

    def play_words(self, text: str, now: float = 0.0) -> Node:
        """As `play`, by notation."""
        if self.at_tip and self.is_over:
            raise IllegalMove("the game is over; take the last move back, or begin a new game")
        here = self.tree.current
        if here.is_terminal:
            raise IllegalMove(f"{text.strip()[:20]} is illegal: the game is over")
        return self.play(self.game.parse_turn(here.state, text), now)

    def answer(self, actions: list[int], now: float = 0.0) -> Node:
        """Play an agent's turn at the tip, wherever we look."""
        looked_at, mover = self.tree.current, self.tip.to_play
        was_live = self.at_tip
        chosen = self.tip.chosen
        self.tree.current = self.tip
        try:
            node = self.tree.play(actions)
        finally:
            if not was_live:
                self.tree.current = looked_at
                self.tip.chosen = chosen or self.tip.chosen
        self._advance(node, mover, now)
        return node

    def _advance(self, node: Node, mover: int, now: float) -> None:
        self.tip = node
        self.dead = frozenset()
        if self.offer != mover:
            self.offer = None  # a move refuses the other's offer
        if self.clock is not None:
            self.clock.moved(mover, now)
            node.reading = self.clock.reading()
            if not self.is_over:
                self.clock.start(node.to_play, now)

    def undo(self, now: float = 0.0) -> Node:
        """Take back to where a person was last to move; the turns stay as a variation.

        An ending by resignation, time or agreement is what is taken back first. Raises IllegalMove.
        """
        if self.ending:
            self._reopen(self.tip, now)
            return self.tip
        node = self.tip.parent
        if not all(seat.is_human for seat in self.seats) and any(seat.is_human for seat in self.seats):
            while node is not None and not self.seats[node.to_play].is_human:
                node = node.parent
        if node is None:
            raise IllegalMove("there is no move of yours to take back")
        self._reopen(node, now)
        return node

    def redo(self, now: float = 0.0) -> Node:
        """Play again what was taken back, up to the next move of a person. Raises IllegalMove."""
        node = self.tree.next_of(self.tip)
        if node is None:
            raise IllegalMove("there is no move to play again")
        while not node.is_terminal and not self.seats[node.to_play].is_human:
            following = self.tree.next_of(node)
            if following is None:
                break
            node = following
        self._reopen(node, now)
        return node

    def play_on(self, now: float = 0.0) -> Node:
        """Make the position that we look at the one that is being played."""
        self._reopen(self.tree.current, now)
        return self.tip

    def _reopen(self, node: Node, now: float) -> None:
        self.ending = self.reason = ""
        self.dead, self.offer = frozenset(), None
        self.tip = self.tree.go(node)
        if self.clock is not None:
            reading = node.reading or (
                GameClock(self.clock.control).reading() if node.parent is None else None
            )
            self.clock.pause(now)
            if reading is not None:  # what is taken back has cost no time
                self.clock.put_back(reading)
            if not self.is_over:
                self.clock.start(node.to_play, now)

    # --- ends that the position does not show --------------------------------------------------------------

    def resign(self, player: int, now: float = 0.0) -> None:
        """A player gives the game up."""
        self._end(1 - player, "resignation", "R", now)

    def flag(self, player: int, now: float = 0.0) -> None:
        """A player's time has run out."""
        self._end(1 - player, "time", "T", now)

    def offer_draw(self, player: int) -> bool:
        """Offer a draw, or take the other's offer; whether the game is drawn now. Raises IllegalMove."""
        if self.is_over:
            raise IllegalMove("the game is over; there is nothing to offer a draw in")
        if self.game.family == "go":
            raise IllegalMove("a game of Go is not drawn by agreement")
        if self.offer == 1 - player:
            self.ending, self.reason = "draw", "agreement"
            return True
        self.offer = player
        return False

    def _end(self, winner: int, reason: str, letter: str, now: float) -> None:
        if self.is_over:
            raise IllegalMove("the game is over already")
        if self.clock is not None:
            self.clock.pause(now)
        if self.game.family == "go":
            self.ending = f"{'BW'[winner]}+{letter}"
        else:
            self.ending = f"{self.sides[winner]} wins"
        self.reason = reason

    # --- dead stones, sides, set-up ------------------------------------------------------------------------

    def toggle_dead(self, point: int) -> None:
        """Mark the chain at a point as dead, or as alive again. Raises IllegalMove where there is none."""
        if not self.marks_dead:
            raise IllegalMove("stones are marked as dead once both have passed")
        chain = chain_at(self.game, self.tip.state, point)
        if not chain:
            raise IllegalMove("there is no stone to mark there")
        self.dead = self.dead - chain if point in self.dead else self.dead | chain

    def swap_sides(self) -> None:
        """The players change colours."""
        self.seats.reverse()

    def new_game(self, start: States | None = None) -> None:
        """Begin anew with the same players; at a position that was set up, if one is given."""
        if start is not None and start["terminal"][0]:
            raise TengenError("nothing can be played in this position: the game is over in it")
        self.start, self.names = start, None
        self.tree = GameTree(self.game, start)
        self.tip = self.tree.root
        self.ending = self.reason = ""
        self.dead, self.offer = frozenset(), None
        if self.clock is not None:
            self.clock = GameClock(self.clock.control)


def chain_at(game: Game, state: States, point: int) -> frozenset[int]:
    """The points of the chain of stones at a point; empty where there is no stone."""
    from tengen.envs.go.game import Go

    assert isinstance(game, Go)
    colors = game.colors(state).reshape(-1)
    if not colors[point]:
        return frozenset()
    found, waiting = {point}, [point]
    while waiting:
        row, column = divmod(waiting.pop(), game.size)
        for r, c in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
            near = r * game.size + c
            inside = 0 <= r < game.size and 0 <= c < game.size
            if inside and near not in found and colors[near] == colors[point]:
                found.add(near)
                waiting.append(near)
    return frozenset(found)
