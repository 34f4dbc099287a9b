"""Alpha-beta against minimax without any pruning, played by the rules of the games themselves."""

import re

import numpy as np
import pytest

from tengen.agents.minimax.frames import WIN
from tengen.agents.minimax.searcher import Limits, Searcher, default_params
from tengen.agents.registry import make_agent
from tengen.envs.checkers.notation import legal_turns
from tengen.envs.game import Game, States
from tengen.envs.registry import make_game
from tengen.errors import TengenError

INFINITE = 10**9


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


def value_of(text: str, depth: int, name: str = "checkers", evaluation: str = "material") -> int:
    game = make_game(name)
    searcher = Searcher(game, evaluation)
    return searcher.find(game.from_text(text), default_params(game, evaluation), Limits(depth=depth)).value


def test_captures_are_searched_on_beyond_the_depth() -> None:
    assert value_of("W:W22:B17,18,10", 1) == 0  # 22x6 takes two of three
    assert value_of("W:W22,32:B18,10,6", 1) == -1000  # 22x15 is taken back by 10x19


def test_a_win_in_one_is_found_and_named_by_its_distance() -> None:
    game = make_game("connect4")
    state = game.from_board("""
        . . . . . . .
        . . . . . . .
        . . . . . . .
        . . . . . . .
        O O O . . . .
        X X X . . . .""")
    found = Searcher(game, "hand").find(state, default_params(game, "hand"), Limits(depth=4))
    assert (found.actions, found.value) == ([3], WIN - 1)


def test_the_eightieth_quiet_turn_is_a_draw_whoever_is_ahead() -> None:
    assert value_of("B:WK32:BK1,K2,K3", 3) > 1000
    assert value_of("B:WK32:BK1,K2,K3:H79", 3) == 0


def test_a_position_that_stood_before_counts_as_drawn() -> None:
    game = make_game("checkers")
    state = game.from_text("W:WK32:BK1,K2,K3")
    for text in ("32-28", "1-6", "28-32", "6-1"):
        for action in game.parse_turn(state, text):
            game.step(state, np.array([action], np.int32))
    searcher, params = Searcher(game, "material"), default_params(game, "material")
    lost = searcher.find(state, params, Limits(depth=2, repetitions=False)).value
    saved = searcher.find(state, params, Limits(depth=2)).value
    assert lost < -1000 and saved == 0


def test_a_search_paused_by_nodes_or_time_has_a_move_and_keeps_its_bounds() -> None:
    game = make_game("checkers")
    searcher, params = Searcher(game, "hand"), default_params(game, "hand")
    start = game.new_states(1)
    found = searcher.find(start, params, Limits(depth=0, nodes=5000))
    assert found.nodes == 5000 and found.depth >= 3 and found.actions
    timed = searcher.find(start, params, Limits(depth=0, seconds=0.02))
    assert timed.actions and timed.depth >= 3
    few = searcher.find(start, params, Limits(depth=0, nodes=1))
    assert few.actions and few.depth == 1


def test_a_multi_jump_is_one_search_and_the_same_on_any_board() -> None:
    game = make_game("checkers")
    agent = make_agent("minimax?depth=3", game, seed=1)
    state = game.from_text("W:W22,30:B18,10,2,K4")
    agent.start(game, 3)
    slots, turn = np.array([2], np.int32), []
    while state["to_play"][0] == 1:
        turn.append(int(agent.choose(state, slots)[0]))
        game.step(state, np.array(turn[-1:], np.int32))
    assert len(turn) == 2
    positions = np.concatenate(random_positions(game, 6, 40, seed=2))
    together = agent.choose(positions, np.arange(6))
    apart = [int(agent.choose(positions[i : i + 1], np.array([9]))[0]) for i in range(6)]
    assert together.tolist() == apart


def test_a_search_does_not_depend_on_those_before_it() -> None:
    game = make_game("checkers")
    searcher, params = Searcher(game, "hand", table_bits=8), default_params(game, "hand")
    positions = random_positions(game, 8, 120, seed=9)
    once = [searcher.find(p, params, Limits(depth=6)) for p in positions]
    again = [searcher.find(p, params, Limits(depth=6)) for p in reversed(positions)]
    assert once == again[::-1]


def test_equal_moves_are_drawn_by_the_seed() -> None:
    game = make_game("checkers")
    start, slot = game.new_states(1), np.zeros(1, np.int32)
    moves = {int(make_agent("minimax?depth=2", game, seed=s).choose(start, slot)[0]) for s in range(12)}
    assert len(moves) > 2


@pytest.mark.parametrize(
    "text, message",
    [
        ("minimax?eval=materiel", "unknown eval 'materiel' of checkers; did you mean material?"),
        ("minimax?eval=blondie2001", "unknown eval 'blondie2001'"),
        ("minimax?depth=0", "depth must be a number from 1 to 60, got '0'"),
        ("minimax:models/go9", "minimax takes no target"),
        ("minimax?eval=hand&king=2", "king is for eval=material"),
        ("evolved", "evolved needs a folder"),
    ],
)
def test_a_wrong_agent_string_is_answered_in_one_sentence(text: str, message: str) -> None:
    with pytest.raises(TengenError, match=re.escape(message)):
        make_agent(text, make_game("checkers"))


def test_a_game_without_compiled_moves_is_refused_by_name() -> None:
    with pytest.raises(TengenError, match=r"minimax cannot play go9.*checkers, connect4"):
        make_agent("minimax", make_game("go:size=9"))
