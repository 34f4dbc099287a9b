"""Games as what changes on the board with every ply, so that a page shows them without knowing any rules."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tengen.envs.game import Game, States
from tengen.envs.registry import make_game
from tengen.errors import TengenError
from tengen.league.store import StoredGame
from tengen.league.wave import replay

MOST_GAMES = 200
MOST_BYTES = 220_000  # of all games' moves
STATES = 5  # of a point: empty, player 0's, player 1's, their kings
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
CHECKERS = ".bwBW"


class BoardKind(NamedTuple):
    """What a page must know to draw a game's board."""

    family: str  # "go", "checkers", "connect4"
    rows: int
    columns: int
    start: list[int]  # [rows * columns] states of the points


def points_of(game: Game, state: States) -> NDArray[np.int64] | None:
    """The board of state [1] as states of points [rows, columns]; None for games without a drawing."""
    if game.family == "go":
        colors: Any = game.colors(state)  # type: ignore[attr-defined]
        return np.asarray(colors, np.int64)
    if game.family == "connect4":
        return np.asarray(state["board"][0], np.int64)
    if game.family == "checkers":
        from tengen.envs.checkers import rules, text

        board = np.zeros((8, 8), np.int64)
        board[rules.ROW, rules.COLUMN] = [CHECKERS.index(piece) for piece in text.pieces_of(state)]
        return board
    return None


def board_kind(name: str) -> BoardKind | None:
    """How a game's board is drawn; None where it cannot be."""
    try:
        game = make_game(name)
    except TengenError:  # a store may hold games that this Tengen does not know
        return None
    points = points_of(game, game.new_states(1))
    if points is None:
        return None
    rows, columns = points.shape
    return BoardKind(game.family, rows, columns, points.ravel().tolist())


def changes(game: Game, actions: Sequence[int]) -> str:
    """Plies apart by ";", each the changed points apart by ",": point * STATES + new state, in base 36."""
    state, legal = game.new_states(1), game.new_mask(1)
    before = points_of(game, state)
    plies = []
    for action in actions:
        game.legal_mask(state, legal)
        if not 0 <= action < game.num_actions or not legal[0, action]:
            raise TengenError(f"action {action} of a stored game of {game.name} is illegal")
        replay(game, state, [action])
        after = points_of(game, state)
        assert before is not None and after is not None
        changed = np.flatnonzero(before.ravel() != after.ravel())
        plies.append(",".join(base36(int(at) * STATES + int(after.flat[at])) for at in changed))
        before = after
    return ";".join(plies)


def base36(number: int) -> str:
    """A number of 0 or more as JavaScript's parseInt(text, 36) reads it."""
    digits = DIGITS[number % 36]
    while number := number // 36:
        digits = DIGITS[number % 36] + digits
    return digits


def chosen(games: Sequence[StoredGame], most: int = MOST_GAMES) -> list[StoredGame]:
    """At most so many games, the newest of every pairing in turn, in the order in which they ended."""
    by_pair: dict[frozenset[str], list[int]] = {}
    for index, game in enumerate(games):
        by_pair.setdefault(frozenset((game.first_id, game.second_id)), []).append(index)
    ranked = sorted(
        (turn, -index) for found in by_pair.values() for turn, index in enumerate(reversed(found))
    )
    return [games[index] for index in sorted(-index for _, index in ranked[:most])]


def replayable(
    games: Sequence[StoredGame], names: dict[str, int], kinds: dict[str, BoardKind]
) -> list[list[Any]]:
    """Rows [game, first, second, result, reason, opening plies, changes], players as numbers in `names`.

    As many as fit; `names` maps content hashes, and `kinds` is filled with the boards that are needed.
    """
    unknown: set[str] = set()
    rows: list[list[Any]] = []
    size = 0
    for game in chosen(games):
        if game.game not in kinds and game.game not in unknown:
            kind = board_kind(game.game)
            if kind is None:
                unknown.add(game.game)
            else:
                kinds[game.game] = kind
        if game.game in unknown:
            continue
        try:
            moves = changes(make_game(game.game), game.actions or ())
        except TengenError:
            continue
        size += len(moves)
        if size > MOST_BYTES:
            break
        first, second = names[game.first_id], names[game.second_id]
        rows.append([game.game, first, second, game.result, game.reason, game.opening_plies, moves])
    return rows
