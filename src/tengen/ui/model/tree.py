"""The turns of a game with all variations that were tried, and where in them we are looking."""

from collections.abc import Iterator, Sequence

from tengen.envs.game import Game, States
from tengen.envs.position import Position
from tengen.errors import IllegalMove
from tengen.ui.model.clock import Reading


class Node:
    """A position, and the turn that led to it; the root has none."""

    def __init__(self, state: States, parent: "Node | None" = None, actions: Sequence[int] = ()) -> None:
        self.state = state  # [1], after the turn; nobody writes to it
        self.parent = parent
        self.actions = tuple(actions)
        self.words = ""  # the turn in notation
        self.mover = -1  # who made the turn, 0 or 1
        self.captured = 0  # stones or pieces that the turn took
        self.number: int = 0 if parent is None else parent.number + 1  # turns before and with this one
        self.children: list[Node] = []
        self.chosen: Node | None = None  # the child that was looked at last
        self.value: float | None = None  # what a search thinks, for player 0, in [-1, 1]
        self.weight = 0  # simulations behind `value`
        self.reading: Reading | None = None  # of the clocks, once the turn was made
        self.comment = ""

    @property
    def to_play(self) -> int:
        """Who is to move here."""
        return int(self.state["to_play"][0])

    @property
    def is_terminal(self) -> bool:
        """Whether the rules end the game here."""
        return bool(self.state["terminal"][0])

    def think(self, value: float, weight: int) -> None:
        """Note a search's value for player 0, unless a deeper one is known."""
        if weight >= self.weight:
            self.value, self.weight = value, weight


class GameTree:
    """A game with its variations. `current` is the position looked at; moves are played there."""

    def __init__(self, game: Game, start: States | None = None) -> None:
        """Begin at `start` [1], or at the start of the game."""
        self.game = game
        self.root = Node(game.new_states(1) if start is None else start.copy())
        self.current = self.root

    def play(self, actions: Sequence[int]) -> Node:
        """Play a whole turn and look at what it led to; a turn that is known already is not added again.

        Raises IllegalMove, and then nothing has changed.
        """
        here = self.current
        for child in here.children:
            if child.actions == tuple(actions):
                return self.go(child)
        position = Position(self.game, here.state)
        if not actions:
            raise IllegalMove("a turn has at least one action")
        for action in actions:
            position.apply(action)
        if self.game.family == "checkers" and position.to_play == here.to_play and not position.is_terminal:
            raise IllegalMove(f"{self.game.format_action(here.state, actions[0])}: the jump must go on")
        node = Node(position.state, here, actions)
        node.mover = here.to_play
        node.words = self.game.format_turn(here.state, list(actions))
        before, after = (_pieces(self.game, state, 1 - node.mover) for state in (here.state, node.state))
        node.captured = before - after
        here.children.append(node)
        return self.go(node)

    def play_words(self, text: str) -> Node:
        """Play a turn in the game's notation. Raises IllegalMove."""
        if self.current.is_terminal:
            raise IllegalMove(f"{text.strip()[:20]} is illegal: the game is over")
        return self.play(self.game.parse_turn(self.current.state, text))

    def play_actions(self, actions: Sequence[int]) -> Node:
        """Play many actions, each turn as long as its side goes on. Raises IllegalMove."""
        position, turn = Position(self.game, self.current.state), []
        for action in actions:
            mover = position.to_play
            position.apply(action)
            turn.append(action)
            if position.to_play != mover or position.is_terminal:
                self.play(turn)
                turn = []
        return self.current

    def go(self, node: Node) -> Node:
        """Look at a node; stepping forward leads along the way to it from now on."""
        self.current = node
        while node.parent is not None:
            node.parent.chosen = node
            node = node.parent
        return self.current

    def step(self, turns: int) -> Node:
        """Go back (below 0) or forward by so many turns, as far as there are any."""
        node = self.current
        for _ in range(abs(turns)):
            following = node.parent if turns < 0 else self.next_of(node)
            if following is None:
                break
            node = following
        self.current = node
        return node

    def next_of(self, node: Node) -> Node | None:
        """Where stepping forward leads."""
        return node.chosen or (node.children[0] if node.children else None)

    def sibling(self, step: int) -> Node:
        """Look at the next (1) or the last (-1) of the variations that begin where this one does."""
        parent = self.current.parent
        if parent is not None and len(parent.children) > 1:
            index = (parent.children.index(self.current) + step) % len(parent.children)
            self.go(parent.children[index])
        return self.current

    def vary(self, step: int) -> bool:
        """As `sibling`; where this turn has none, another turn follows it. Whether there was a choice."""
        here = self.current
        if here.parent is not None and len(here.parent.children) > 1:
            self.sibling(step)
        elif len(here.children) > 1:
            index = here.children.index(self.next_of(here) or here.children[0])
            here.chosen = here.children[(index + step) % len(here.children)]
        else:
            return False
        return True

    def cut(self, node: Node) -> None:
        """Forget a node and what follows it."""
        if node.parent is None:
            raise IllegalMove("the start of a game cannot be taken out of it")
        if node in self.path():
            self.current = node.parent
        node.parent.children.remove(node)
        if node.parent.chosen is node:
            node.parent.chosen = None

    def path(self, node: Node | None = None) -> list[Node]:
        """The nodes from the root to `node`, both included; to the current one unless told."""
        out = [node or self.current]
        while out[-1].parent is not None:
            out.append(out[-1].parent)
        return out[::-1]

    def line(self, node: Node | None = None) -> list[Node]:
        """The path to a node and on to where stepping forward ends."""
        out = self.path(node)
        while (following := self.next_of(out[-1])) is not None:
            out.append(following)
        return out

    def actions(self, node: Node | None = None) -> list[int]:
        """All actions from the root to a node."""
        return [action for step in self.path(node) for action in step.actions]

    def nodes(self) -> Iterator[Node]:
        """Every node, parents first."""
        waiting = [self.root]
        while waiting:
            node = waiting.pop()
            yield node
            waiting += reversed(node.children)

    def captures(self, player: int, node: Node | None = None) -> int:
        """What a player has taken on the way to a node."""
        return sum(step.captured for step in self.path(node) if step.mover == player)


def _pieces(game: Game, state: States, player: int) -> int:
    """How many stones or pieces a player has on the board; 0 in games where none are taken."""
    if game.family == "go":
        from tengen.envs.go.game import Go

        assert isinstance(game, Go)
        return int((game.colors(state) == 1 + player).sum())
    if game.family == "checkers":
        return int(state["board"][0, player]).bit_count()
    if game.family == "chess":  # the first word is the side to move's
        return int(state["board"][0, player ^ int(state["to_play"][0])]).bit_count()
    return 0
