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


def by_interest(games: Sequence[StoredGame]) -> list[int]:
    """Places in `games`, first the newest game of every pairing, then the second newest, and so on."""
    by_pair: dict[frozenset[str], list[int]] = {}
    for place, game in enumerate(games):
        by_pair.setdefault(frozenset((game.first_id, game.second_id)), []).append(place)
    pairings = by_pair.values()
    ranked = sorted((turn, -place) for found in pairings for turn, place in enumerate(reversed(found)))
    return [-place for _, place in ranked]


def replayable(
    games: Sequence[StoredGame],
    names: dict[str, int],
    kinds: dict[str, BoardKind],
    most: int = MOST_GAMES,
    most_bytes: int = MOST_BYTES,
) -> list[list[Any]]:
    """Rows [game, first, second, result, reason, opening plies, changes], players as numbers in `names`.

    In the order of `games`, as many as fit. `names` maps content hashes, and `kinds` is filled with the
    boards that are needed.
    """
    undrawn: set[str] = set()
    rows: dict[int, list[Any]] = {}
    size = 0
    for place in by_interest(games):
        game = games[place]
        if game.game in undrawn:
            continue
        if game.game not in kinds:
            kind = board_kind(game.game)
            if kind is None:
                undrawn.add(game.game)
                continue
            kinds[game.game] = kind
        try:
            moves = changes(make_game(game.game), game.actions or ())
        except TengenError:
            continue
        size += len(moves)
        if len(rows) == most or size > most_bytes:
            break
        first, second = names[game.first_id], names[game.second_id]
        rows[place] = [game.game, first, second, game.result, game.reason, game.opening_plies, moves]
    return [rows[place] for place in sorted(rows)]
