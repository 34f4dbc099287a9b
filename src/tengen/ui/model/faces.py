"""How the turns of each game lie on the squares of its board: what a click means, and where a turn goes.

A cell is row * columns + column of the board as it is drawn upright.
"""

import abc
import re
from collections.abc import Sequence

import numpy as np

from tengen.envs.game import Game, States
from tengen.errors import IllegalMove, TengenError


class Face(abc.ABC):
    """A game's board as squares that are pointed at."""

    rows: int
    columns: int
    picks = False  # whether a piece is chosen first, and then where it goes
    dark_only = False  # whether only the dark squares are played on

    def __init__(self, game: Game) -> None:
        self.game = game

    @abc.abstractmethod
    def pieces(self, state: States) -> str:
        """What stands on every cell: a letter each, "." for nothing."""

    @abc.abstractmethod
    def path(self, state: States, actions: Sequence[int]) -> list[int]:
        """The cells that a turn visits, where it ends last; none for a pass."""

    @abc.abstractmethod
    def turns_at(self, state: States, cells: Sequence[int]) -> list[list[int]]:
        """The legal turns whose path begins with these cells (of one that drops: that end in its column)."""

    @abc.abstractmethod
    def typed(self, text: str, state: States) -> bool | None:
        """Of what was typed so far: True a turn without doubt, None the beginning of one, False neither."""

    def movable(self, state: States) -> list[int]:
        """Where pieces stand that may move, where they are chosen."""
        return []

    def choices(self, state: States, turns: Sequence[Sequence[int]]) -> list[str]:
        """What tells turns apart that go the same way, a word each."""
        return [self.game.format_turn(state, turn) for turn in turns]

    def heat_cells(self, state: States) -> list[tuple[int, int]]:
        """Actions with the cells on which a network's expectation of them is shown."""
        return []

    def glow(self, state: States) -> list[int]:
        """Cells that are to stand out: a line of four, a king in check."""
        return []

    def why_not(self, state: States, cell: int) -> str:
        """Why nothing can be done with the piece on a cell."""
        return "no piece there can move"

    def meant(self, text: str, state: States) -> str:
        """What was typed, as the game's notation has it."""
        return text

    def start_cell(self) -> int:
        """Where the cursor first stands."""
        return self.rows // 2 * self.columns + self.columns // 2


class GoFace(Face):
    """Points; an action is a cell."""

    def __init__(self, game: Game) -> None:
        super().__init__(game)
        self.rows = self.columns = game.obs_shape[1]

    def pieces(self, state: States) -> str:
        colors = self.game.colors(state).reshape(-1)  # type: ignore[attr-defined]
        return "".join(".XO"[color] for color in colors)

    def path(self, state: States, actions: Sequence[int]) -> list[int]:
        return [action for action in actions if action < self.rows * self.columns]

    def turns_at(self, state: States, cells: Sequence[int]) -> list[list[int]]:
        return [] if state["terminal"][0] else [[cells[-1]]]  # whether the rules allow it, playing tells

    def typed(self, text: str, state: States) -> bool | None:
        if not re.fullmatch(r"[a-hj-t][0-9]{0,2}", text) or "abcdefghjklmnopqrst".index(text[0]) >= self.rows:
            return False
        if len(text) == 1 or text[1] == "0":
            return None if len(text) == 1 else False
        if int(text[1:]) > self.rows:
            return False
        return True if int(text[1:]) * 10 > self.rows or len(text) == 3 else None


