"""Alpha-beta against minimax without any pruning, played by the rules of the games themselves."""

import numpy as np
import pytest

from tengen.agents.minimax.frames import WIN
from tengen.agents.minimax.searcher import Limits, Searcher, default_params
from tengen.envs.checkers.notation import legal_turns
from tengen.envs.game import Game, States
from tengen.envs.registry import make_game

INFINITE = 10**9
EXACTLY = Limits(depth=4, repetitions=False)


def random_positions(game: Game, count: int, plies: int, seed: int) -> list[States]:
    """Positions after so many random actions, none terminal, no multi-jump under way."""
    rng = np.random.default_rng(seed)
    found: list[States] = []
    while len(found) < count:
        state = game.new_states(1)
        for _ in range(int(rng.integers(plies + 1))):
            mask = game.new_mask(1)
            game.legal_mask(state, mask)
            game.step(state, np.array([rng.choice(np.flatnonzero(mask[0]))]))
            if state["terminal"][0]:
                break
        if not state["terminal"][0] and not ("board" in state.dtype.names and jumping(state)):
            found.append(state)
    return found


def jumping(state: States) -> bool:
    return state["board"].shape == (1, 4) and bool(state["board"][0, 3])


def turns_of(game: Game, state: States) -> list[tuple[int, ...]]:
    if game.family == "checkers":
        return [tuple(turn.actions) for turn in legal_turns(state)]
    mask = game.new_mask(1)
    game.legal_mask(state, mask)
    return [(int(action),) for action in np.flatnonzero(mask[0])]


def after(game: Game, state: States, turn: tuple[int, ...]) -> States:
    state = state.copy()
    for action in turn:
        game.step(state, np.array([action], np.int32))
    return state


def material(state: States) -> int:
    """For the side to move, a king at 1.3 men; nothing at Connect Four."""
    if state["board"].shape != (1, 4):
        return 0
    black, white, kings, _ = (int(word) for word in state["board"][0])
    worth = [1000 * (b & ~kings).bit_count() + 1300 * (b & kings).bit_count() for b in (black, white)]
    side = int(state["to_play"][0])
    return worth[side] - worth[1 - side]


def plain(game: Game, state: States, depth: int, spare: int, ply: int) -> int:
    """Minimax without pruning or tables, with the search's rules of extension."""
    turns = [] if state["terminal"][0] else turns_of(game, state)
    if not turns:
        results = np.zeros((1, 2), np.float32)
        game.returns(state, results)
        return 0 if results[0, 0] == 0 else ply - WIN
    loud = game.family == "checkers" and bool(taken(game, state, turns[0]))
    single = game.family == "checkers" and len(turns) == 1
    if depth <= 0 and not loud and not (single and spare > 0):
        return material(state)
    if single and spare > 0 and (depth > 0 or not loud):
        spare -= 1
    else:
        depth = max(depth - 1, 0)
    return max(-plain(game, after(game, state, turn), depth, spare, ply + 1) for turn in turns)


def taken(game: Game, state: States, turn: tuple[int, ...]) -> int:
    def pieces(s: States) -> int:
        return (int(s["board"][0, 0]) | int(s["board"][0, 1])).bit_count()

    return pieces(state) - pieces(after(game, state, turn))


@pytest.mark.parametrize("name, plies", [("checkers", 30), ("checkers", 90), ("connect4", 30)])
def test_alpha_beta_equals_minimax_without_pruning(name: str, plies: int) -> None:
    game = make_game(name)
    searcher = Searcher(game, "material", table_bits=10)
    params = default_params(game, "material")
    for position in random_positions(game, 12, plies, seed=5):
        for depth in (1, 2, 3, 4) if name == "connect4" else (1, 2, 3):
            limits = Limits(depth=depth, repetitions=False)
            found = searcher.find(position, params, limits, tie_seed=7)
            assert found.value == plain(game, position, depth, depth, 0), game.to_text(position)
            best = after(game, position, tuple(found.actions))
            spare = depth - (name == "checkers" and len(turns_of(game, position)) == 1)
            left = depth if spare < depth else depth - 1
            assert found.value == -plain(game, best, left, spare, 1)


def test_the_table_and_the_order_of_moves_do_not_change_a_value() -> None:
    game = make_game("checkers")
    params = default_params(game, "hand")
    small, large = Searcher(game, "hand", table_bits=4), Searcher(game, "hand", table_bits=18)
    for position in random_positions(game, 20, 80, seed=6):
        limits = Limits(depth=7, repetitions=False)
        values = {s.find(position, params, limits, tie_seed=t).value for s in (small, large) for t in (1, 2)}
        assert len(values) == 1
