"""Connect Four to its end: against plain minimax, and positions whose values are known."""

import numpy as np
import pytest

from tengen.agents.registry import make_agent
from tengen.agents.solver.connect4 import FULL, Solver
from tengen.envs.connect4 import COLUMNS
from tengen.envs.game import States
from tengen.envs.registry import make_game
from tengen.errors import TengenError
from tengen.league.match import play_match

GAME = make_game("connect4")


def after(columns: str) -> States:
    """The position after these columns, 1 to 7."""
    state = GAME.new_states(1)
    for column in columns:
        GAME.step(state, np.array([int(column) - 1], np.int32))
    return state


def plain_scores(state: States, known: dict[bytes, int]) -> list[int]:
    """By the rules of the game alone, without pruning."""
    stones = int(state["ply"][0])
    mask = GAME.new_mask(1)
    GAME.legal_mask(state, mask)
    out = [FULL] * COLUMNS
    for column in np.flatnonzero(mask[0]):
        child = state.copy()
        GAME.step(child, np.array([column], np.int32))
        if child["winner"][0]:
            out[column] = (43 - stones) // 2
        elif child["terminal"][0]:
            out[column] = 0
        else:
            key = child["board"].tobytes()
            if key not in known:
                known[key] = max(plain_scores(child, known))
            out[column] = -known[key]
    return out


def test_late_positions_have_the_scores_of_plain_minimax():
    rng = np.random.default_rng(3)
    solver, known, looked = Solver(1), dict[bytes, int](), 0
    while looked < 40:
        state = GAME.new_states(1)
        while not state["terminal"][0] and state["ply"][0] < 31 + looked % 11:
            mask = GAME.new_mask(1)
            GAME.legal_mask(state, mask)
            GAME.step(state, np.array([rng.choice(np.flatnonzero(mask[0]))]))
        if state["terminal"][0]:
            continue
        looked += 1
        scores = solver.scores(state)
        assert scores is not None and scores.tolist() == plain_scores(state, known)


def test_mirrored_positions_have_mirrored_scores():
    solver = Solver(8)
    for columns in ("4444441521672255", "445533121716275"):
        mirrored = "".join(str(8 - int(c)) for c in columns)
        one, other = solver.scores(after(columns)), Solver(8).scores(after(mirrored))
        assert one is not None and other is not None and one.tolist() == other[::-1].tolist()


def test_it_takes_the_quickest_win_and_puts_off_a_loss():
    agent = make_agent("solver?hash=8", GAME)
    agent.start(GAME, 1)
    assert agent.choose(after("172737"), np.array([0])).tolist() == [3], "a row of four"
    assert agent.last_values is not None and agent.last_values[0] == 1
    lost = after("44444415216223355")
    scores = Solver(8).scores(lost)
    assert scores is not None and scores.max() == -12, "lost, and the loss can be put off"
    column = int(agent.choose(lost, np.array([0]))[0])
    assert scores[column] == -12 and agent.last_values[0] == -1


def test_a_table_too_small_costs_time_and_no_truth():
    state = after("4444441521672255")
    large, small = Solver(16).scores(state), Solver(1)
    scores = small.scores(state)
    assert large is not None and scores is not None and scores.tolist() == large.tolist()


def test_it_stops_when_told_and_still_plays_a_legal_column():
    agent = make_agent("solver?hash=8", GAME)
    agent.start(GAME, 1)
    agent.stop = lambda: True  # type: ignore[attr-defined]
    assert agent.choose(after("444444"), np.array([0])).tolist() == [2], "the centre is full"


def test_from_any_opening_it_gets_at_least_what_it_is_owed():
    rng, solver = np.random.default_rng(8), Solver(16)
    agent, other = make_agent("solver?hash=16", GAME), make_agent("minimax?depth=6", GAME)
    won = 0
    for _ in range(6):
        state, opening = GAME.new_states(1), []
        while len(opening) < 18 and not state["terminal"][0]:
            opening.append(int(rng.choice(np.flatnonzero(state["board"][0, 0] == 0))))
            GAME.step(state, np.array(opening[-1:], np.int32))
        if state["terminal"][0]:
            continue
        scores = solver.scores(state)
        assert scores is not None
        owed = int(np.sign(scores.max()))
        result = play_match(GAME, agent, other, 1, openings=[opening], parallel=1)
        assert result.records[0].outcome >= owed, "player 0 is to move after 18 plies"
        won += owed > 0
    assert won, "some of them are won"


def test_other_games_are_refused():
    with pytest.raises(TengenError, match=r"'solver' solves Connect Four \(connect4\), not go9"):
        make_agent("solver", make_game("go9"))
