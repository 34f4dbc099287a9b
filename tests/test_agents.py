"""Agents: how they are named, what they play, and what is said of a name that means nothing."""

import numpy as np
import pytest

from tengen.agents.mcts.agent import MctsAgent
from tengen.agents.mcts.config import SearchConfig
from tengen.agents.mcts.evaluators import NetworkLeaves, RolloutLeaves
from tengen.agents.policy import PolicyAgent
from tengen.agents.registry import AGENT_KINDS, make_agent, parse_agent
from tengen.envs import make_game
from tengen.errors import TengenError

GAMES = ["connect4", "checkers", "go5"]


class Flat:
    """A network without opinions, but for one action."""

    def __init__(self, game, favourite: int | None = None) -> None:
        self.game, self.favourite = game, favourite

    def __call__(self, observations):
        logits = np.zeros((len(observations), self.game.num_actions), np.float32)
        if self.favourite is not None:
            logits[:, self.favourite] = 5.0
        return logits, np.zeros(len(observations), np.float32)


def rows(count: int) -> np.ndarray:
    return np.arange(count, dtype=np.int32)


def play_out(game, agents, boards: int, plies: int = 400) -> np.ndarray:
    """Boards side by side, agents[0] to begin; every move is checked. Returns player 0's results [B]."""
    states = game.new_states(boards)
    for agent in agents:
        agent.start(game, boards)
    for ply in range(2 * plies):
        side, agent = ply % 2, agents[ply % 2]
        turn = np.flatnonzero((states["to_play"] == side) & ~states["terminal"])
        if len(turn):
            part = states[turn]
            legal = game.new_mask(len(turn))
            game.legal_mask(part, legal)
            actions = agent.choose(part, turn)
            assert legal[np.arange(len(turn)), actions].all()
            game.step(part, actions)
            states[turn] = part
    results = np.zeros((boards, 2), np.float32)
    game.returns(states, results)
    return results[:, 0]


def agents_of(game):
    network = Flat(game)
    return {
        "random": make_agent("random", game, seed=1),
        "policy": PolicyAgent("policy", game, network, 0.0, seed=1),
        "sampled policy": PolicyAgent("policy", game, network, 1.0, seed=1),
        "rollouts": make_agent("mcts?sims=6&rollouts=2&temperature=1&warm=4", game, seed=1),
        "gumbel": MctsAgent(
            "g", game, NetworkLeaves(network), SearchConfig(rule="gumbel", simulations=6, leaves=2), seed=1
        ),
        "puct": MctsAgent(
            "p", game, NetworkLeaves(network), SearchConfig(rule="puct", simulations=6), seed=1
        ),
    }


@pytest.mark.parametrize("name", GAMES)
@pytest.mark.parametrize("kind", ["random", "policy", "sampled policy", "rollouts", "gumbel", "puct"])
def test_every_agent_plays_legal_moves_to_the_end(name, kind):
    game = make_game(name)
    agent = agents_of(game)[kind]
    play_out(game, (agent, make_agent("random", game, seed=2)), boards=3, plies=60)
    play_out(game, (make_agent("random", game, seed=3), agent), boards=2, plies=60)
    agent.close()


def test_search_by_random_games_beats_random_moves():
    game = make_game("connect4")
    results = play_out(
        game, (make_agent("random", game, seed=1), make_agent("mcts?sims=50", game, seed=2)), 40
    )
    assert (results < 0).sum() >= 36  # the searcher moves second
    results = play_out(
        game, (make_agent("mcts?sims=50", game, seed=2), make_agent("random", game, seed=1)), 40
    )
    assert (results > 0).sum() >= 38


@pytest.mark.parametrize(
    "text", ["random", "mcts?sims=20", "mcts?sims=20&leaves=4&temperature=1", "mcts?rule=puct&sims=9"]
)
def test_a_seed_makes_an_agent_repeat_itself(text):
    game = make_game("connect4")

    def moves(seed: int) -> list[int]:
        agent = make_agent(text, game, seed=seed)
        agent.start(game, 8)
        return agent.choose(game.new_states(8), rows(8)).tolist()

    assert moves(7) == moves(7)
    assert any(moves(7) != moves(seed) for seed in range(8, 12))


def test_temperature_spreads_the_first_moves_only():
    game = make_game("connect4")
    agent = MctsAgent(
        "m",
        game,
        RolloutLeaves(game, seed=1),
        SearchConfig(rule="puct", simulations=40),
        seed=1,
        temperature=1.0,
        random_plies=2,
    )
    agent.start(game, 60)
    early = game.new_states(60)
    assert len(set(agent.choose(early, rows(60)).tolist())) >= 5
    late = early.copy()
    for _ in range(2):
        game.step(late, np.full(60, 3, np.int32))
    found = agent.think(late, rows(60))
    assert (agent.choose(late, rows(60)) == agent.search.root_visits(rows(60)).argmax(1)).all()
    assert found.policy.shape == (60, 7)


