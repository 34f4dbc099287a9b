"""What is to be seen on a board: the position and everything that is marked on it."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tengen.ui.drawing.canvas import Canvas, Colour


@dataclass(frozen=True)
class Label:
    """What a search says of a cell."""

    text: str  # at most three letters
    below: str = ""  # at most four
    strength: float = 0.0  # 0 to 1: how good beside the best
    is_best: bool = False


@dataclass(frozen=True)
class Scene:
    """A position [rows * columns] with its marks. Cells are numbered upright, whatever way it is shown."""

    pieces: str  # a letter a cell, "." for nothing
    to_play: int = 0
    cursor: int | None = None
    ghost: bool = False  # whether a stone of the side to move may be hinted at under the cursor
    last: tuple[int, ...] = ()  # the path of the last turn
    chosen: int | None = None  # a piece that was picked up
    movable: tuple[int, ...] = ()  # pieces that may move
    targets: tuple[int, ...] = ()  # where the chosen piece may go
    ko: int | None = None
    labels: dict[int, Label] = field(default_factory=dict)
    line: tuple[tuple[int, int, str], ...] = ()  # (cell, player, number) of a variation shown
    trail: tuple[int, ...] = ()  # the path of a turn that is shown
    shade: NDArray[np.float32] | None = None  # owners, 1 player 0's, -1 player 1's
    heat: NDArray[np.float32] | None = None  # 0 to 1
    dead: frozenset[int] = frozenset()
    glow: tuple[int, ...] = ()  # a won line
    flipped: bool = False


@dataclass(frozen=True)
class Scale:
    """How many characters a cell takes, and how large the whole board is with its coordinates."""

    wide: int
    high: int
    width: int
    height: int


class Board:
    """Draws the scenes of one game, at any of its scales."""

    scales: tuple[Scale, ...]  # the largest first
    letters: bool = False  # letters instead of colours tell the sides apart

    def scale_for(self, width: int, height: int) -> Scale | None:
        """The largest scale that fits; None where none does."""
        return next((s for s in self.scales if s.width <= width and s.height <= height), None)

    def draw(self, scene: Scene, scale: Scale) -> Canvas:
        """The scene as characters."""
        raise NotImplementedError

    def cell_at(self, x: int, y: int, scale: Scale, flipped: bool = False) -> int | None:
        """The cell that a character belongs to; None beside the board."""
        raise NotImplementedError


INK: Colour = 0x20160A
