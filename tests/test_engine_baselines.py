"""Other programs' checkers and Connect Four: moves mean the same on both sides."""

import shlex
import sys
import uuid
from pathlib import Path

import numpy as np
import pytest

from tengen.agents.engines.faults import EngineFault, EngineRefusal
from tengen.agents.engines.hub_wire import HubMove
from tengen.agents.registry import make_agent
from tengen.envs import Position, make_game
from tengen.envs.checkers.notation import legal_turns
from tengen.errors import TengenError
from tengen.league.match import play_match

BAD_ENGINE = Path(__file__).with_name("bad_engine.py")
AGENTS = ["openspiel-mcts?sims=20", "openspiel-alphabeta?depth=2"]


def hub_string(fault: str, *words: str) -> str:
    command = [sys.executable, "-I", "-S", str(BAD_ENGINE), uuid.uuid4().hex, fault, *words]
    return f"hub:{shlex.join(command)}?processes=1"


def hub_move(turn) -> str:  # type: ignore[no-untyped-def]
    return str(HubMove(turn.squares[0], turn.squares[-1], turn.captured))


def random_game(seed: int) -> list[tuple[str, list[int]]]:
    """The turns of a game of checkers at random, as Hub writes them and as actions."""
    position, rng, turns = Position(make_game("checkers")), np.random.default_rng(seed), []
    while not position.is_terminal and len(turns) < 120:
        known = {hub_move(turn): turn.actions for turn in reversed(legal_turns(position.state))}
        turns.append(list(known.items())[rng.integers(len(known))])
        for action in turns[-1][1]:
            position.apply(action)
    return turns


def test_a_game_of_draughts_over_hub_with_jumps_of_several_steps() -> None:
    """The program answers from a script, and checks how many moves it is sent each time."""
    game = make_game("checkers")
    turns = next(g for g in map(random_game, range(100)) if any(len(turn) > 1 for _, turn in g[::2]))
    agent = make_agent(hub_string("hub", *[words for words, _ in turns[::2]]), game)
    agent.start(game, 1)
    position = Position(game)
    for number, (_, turn) in enumerate(turns):
        for action in turn:
            if number % 2 == 0:
                agent.follow(0, position.start, position.actions)
                assert agent.choose(position.state.copy(), np.array([0])).tolist() == [action]
            position.apply(action)
    agent.close()


@pytest.mark.parametrize(
    ("fault", "move", "kind", "words"),
    [
        ("hub", "9-18", "illegal", "made an illegal move: 9-18"),
        ("hub", "22-18", "colour", "moved the other side's piece: 22-18"),
        ("hub", "resign", "garbage", "'resign' is not a move"),
        ("hub error", "11-15", "protocol", "reported an error at move 1: no such position"),
    ],
)
def test_faults_over_hub_have_their_names(fault: str, move: str, kind: str, words: str) -> None:
    game = make_game("checkers")
    agent = make_agent(hub_string(fault, move), game)
    agent.start(game, 1)
    agent.follow(0, game.new_states(1), [])
    with pytest.raises(EngineFault, match=words) as caught:
        agent.choose(game.new_states(1), np.array([0]))
    assert caught.value.kind == kind
    agent.close()


def test_draughts_of_another_kind_are_refused() -> None:
    with pytest.raises(
        EngineRefusal, match="it plays normal, frisian, and English draughts would be english"
    ):
        make_agent(hub_string("hub international"), make_game("checkers"))


def test_openspiel_is_asked_for_its_games_only() -> None:
    pytest.importorskip("pyspiel")
    with pytest.raises(TengenError, match="plays checkers and connect4, not go5"):
        make_agent("openspiel-mcts", make_game("go5"))


@pytest.mark.parametrize("name", ["checkers", "connect4"])
def test_openspiel_has_the_same_moves_in_every_position(name: str) -> None:
    """Random games: our legal actions are OpenSpiel's, one to one, and so are the results."""
    pytest.importorskip("pyspiel")
    from tengen.agents.engines.openspiel import PEERS, from_peer, import_pyspiel, to_peer

    game, pyspiel = make_game(name), import_pyspiel()
    rng, compared = np.random.default_rng(0), 0
    for _ in range(20):
        position, theirs = Position(game), pyspiel.load_game(PEERS[name]).new_initial_state()
        while not position.is_terminal and not theirs.is_terminal():
            assert theirs.current_player() == position.to_play
            ours = position.legal_actions()
            mapped = [to_peer(game, position.state, theirs, action) for action in ours]
            assert sorted(mapped) == sorted(theirs.legal_actions())
            assert [from_peer(game, position.state, theirs, action) for action in mapped] == ours
            pick = int(rng.integers(len(ours)))
            position.apply(ours[pick])
            theirs.apply_action(mapped[pick])
            compared += 1
        if position.is_terminal and theirs.is_terminal():
            assert tuple(theirs.returns()) == position.returns
    assert compared > 300


@pytest.mark.parametrize("name", ["checkers", "connect4"])
@pytest.mark.parametrize("agent", AGENTS)
def test_openspiels_searches_beat_random_moves(name: str, agent: str) -> None:
    pytest.importorskip("pyspiel")
    game = make_game(name)
    result = play_match(game, make_agent(agent, game), make_agent("random", game, seed=1), 6)
    assert result.score >= 0.75


def test_beyond_openspiels_end_of_a_game_material_is_kept() -> None:
    """Black has moves that give a piece away, and makes none of them."""
    from tengen.agents.engines.openspiel import two_plies

    game = make_game("checkers")
    state = game.from_text("B:WK30,K31:BK7,K8,11")
    for seed in range(5):
        action = two_plies(game, state, np.random.default_rng(seed))
        after = state.copy()
        game.step(after, np.array([action], np.int32))
        reply = game.new_mask(1)
        game.legal_mask(after, reply)
        words = [game.format_action(after, int(a)) for a in np.flatnonzero(reply[0])]
        assert not any("x" in word for word in words)
