"""How many positions of English draughts a core's move generator visits; how many random games it plays."""

import time

from tengen.envs.checkers import Checkers
from tengen.envs.registry import make_game
from tengen.envs.rng import make_rng

COUNTING = "bulk: the turns of the last ply are counted, not made; a multi-jump is one turn"


def perft_rate(depth: int = 11) -> tuple[int, float]:
    """(Leaves of the perft tree of this depth from the start, CPU seconds) on one core; COUNTING says how."""
    game = Checkers()
    start = game.new_states(1)
    game.perft(start, 2)  # compile
    began = time.process_time()
    nodes = game.perft(start, depth)[-1]
    return nodes, time.process_time() - began


def playout_rate(games: int = 20_000, seed: int = 0) -> tuple[int, int, float]:
    """(Games, actions, CPU seconds) of uniformly random legal play to the end, draws by rule included."""
    game = Checkers()
    rng = make_rng(seed)
    game.playout(game.new_states(1), rng)  # compile
    states = game.new_states(games)
    began = time.process_time()
    game.playout(states, rng)
    return games, int(states["ply"].sum()), time.process_time() - began


def measure(name: str, seconds: float) -> dict[str, float]:
    """Figures: `per_second` (perft nodes, counted as COUNTING says), and the rest."""
    assert make_game(name).family == "checkers"
    depth, (nodes, spent) = 9, perft_rate(9)
    while spent * 6 < seconds:  # each ply more takes about five times as long
        depth += 1
        nodes, spent = perft_rate(depth)
    games, _, playing = playout_rate()
    return {
        "per_second": nodes / spent,
        "games": games,
        "games_per_second": games / playing,
        "depth": depth,
        "nodes": nodes,
        "seconds": spent,
    }
