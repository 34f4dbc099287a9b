"""What an explanation consists of: maps of importance, tables of moves, sheets of a layer, facts.

B batch, T targets, C planes, H rows, W columns.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from tengen.errors import TengenError
from tengen.words import did_you_mean

#: Inputs [B, C, H, W] -> numbers [B, T], what is to be explained; differentiable.
Judge = Callable[[Tensor], Tensor]

Grid = NDArray[np.float32]  # [H, W]

#: Method -> what its numbers are.
METHODS = {
    "integrated": "integrated gradients from {nothing}; the numbers sum to the difference that it all makes",
    "gradient": "steepness: the largest gradient of all planes",
    "smoothgrad": "steepness, the mean over {samples} inputs with noise",
    "occlusion": "what is lost where {hidden}",
    "removal": "what is lost where a piece is taken off the board",
}
SIGNED = ("integrated", "occlusion", "removal")


@dataclass(frozen=True)
class Map:
    """How much each place mattered for one target. Above 0 speaks for it, where the method tells signs."""

    method: str
    target: str  # "value", "move D4"
    values: Grid  # as the board is drawn, or the picture stands
    note: str

    @property
    def is_signed(self) -> bool:
        """Whether numbers below 0 can come up."""
        return self.method in SIGNED

    @property
    def relative(self) -> Grid:
        """The values over the largest of them, -1 to 1."""
        most = float(np.abs(self.values).max())
        return self.values / most if most > 0 else self.values * 0


@dataclass(frozen=True)
class Sheet:
    """Small grey pictures of a layer [N, H, W], a caption each: filters or activations."""

    title: str
    tiles: NDArray[np.float32]
    captions: tuple[str, ...]
    columns: int


@dataclass(frozen=True)
class Board:
    """A position as it is drawn: letters of pieces [rows * columns], the path of the last and chosen move."""

    family: str
    pieces: str
    rows: int
    columns: int
    last: tuple[int, ...] = ()
    chosen: tuple[int, ...] = ()


@dataclass(frozen=True)
class Screen:
    """A picture in colour [H, W, 3], and its width over height as it should look."""

    image: NDArray[np.uint8]
    aspect: float


@dataclass
class Explanation:
    """All that is to be shown of one move."""

    title: str
    ground: Board | Screen
    facts: list[str]
    head: list[str]  # of the table
    rows: list[list[str]]  # value and policy before and after
    maps: list[Map]
    names: list[str] = field(default_factory=list)  # of a board's cells
    sheets: list[Sheet] = field(default_factory=list)


def pick_methods(asked: str | None, known: tuple[str, ...], default: tuple[str, ...]) -> tuple[str, ...]:
    """The methods of "NAME,NAME" or "all". Raises TengenError for one that does not exist or apply."""
    if asked is None:
        return default
    if asked.strip() == "all":
        return known
    names = tuple(dict.fromkeys(part.strip() for part in asked.split(",") if part.strip()))
    for name in names:
        if name not in METHODS:
            raise TengenError(f"--method: unknown method '{name}'; {did_you_mean(name, METHODS, 'methods')}")
        if name not in known:
            raise TengenError(f"--method {name} does not apply here; methods: {', '.join(known)}")
    if not names:
        raise TengenError(f"--method is empty; methods: {', '.join(known)}, or all")
    return names
