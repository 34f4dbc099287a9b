"""The end of a game of Go: which stones are dead, whose the points are, and the score by area."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tengen.engine.analysis import Judge
from tengen.engine.board import GoBoard
from tengen.envs.game import Floats

SURE = 0.5  # of its owner a point must be to be counted as territory, from 0 to 1


def chains(colors: NDArray[np.int8], size: int) -> list[list[int]]:
    """The chains of stones on colors [size * size], each a list of points; in order of their first points."""
    seen = np.zeros(len(colors), np.bool_)
    found = []
    for first in np.flatnonzero(colors):
        if seen[first]:
            continue
        chain, seen[first] = [int(first)], True
        for point in chain:  # grows as it is walked
            for near in neighbours(point, size):
                if colors[near] == colors[first] and not seen[near]:
                    seen[near] = True
                    chain.append(near)
        found.append(sorted(chain))
    return found


def neighbours(point: int, size: int) -> list[int]:
    """The points beside a point."""
    row, column = divmod(point, size)
    near = ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1))
    return [r * size + c for r, c in near if 0 <= r < size and 0 <= c < size]


def dead_chains(board: GoBoard, judge: Judge) -> list[list[int]]:
    """The chains whose points belong to the other side after random games, of which each side begins half.

    In settled positions these are surer than a network, which calls a group with one eye half alive.
    """
    colors = board.colors()
    if not colors.any():
        return []
    owner = np.mean([judge.by_playouts(board.game, board.turned(color)) for color in (0, 1)], axis=0)
    return [
        chain
        for chain in chains(colors, board.size)
        if float(owner[chain].mean()) * (1 if colors[chain[0]] == 1 else -1) < 0
    ]


def without(colors: NDArray[np.int8], dead: Sequence[Sequence[int]]) -> NDArray[np.int8]:
    """Colors with dead chains taken off."""
    left = colors.copy()
    for chain in dead:
        left[list(chain)] = 0
    return left


def area_owners(colors: NDArray[np.int8], size: int) -> NDArray[np.int8]:
    """Who owns each point by area: 1 Black, 2 White, 0 where both or none reach an empty region."""
    owners = colors.copy()
    seen = colors != 0
    for first in np.flatnonzero(colors == 0):
        if seen[first]:
            continue
        region, seen[first], borders = [int(first)], True, set()
        for point in region:
            for near in neighbours(point, size):
                if colors[near]:
                    borders.add(int(colors[near]))
                elif not seen[near]:
                    seen[near] = True
                    region.append(near)
        owners[region] = borders.pop() if len(borders) == 1 else 0
    return owners


def area_score(board: GoBoard, dead: Sequence[Sequence[int]]) -> float:
    """Black's points less White's, komi taken off, by area once dead chains are gone."""
    owners = area_owners(without(board.colors(), dead), board.size)
    return float((owners == 1).sum()) - float((owners == 2).sum()) - board.komi


def score_text(score: float) -> str:
    """ "B+3.5", "W+0.5" or "0"."""
    if abs(score) < 1e-9:
        return "0"
    return f"{'B' if score > 0 else 'W'}+{round(abs(score), 4):g}"


def mover_view(ownership: Floats, color: int) -> Floats:
    """Ownership for Black as ownership for a colour."""
    return ownership if color == 0 else -ownership
