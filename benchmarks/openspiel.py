"""Plain MCTS with one random rollout a leaf, against OpenSpiel's in C++, on one core.

OpenSpiel's side is `MCTSBot` (UCT, no solver) with `RandomRolloutEvaluator(n_rollouts=1)`, called from
Python once a move, so that Python costs it nothing. Ours is the platform's search with the UCT rule: many
games side by side as it is used (`ratio`), and one game alone, a leaf at a time and eight together. Both
search positions after 0 to 8 random plies with the same budget a move, each move from an empty tree.

What is not the same, and why `plies_per_rollout` stands beside the figures:
- Go: OpenSpiel's rollouts draw from all legal moves, own eyes and passes included, until two passes or
  2 * size * size plies. Ours fill no own eye and pass only when nothing else is left, which is what makes a
  rollout's result mean something. Both forbid positions that have stood before.
- Checkers: OpenSpiel calls a draw 40 plies after the last capture. Ours after 80 without a capture or a man's
  move, or at the third repetition, and a jump of several steps is several actions on both sides.
- Ours spends one more rollout a move, on the root, which is not counted.
"""

import argparse
import random
from collections.abc import Callable
from typing import Any

import numpy as np

from tengen.agents.mcts.config import SearchConfig
from tengen.agents.mcts.evaluators import RolloutLeaves
from tengen.agents.mcts.search import Search
from tengen.benchmarks.measuring import alternate, spread_out
from tengen.envs import make_game
from tengen.envs.game import Game
from tengen.envs.rng import make_rng
from tengen.errors import TengenError

POSITIONS = 64  # that OpenSpiel takes in turn
RANDOM_PLIES = 8
C_UCT = 1.0
MEMORY_MB = 1000
LEAVES = 8  # of one game evaluated together, as in play at many simulations


def compare_mcts(args: argparse.Namespace) -> dict[str, float]:
    """Figures: ratio, ratio_one_game, per_second (simulations), peer_per_second, plies a rollout of both."""
    try:
        import pyspiel
    except ImportError:
        raise TengenError("OpenSpiel is not installed; get it with: pip install tengen[bench]") from None
    game = make_game(args.game)
    theirs = pyspiel.load_game(peer_name(game))
    many = searcher(game, args.batch, args.simulations)
    alone = searcher(game, 1, args.simulations)
    leaves = searcher(game, 1, args.simulations, LEAVES)
    peer = peer_searcher(pyspiel, theirs, args.simulations)
    sides = [many, alone, leaves, peer]
    for side in sides:
        side()
    ours, one, together, other = alternate(sides, args.slices, args.slice_seconds)
    return {
        "ratio": ours / other,
        "ratio_one_game": one / other,
        f"ratio_one_game_{LEAVES}_leaves": together / other,
        "per_second": ours,
        "per_second_one_game": one,
        "peer_per_second": other,
        "plies_per_rollout": mean_plies(game),
        "peer_plies_per_rollout": mean_peer_plies(theirs),
        "batch": args.batch,
    }


def peer_name(game: Game) -> str:
    """What OpenSpiel calls the game. Raises TengenError where it has none by the same rules."""
    size, komi = getattr(game, "size", 0), getattr(game, "komi", 0.0)
    names = {
        "go": f"go(board_size={size},komi={float(komi)})",
        "checkers": "checkers",
        "connect4": "connect_four",
    }
    if game.family not in names:
        raise TengenError(f"OpenSpiel is compared with at {', '.join(names)}; '{game.name}' is none of these")
    return names[game.family]


def searcher(game: Game, slots: int, simulations: int, leaves: int = 1) -> Callable[[], int]:
    """One move of `slots` games; returns the simulations made."""
    config = SearchConfig(rule="uct", simulations=simulations, c_uct=C_UCT, leaves=leaves)
    search = Search(game, RolloutLeaves(game, seed=0), config, slots=slots, rng=np.random.default_rng(0))
    states = spread_out(game, max(slots, POSITIONS), RANDOM_PLIES)
    rows = np.arange(slots, dtype=np.int32)
    turn = 0

    def move() -> int:
        nonlocal turn
        chosen = (turn + rows) % len(states)
        turn += slots
        search.set_roots(rows, states[chosen])
        search.run(rows)
        search.result(rows)
        return int(search.tree.simulations.sum())

    return move


def peer_searcher(pyspiel: Any, game: Any, simulations: int) -> Callable[[], int]:
    """One move of OpenSpiel's; returns the simulations made."""
    evaluator = pyspiel.RandomRolloutEvaluator(1, 0)
    bot = pyspiel.MCTSBot(game, evaluator, C_UCT, simulations, MEMORY_MB, False, 0, False)
    stream = random.Random(0)
    states = [peer_state(game, stream, stream.randint(0, RANDOM_PLIES)) for _ in range(POSITIONS)]
    turn = 0

    def move() -> int:
        nonlocal turn
        bot.step(states[turn % len(states)])
        turn += 1
        return simulations

    return move


def peer_state(game: Any, stream: random.Random, plies: int) -> Any:
    """An OpenSpiel state after so many random plies, or the last before the game would have ended."""
    state = game.new_initial_state()
    for _ in range(plies):
        after = state.child(stream.choice(state.legal_actions()))
        if after.is_terminal():
            break
        state = after
    return state


def mean_plies(game: Game, games: int = 500) -> float:
    """Length of our rollouts from the start."""
    states = game.new_states(games)
    game.playout(states, make_rng(0))
    return float(states["ply"].mean())


def mean_peer_plies(game: Any, games: int = 50) -> float:
    """Length of OpenSpiel's rollouts from the start."""
    stream = random.Random(0)
    plies = 0
    for _ in range(games):
        state = game.new_initial_state()
        while not state.is_terminal():
            state.apply_action(stream.choice(state.legal_actions()))
            plies += 1
    return plies / games
