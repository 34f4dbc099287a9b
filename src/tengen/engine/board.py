"""A game of Go as GTP plays it: either colour may move at any time, and two passes end nothing.

The rules' own states alternate and end. Where a side moves twice, the other passes in between, as in records;
a game that is over is opened again by whoever plays on.
"""

from collections import deque

import numpy as np
from numpy.typing import NDArray

from tengen.envs.game import States
from tengen.envs.go.game import Go
from tengen.envs.go.options import MAX_CAP
from tengen.errors import IllegalMove, TengenError

KEPT = 256  # positions that undo finds ready; earlier ones are played through again


class GoBoard:
    """Position and history. Whatever raises leaves both as they were."""

    def __init__(self, game: Go, komi: float | None = None) -> None:
        """komi: what was asked for, where the rules know only the nearest half point of it."""
        self.game = _plain(game, game.komi if komi is None else komi)
        self.komi = game.komi if komi is None else komi
        self.start: States = self.game.new_states(1)
        self.state: States = self.start.copy()
        self.moves: list[tuple[int, int]] = []  # (color, action), as they were played
        self.actions: list[int] = []  # with the passes in between
        self._plies: list[int] = []  # of each move: 1, or 2 with a pass before it
        self._before: deque[States] = deque(maxlen=KEPT)

    @property
    def size(self) -> int:
        """Lines of the board."""
        return self.game.size

    @property
    def to_play(self) -> int:
        """Whose turn it would be: 0 Black, 1 White."""
        return int(self.state["to_play"][0])

    @property
    def is_empty(self) -> bool:
        """Whether no stone is on the board."""
        return not self.colors().any()

    def colors(self) -> NDArray[np.int8]:
        """The points [size * size]: 0 empty, 1 Black, 2 White."""
        return self.game.colors(self.state).reshape(-1)

    def captured(self) -> tuple[int, int]:
        """How many stones of Black and of White were taken off the board."""
        colors, begin = self.colors(), self.game.colors(self.start)
        gone = [int((begin == c).sum() - (colors == c).sum()) for c in (1, 2)]
        for color, action in self.moves:
            gone[color] += action != self.game.pass_action
        return gone[0], gone[1]

    def turned(self, color: int) -> States:
        """The position [1] with a colour to move, open; the caller may write to it."""
        state = self._room().copy()
        self._turn(state, color)
        return state

    def path(self, color: int) -> list[int]:
        """The actions from `start` to `turned(color)`."""
        between = [self.game.pass_action] if color != self.to_play else []
        return self.actions + between

    def play(self, color: int, action: int) -> None:
        """Raises IllegalMove with the reason."""
        state = self._room().copy()
        plies = 1 + self._turn(state, color)
        if action != self.game.pass_action and (fault := self.game.fault(state, action)):
            raise IllegalMove(f"{self.game.format_action(state, action)} is illegal: {fault}")
        self.game.step(state, np.array([action], np.int32))
        self._before.append(self.state)
        self.state = state
        self.moves.append((color, action))
        if plies == 2:
            self.actions.append(self.game.pass_action)
        self.actions.append(action)
        self._plies.append(plies)

    def undo(self) -> None:
        """Take back the last move. Raises IllegalMove where there is none."""
        if not self.moves:
            raise IllegalMove("there is no move to take back")
        self.moves.pop()
        del self.actions[-self._plies.pop() :]
        if self._before:
            self.state = self._before.pop()
        else:
            self._replay()

    def place(self, points: NDArray[np.int8] | list[int], to_play: int = 1) -> None:
        """Begin anew from Black stones on points, or from colours [size * size]. Raises TengenError."""
        if isinstance(points, list):
            colors = np.zeros(self.size**2, np.int8)
            colors[points] = 1
        else:
            colors = points
        start = self.game.from_colors(colors, to_play)
        self.start, self.state = start, start.copy()
        self.moves, self.actions, self._plies = [], [], []
        self._before.clear()

    def set_komi(self, komi: float) -> None:
        """Change komi in mid-game; the rules take the nearest half point that they know."""
        self.komi = komi
        self.game = _plain(self.game, komi, self.game.max_plies)
        for state in (self.start, self.state, *self._before):
            state["komi2"] = round(2 * self.game.komi)

    def set_rules(self, rules: str, suicide: bool) -> None:
        """Play the game through again under other rules. Raises IllegalMove where they forbid a move."""
        other = GoBoard(Go(self.size, self.game.komi, rules, suicide, cap=self.game.max_plies), self.komi)
        other.place(self.game.colors(self.start).reshape(-1), int(self.start["to_play"][0]))
        for color, action in self.moves:
            other.play(color, action)
        self.__dict__.update(other.__dict__)

    def _room(self) -> States:
        """The state, once the game has room for a search from it."""
        cap, ply = self.game.max_plies, int(self.state["ply"][0])
        if ply + self.size**2 + 2 > cap < MAX_CAP:
            self.game = _plain(self.game, self.komi, min(MAX_CAP, 2 * cap))
            start = self.game.from_colors(_colors(self.start, self.size), int(self.start["to_play"][0]))
            self.start = start
            self._replay()
        elif ply + 3 > cap:
            raise IllegalMove(f"the game has {ply} moves; {MAX_CAP} are the most")
        return self.state

    def _turn(self, state: States, color: int) -> int:
        """Open a state and let a colour move; how many passes it took."""
        if state["terminal"][0]:
            state["terminal"], state["passes"] = False, 0
        if state["to_play"][0] == color:
            return 0
        self.game.step(state, np.array([self.game.pass_action], np.int32))
        state["terminal"], state["passes"] = False, 0
        return 1

    def _replay(self) -> None:
        """Make `state` from the start and the moves."""
        state = self.start.copy()
        self._before.clear()
        for color, action in self.moves:
            self._before.append(state.copy())
            self._turn(state, color)
            self.game.step(state, np.array([action], np.int32))
        self.state = state


def _colors(state: States, size: int) -> NDArray[np.int8]:
    cells = state["points"][0][:-1, 0].reshape(size + 2, size + 1)
    return np.ascontiguousarray(cells[1:-1, 1:], np.int8).reshape(-1)


def _plain(game: Go, komi: float, cap: int | None = None) -> Go:
    """The same game without handicap, with the nearest komi that its rules know."""
    limit = game.size**2
    near = max(-limit, min(limit, round(2 * komi) / 2))
    cap = game.max_plies if cap is None else cap
    if game.handicap == 0 and near == game.komi and cap == game.max_plies:
        return game
    return Go(game.size, near, game.rules, game.suicide, cap=cap)


def parse_komi(text: str) -> float:
    """A finite number. Raises TengenError."""
    try:
        komi = float(text)
    except ValueError:
        komi = float("nan")
    if not abs(komi) < 1e6:
        raise TengenError(f"'{text[:40]}' is not a number of points")
    return komi
