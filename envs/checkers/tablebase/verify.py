"""A full pass over the database: every position against its successors by the ordinary rules of play.

Nothing of the builder is used but the numbering: the moves are those that a game of checkers offers and
plays. Where every distance fits its successors', a win and a loss are proved, since each leads to a
shorter one; and a position called drawn has a move to a drawn one and none to a lost one.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tengen.envs.checkers.game import Checkers
from tengen.envs.checkers.rules import JUMPER, STATE_DTYPE
from tengen.envs.checkers.tablebase.file import Tablebase
from tengen.envs.checkers.tablebase.indexing import boards_at
from tengen.envs.game import States
from tengen.errors import TengenError

BATCH = 8192
_LONG = 1000


def positions(numbers: NDArray[np.int64], to_play: NDArray[np.int8]) -> tuple[States, NDArray[np.bool_]]:
    """States of numbers [B], side to_play [B] to move, and which [B] are positions and not holes."""
    boards = np.zeros((len(numbers), 3), np.uint64)
    boards_at(numbers, to_play, boards)
    states = np.zeros(len(numbers), STATE_DTYPE)
    rows = np.arange(len(numbers))
    states["board"][rows, to_play] = boards[:, 0]
    states["board"][rows, 1 - to_play] = boards[:, 1]
    states["board"][:, 2] = boards[:, 2]
    states["to_play"] = to_play
    return states, (boards[:, 0] | boards[:, 1]) != 0


def successors(game: Checkers, states: States) -> tuple[States, NDArray[np.int64]]:
    """The positions after every turn from states [B], and which of the B each comes from."""
    found, parents = [], []
    source = np.arange(len(states))
    while len(states):
        legal = np.zeros((len(states), game.num_actions), np.bool_)
        game.legal_mask(states, legal)
        rows, actions = np.nonzero(legal)
        states, source = states[rows], source[rows]
        game.step(states, actions.astype(np.int32))
        goes_on = states["board"][:, JUMPER] != 0
        found.append(states[~goes_on])
        parents.append(source[~goes_on])
        states, source = states[goes_on], source[goes_on]
    if not found:
        return states, source
    return np.concatenate(found), np.concatenate(parents)


def verify(tablebase: Tablebase, tell: Callable[[int], None] | None = None) -> int:
    """Check every position; returns how many. Raises TengenError with the first that does not fit.

    Side to move alternates from number to number, so that both sides' rules are asked. tell: is called with
    the numbers seen so far.
    """
    game = Checkers()
    checked = 0
    for begin in range(0, len(tablebase.depths), BATCH):
        numbers = np.arange(begin, min(begin + BATCH, len(tablebase.depths)))
        states, is_position = positions(numbers, (numbers % 2).astype(np.int8))
        states = states[is_position]
        checked += len(states)
        found = tablebase.probe(states)
        after, parents = successors(game, states)
        values, distances = _backed_up(tablebase, after, parents, len(states))
        wrong = ~found.known | (values != found.values) | (distances != found.distances)
        if wrong.any():
            at = int(np.flatnonzero(wrong)[0])
            raise TengenError(
                f"the database calls {game.to_text(states[at : at + 1])} {_words(found.values[at])} "
                f"(distance {found.distances[at]}), but its successors make it {_words(values[at])} "
                f"(distance {distances[at]})"
            )
        if tell is not None:
            tell(int(numbers[-1]) + 1)
    return checked


def _backed_up(
    tablebase: Tablebase, after: States, parents: NDArray[np.int64], count: int
) -> tuple[NDArray[np.int8], NDArray[np.int16]]:
    """Values and distances [count] that the successors give; with none, the side to move has lost."""
    found = tablebase.probe(after)
    assert found.known.all()
    score = np.where(found.values == 0, 0, -found.values * (_LONG - found.distances - 1))  # for the parent
    best = np.full(count, -_LONG)
    np.maximum.at(best, parents, score)
    values = np.sign(best).astype(np.int8)
    return values, np.where(best == 0, -1, _LONG - np.abs(best)).astype(np.int16)


def _words(value: int) -> str:
    return ("drawn", "won", "lost")[int(value)]