def test_any_temperature_leaves_a_legal_move():
    """Logits over a tiny temperature overflow; the likeliest legal move must be left of them."""
    game = make_game("connect4")
    full = game.new_states(50)
    for _ in range(6):
        game.step(full, np.full(50, 3, np.int32))
    for temperature in (1e-300, 1e-30, 1e-3, 100.0):
        chosen = PolicyAgent("p", game, Flat(game, favourite=3), temperature, 1).choose(full, rows(50))
        assert (chosen != 3).all()
        favoured = PolicyAgent("p", game, Flat(game, favourite=5), temperature, 1).choose(full, rows(50))
        assert (favoured == 5).all() or temperature == 100.0
        searcher = MctsAgent(
            "m",
            game,
            NetworkLeaves(Flat(game)),
            SearchConfig(rule="puct", simulations=4),
            seed=1,
            temperature=temperature,
            random_plies=99,
        )
        assert (searcher.choose(full, rows(50)) != 3).all()


def test_a_sampled_policy_follows_the_network():
    game = make_game("connect4")
    agent = PolicyAgent("p", game, Flat(game, favourite=2), 1.0, seed=3)
    chosen = agent.choose(game.new_states(4000), rows(4000))
    share = np.exp(5) / (np.exp(5) + 6)
    assert np.mean(chosen == 2) == pytest.approx(share, abs=0.02)


# --- names -------------------------------------------------------------------------------------------------


def test_a_name_is_taken_apart():
    spec = parse_agent(" mcts:runs/x/latest?sims=400&rule=puct ")
    assert (spec.kind, spec.target, spec.options) == (
        "mcts",
        "runs/x/latest",
        {"sims": "400", "rule": "puct"},
    )
    assert spec.text == "mcts:runs/x/latest?sims=400&rule=puct"


def test_every_example_in_the_list_can_be_read():
    for kind in AGENT_KINDS.values():
        for example in kind.examples:
            assert parse_agent(example).kind == kind.name


@pytest.mark.parametrize(
    "text, message",
    [
        ("randm", "unknown agent 'randm'; did you mean random?"),
        (
            "",
            "unknown agent ''; kinds: random, policy, mcts, rollout, minimax, solver, evolved, dqn, gtp, "
            "hub, uci, openspiel-mcts, openspiel-alphabeta, human",
        ),
        (
            "xyzzy",
            "unknown agent 'xyzzy'; kinds: random, policy, mcts, rollout, minimax, solver, evolved, dqn, "
            "gtp, hub, uci, openspiel-mcts, openspiel-alphabeta, human",
        ),
        ("mcts?sim=10", "agent 'mcts?sim=10': unknown option 'sim'; did you mean sims?"),
        ("random?sims=10", "agent 'random?sims=10': unknown option 'sims'; options: none"),
        ("mcts?sims", "agent 'mcts?sims': option 'sims' is not of the form key=value"),
        ("mcts?sims=", "agent 'mcts?sims=': option 'sims=' is not of the form key=value"),
        ("mcts?=3", "agent 'mcts?=3': unknown option ''"),
        ("mcts?sims=1&sims=2", "agent 'mcts?sims=1&sims=2': option 'sims' is given twice"),
        ("mcts?sims=many", "sims must be a number from 1 to 1,000,000, got 'many'"),
        ("mcts?sims=nan", "sims must be a number from 1 to 1,000,000, got 'nan'"),
        ("mcts?sims=1.5", "sims must be a whole number, got '1.5'"),
        ("mcts?sims=0", "sims must be a number from 1 to 1,000,000, got '0'"),
        ("mcts?leaves=257", "leaves must be a number from 1 to 256, got '257'"),
        ("mcts?temperature=-1", "temperature must be a number from 0 to 100, got '-1'"),
        ("mcts?rule=alphabeta", "rule must be gumbel, puct or uct, got 'alphabeta'"),
        ("mcts:models/none?rollouts=3", "rollouts is for mcts without a network"),
        ("random:here", "agent 'random:here': random takes no target, got 'here'"),
        ("policy", "policy needs a checkpoint, as in policy:runs/demo/latest"),
        ("human", "agent 'human' plays only in 'tengen play'"),
    ],
)
def test_a_wrong_name_is_answered_in_one_sentence(text, message):
    with pytest.raises(TengenError) as fault:
        make_agent(text, make_game("connect4"))
    assert message in str(fault.value)
    assert "\n" not in str(fault.value) and fault.value.exit_code == 2


@pytest.mark.parametrize("text", ["policy:/nowhere/at/all", "mcts:/nowhere/at/all?sims=4"])
def test_a_missing_checkpoint_is_named(text):
    with pytest.raises(TengenError, match="/nowhere/at/all"):
        make_agent(text, make_game("connect4"))
