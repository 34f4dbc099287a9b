"""Positions with a piece less, made by the game's own words, and how a network's points lie on the board."""

import numpy as np
from numpy.typing import NDArray

from tengen.envs.game import Game, States
from tengen.errors import TengenError

NO_MOVE = 0xFFFF  # among Go's recent moves: unknown


def cells_of_points(game: Game, state: States) -> NDArray[np.int64]:
    """The upright cell [H * W] that each point of the observation is: networks see the mover's view."""
    _, height, width = game.obs_shape
    cells = np.arange(height * width).reshape(height, width)
    if state["to_play"][0] and game.family == "checkers":
        cells = cells[::-1, ::-1]
    if state["to_play"][0] and game.family == "chess":
        cells = cells[::-1]
    return cells.reshape(-1)


def removable(game: Game) -> bool:
    """Whether a board of the game can stand with one piece less: stones that have fallen cannot."""
    return game.family in ("go", "checkers", "chess")


def without(game: Game, state: States, pieces: str) -> dict[int, States]:
    """For each upright cell with a piece the position without it; what rules do not know is left out.

    Of Go the last moves stay, but for one that laid the stone; so the network sees a stone less and no
    other difference. Of other games what the one line says stays.
    """
    found = {}
    for cell, piece in enumerate(pieces):
        if piece == ".":
            continue
        try:
            after = _without_stone(game, state, cell) if game.family == "go" else _without(game, state, cell)
        except TengenError:
            continue
        if not after["terminal"][0]:
            found[cell] = after
    return found


def emptied(game: Game, state: States) -> States | None:
    """The position with nothing on the board; None where the game has no such position."""
    if game.family == "go":
        size = game.obs_shape[1]
        fields = game.to_text(state).split()
        return game.from_text(
            " ".join(["/".join([str(size)] * size), fields[1], "-", fields[3], "0", fields[5]])
        )
    return game.new_states(1) if game.family == "connect4" else None


def baseline_of(game: Game, state: States) -> NDArray[np.float32]:
    """What a network sees [1, C, H, W] of the board with nothing on it.

    Where there is no such position, planes that say the same of all points stay, and the others are empty.
    """
    empty = emptied(game, state)
    seen = game.new_observation(1)
    game.observe(state if empty is None else empty, seen)
    if empty is None:
        is_even = (seen == seen[:, :, :1, :1]).all((2, 3), keepdims=True)
        seen = np.where(is_even, seen, np.float32(0))
    return seen


def _without_stone(game: Game, state: States, cell: int) -> States:
    size = game.obs_shape[1]
    fields = game.to_text(state).split()
    colors = game.colors(state).reshape(-1).copy()  # type: ignore[attr-defined]
    colors[cell] = 0
    from tengen.envs.go.text import format_rows

    fields[0] = format_rows(colors.reshape(size, size))
    try:
        after = game.from_text(" ".join(fields))
    except TengenError:  # what repeated a position is no longer a move at all
        after = game.from_text(" ".join([*fields[:2], "-", *fields[3:]]))
    recent = state["recent"].copy()
    recent[recent == cell] = NO_MOVE
    after["recent"] = recent
    after["ranks"] = state["ranks"]
    return after


def _without(game: Game, state: States, cell: int) -> States:
    if game.family == "checkers":
        row, column = divmod(cell, 8)
        square = 4 * row + column // 2 + 1
        fields = game.to_text(state).split(":")
        if f"J{square}" in fields[1:]:
            raise TengenError(f"the piece on {square} is jumping")
        for i in (1, 2):
            names = fields[i][1:].split(",")
            fields[i] = fields[i][0] + ",".join(name for name in names if name.lstrip("K") != str(square))
        return game.from_text(":".join(fields))
    rows, rest = game.to_text(state).split(" ", 1)
    board = "".join("." * int(letter) if letter.isdigit() else letter for letter in rows.replace("/", ""))
    board = f"{board[:cell]}.{board[cell + 1 :]}"
    rows = "/".join(board[8 * row : 8 * row + 8] for row in range(8))
    for run in range(8, 0, -1):
        rows = rows.replace("." * run, str(run))
    after = game.from_text(f"{rows} {rest}")
    after["last"] = state["last"]
    return after