class CheckersFace(Face):
    """Eight rows of eight, of which the dark squares count."""

    rows = columns = 8
    picks = dark_only = True

    def __init__(self, game: Game) -> None:
        from tengen.envs.checkers import rules

        super().__init__(game)
        self.cell = [8 * (square // 4) + int(rules.COLUMN[square]) for square in range(32)]
        self.square = {cell: square + 1 for square, cell in enumerate(self.cell)}

    def pieces(self, state: States) -> str:
        from tengen.envs.checkers.text import pieces_of

        out = ["."] * 64
        for square, piece in enumerate(pieces_of(state)):
            out[self.cell[square]] = piece
        return "".join(out)

    def path(self, state: States, actions: Sequence[int]) -> list[int]:
        from tengen.envs.checkers.notation import legal_turns

        for turn in legal_turns(state):
            if turn.actions[: len(actions)] == list(actions):
                return [self.cell[square - 1] for square in turn.squares[: len(actions) + 1]]
        return []

    def turns_at(self, state: States, cells: Sequence[int]) -> list[list[int]]:
        from tengen.envs.checkers.notation import legal_turns

        if state["terminal"][0] or any(cell not in self.square for cell in cells):
            return []
        squares = tuple(self.square[cell] for cell in cells)
        return [turn.actions for turn in legal_turns(state) if turn.squares[: len(squares)] == squares]

    def movable(self, state: States) -> list[int]:
        from tengen.envs.checkers.notation import legal_turns

        return [self.path(state, turn.actions)[0] for turn in legal_turns(state)]

    def heat_cells(self, state: States) -> list[tuple[int, int]]:
        from tengen.envs.checkers.notation import legal_turns

        first = dict.fromkeys(turn.actions[0] for turn in legal_turns(state))
        return [(action, self.path(state, [action])[-1]) for action in first]

    def why_not(self, state: States, cell: int) -> str:
        square = self.square.get(cell)
        if square is None:
            return "only the dark squares are played on"
        try:
            self.game.parse_turn(state, f"{square}-{square}")
        except IllegalMove as error:
            return str(error).partition("is illegal: ")[2] or str(error)
        return f"the piece on {square} cannot move"

    def typed(self, text: str, state: States) -> bool | None:
        from tengen.envs.checkers.notation import legal_turns

        if not re.fullmatch(r"[0-9]{1,2}([-x][0-9]{0,2})*", text):
            return False
        if state["terminal"][0]:
            return None
        written = [
            word for turn in legal_turns(state) for word in (str(turn), re.sub("x.*x", "x", str(turn)))
        ]
        fitting = {word for word in written if word.startswith(text)}
        return True if fitting == {text} else None

    def start_cell(self) -> int:
        return self.cell[13]


class Connect4Face(Face):
    """Columns; a stone falls to the lowest empty cell."""

    rows, columns = 6, 7

    def pieces(self, state: States) -> str:
        return "".join(".XO"[stone] for stone in state["board"][0].reshape(-1))

    def path(self, state: States, actions: Sequence[int]) -> list[int]:
        column = actions[0]
        empty = int((state["board"][0][:, column] == 0).sum())
        return [(empty - 1) * self.columns + column] if empty else []

    def turns_at(self, state: States, cells: Sequence[int]) -> list[list[int]]:
        column = cells[-1] % self.columns
        return [] if state["terminal"][0] or state["board"][0, 0, column] else [[column]]

    def glow(self, state: States) -> list[int]:
        return winning_four(state) if state["terminal"][0] else []

    def typed(self, text: str, state: States) -> bool | None:
        return text in "1234567" and len(text) == 1

    def start_cell(self) -> int:
        return 3


FACES: dict[str, type[Face]] = {"go": GoFace, "checkers": CheckersFace, "connect4": Connect4Face}


def face_of(game: Game) -> Face:
    """The face of a game. Raises TengenError for one that has none."""
    if game.family == "chess":
        from tengen.ui.model.chess_face import ChessFace

        return ChessFace(game)
    if game.family not in FACES:
        raise TengenError(f"there is no drawn board for {game.name}; play it with --plain")
    return FACES[game.family](game)


def winning_four(state: States) -> list[int]:
    """The cells of the lines of four that won a game of Connect Four."""
    board = np.asarray(state["board"][0])
    found: set[int] = set()
    for row in range(6):
        for column in range(7):
            for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
                cells = [(row + i * down, column + i * right) for i in range(4)]
                if all(0 <= r < 6 and 0 <= c < 7 for r, c in cells):
                    stones = {int(board[r, c]) for r, c in cells}
                    if len(stones) == 1 and stones != {0}:
                        found |= {r * 7 + c for r, c in cells}
    return sorted(found)
