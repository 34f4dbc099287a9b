"""How many random games of Go a core plays, full rules with superko."""

import time

import numpy as np
from numpy.typing import NDArray

from tengen.envs.go import Go
from tengen.envs.go.layout import PLY
from tengen.envs.go.playout import finish_game
from tengen.envs.go.words import Longs, at
from tengen.envs.jit import leaf_kernel
from tengen.envs.registry import make_game
from tengen.envs.rng import make_rng

BATCH = 2000  # games between two looks at the clock


@leaf_kernel
def play_many(start: Longs, work: Longs, games: int, rng: NDArray[np.uint64]) -> int:
    """Play games from start in work [itemsize]; returns the plies of all."""
    words = work.view(np.uint16)
    plies = 0
    for _ in range(games):
        for i in range(len(start)):
            work[i] = start[i]
        finish_game(words, rng)
        plies += at(words, PLY)
    return plies


def play_random_games(game: Go, seconds: float, seed: int = 0) -> tuple[int, int, float]:
    """Play uniformly random legal moves that fill no own eye; returns (games, plies, seconds of CPU time).

    Both players pass where no such move is left; two passes or the ply cap end a game. One core.
    """
    start = game.new_states(1).view(np.uint64).reshape(-1)
    work = start.copy()
    rng = make_rng(seed)
    play_many(start, work, 10, rng)  # compile
    games, plies = 0, 0
    began = time.process_time()
    spent = 0.0
    while spent < seconds:
        plies += int(play_many(start, work, BATCH, rng))
        games += BATCH
        spent = time.process_time() - began
    return games, plies, spent


def measure(name: str, seconds: float) -> dict[str, float]:
    """Figures of a game by name: `per_second` (games), `plies_per_second`, `games`, `seconds`."""
    game = make_game(name)
    assert isinstance(game, Go)
    games, plies, spent = play_random_games(game, seconds)
    return {
        "per_second": games / spent,
        "plies_per_second": plies / spent,
        "games": games,
        "seconds": spent,
    }
