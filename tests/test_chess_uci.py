"""Chess in UCI's words, and against a program that speaks it."""

import numpy as np
import pytest

from tengen.agents.engines.programs import find_executable
from tengen.agents.engines.uci_rules import uci_rules
from tengen.agents.registry import make_agent
from tengen.envs.position import Position
from tengen.envs.registry import make_game
from tengen.errors import IllegalMove, TengenError

game = make_game("chess")
rules = uci_rules("engine", game)


def test_positions_and_moves_as_a_program_is_told_them() -> None:
    start = game.new_states(1)
    assert rules.start_fen(start) is None
    fen = "r3k2r/P7/8/8/8/8/8/R3K2R w KQkq - 5 20"
    state = game.from_text(fen)
    assert rules.start_fen(state) == fen
    mask = game.new_mask(1)
    game.legal_mask(state, mask)
    words = {rules.move_text(state, int(action)) for action in np.flatnonzero(mask[0])}
    assert {"e1g1", "e1c1", "a1a2", "h1h8"} <= words and "e1h1" not in words
    for text in words:
        assert rules.move_text(state, rules.parse_move(state, text)) == text
    assert rules.parse_move(state, "e1h1") == rules.parse_move(state, "e1g1")
    assert (rules.side_of(state, "e1g1"), rules.side_of(state, "e8g8")) == (0, 1)
    assert rules.side_of(state, "e4e5") is None and rules.side_of(state, "castles") is None


def test_what_a_program_may_not_say() -> None:
    state = game.new_states(1)
    with pytest.raises(IllegalMove, match="e2e5 is illegal: the pawn on e2 cannot go to e5"):
        rules.parse_move(state, "e2e5")
    for text in ("e4", "Nf3", "e2e4x", "0000", ""):
        with pytest.raises(ValueError):
            rules.parse_move(state, text)
    with pytest.raises(TengenError, match="chess:chess960=0 is not played over UCI"):
        uci_rules("engine", make_game("chess:chess960=0"))


@pytest.mark.skipif(find_executable("stockfish") is None, reason="Stockfish is not installed")
def test_stockfish_mates_random_moves() -> None:
    agent = make_agent("uci:stockfish?nodes=2000&processes=1", game)
    agent.start(game, 1)
    try:
        for side, seed in ((0, 1), (1, 2)):
            position, rng = Position(game), np.random.default_rng(seed)
            while not position.is_terminal:
                action = int(rng.choice(position.legal_actions()))
                if position.to_play == side:
                    agent.follow(0, position.start, list(position.actions))
                    action = int(agent.choose(position.state.copy(), np.array([0]))[0])
                position.apply(action)
            assert position.returns[side] == 1
    finally:
        agent.close()
