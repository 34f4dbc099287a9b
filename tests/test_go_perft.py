"""Go counted: published numbers of games and of positions."""

import numpy as np
import pytest

from tengen.envs.go import Go
from tengen.envs.registry import make_game
from tengen.errors import TengenError

# Passes count, positional superko, a game ends at two passes. Nodes at depth 1, 2, ...
PERFT = {
    "go:size=2": [5, 21, 68, 156, 316, 604, 1088, 2184, 4184],
    "go:size=3": [10, 91, 738, 5281, 33384, 179712],
    "go:size=3,suicide=true": [10, 91, 738, 5281, 33384, 180768],
    "go:size=4": [17, 273, 4112, 57984, 764016],
    "go5": [26, 651, 15650, 361041],
    "go9": [82, 6643, 531522],
}


@pytest.mark.parametrize("name", PERFT)
def test_perft(name: str) -> None:
    game = make_game(name)
    assert game.perft(game.new_states(1), len(PERFT[name])) == PERFT[name]


def all_boards(size: int) -> np.ndarray:
    """Every colouring of the points [3 ** P, P]."""
    points = size * size
    return (np.arange(3**points)[:, None] // 3 ** np.arange(points) % 3).astype(np.int8)


@pytest.mark.parametrize(("size", "count"), [(2, 57), (3, 12_675)])
def test_legal_positions_are_as_many_as_published_and_all_can_be_reached(size: int, count: int) -> None:
    game = Go(size, rules="simple", suicide=True)
    states = {}
    for colors in all_boards(size):
        try:
            states[colors.tobytes()] = game.from_colors(colors)
        except TengenError as error:
            assert "without liberties" in str(error)
    assert len(states) == count
    # Let both sides move everywhere, ply by ply, from the empty board.
    reached = {bytes(size * size)}
    fresh = reached
    while fresh:
        parents = np.concatenate([states[board] for board in fresh] * 2)
        parents["to_play"][len(fresh) :] = 1
        mask = game.new_mask(len(parents))
        game.legal_mask(parents, mask)
        rows, actions = np.nonzero(mask)
        children = parents[rows]
        game.step(children, actions)
        boards = {game.colors(children[i : i + 1]).tobytes() for i in range(len(children))}
        fresh = boards - reached
        reached |= boards
    assert reached == set(states)
