"""A position put together by hand, piece by piece."""

import numpy as np

from tengen.envs.game import Game, States
from tengen.errors import TengenError
from tengen.ui.model.faces import Face

#: What a cell may hold, in the order in which it changes.
PIECES = {"go": ".XO", "checkers": ".bBwW", "chess": ".PNBRQKpnbrqk", "connect4": ".XO"}


class Setup:
    """Pieces on a board, not bound by any rule until `build`."""

    def __init__(self, game: Game, face: Face, state: States) -> None:
        """Begin with what stands in `state` [1]."""
        self.game, self.face = game, face
        self.cells = list(face.pieces(state))
        self.to_play = int(state["to_play"][0])
        self.allowed = PIECES[game.family]

    @property
    def pieces(self) -> str:
        """A letter a cell."""
        return "".join(self.cells)

    def put(self, cell: int, piece: str) -> None:
        """Put a piece on a cell, or take it off with ".". Raises TengenError where none can stand."""
        if self.game.family == "checkers" and cell not in self.face.square:  # type: ignore[attr-defined]
            raise TengenError("pieces stand on the dark squares only")
        self.cells[cell] = piece

    def cycle(self, cell: int) -> None:
        """Change a cell to the next thing that it may hold."""
        index = self.allowed.index(self.cells[cell])
        self.put(cell, self.allowed[(index + 1) % len(self.allowed)])

    def clear(self) -> None:
        """Empty the board."""
        self.cells = ["."] * len(self.cells)

    def turn(self) -> None:
        """The other side is to move."""
        self.to_play = 1 - self.to_play

    def build(self) -> States:
        """The position as states [1]. Raises TengenError where it cannot be."""
        if self.game.family == "go":
            colors = np.array([".XO".index(piece) for piece in self.cells], np.int8)
            state = self.game.from_colors(colors, self.to_play)  # type: ignore[attr-defined]
        else:
            rows = [
                self.cells[i : i + self.face.columns] for i in range(0, len(self.cells), self.face.columns)
            ]
            state = self.game.from_board("\n".join(" ".join(row) for row in rows), self.to_play)
        if state["terminal"][0]:
            raise TengenError("nothing can be played in this position: the game is over in it")
        return np.asarray(state)
