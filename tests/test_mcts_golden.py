"""Search trees that can be worked out on paper, and trees worked out by a slow referee."""

import math

import numpy as np
import pytest

from tengen.agents.mcts.config import SearchConfig
from tengen.agents.mcts.gumbel import fill_schedule
from tengen.agents.mcts.search import Search
from tengen.envs import make_game
from tests import referee_search as referee
from tests.toy_game import Place, ToyGame, ToyLeaves, random_place

ONE = np.zeros(1, np.int32)


def searched(start: Place, actions: int, noise=None, noisy: bool = False, **options) -> Search:
    game = ToyGame(start, actions)
    search = Search(
        game,
        ToyLeaves(game),
        SearchConfig(**options),
        slots=1,
        rng=np.random.default_rng(0),
        noisy=noisy,
    )
    search.set_roots(ONE, game.new_states(1))
    if noise is not None:
        search.tree.noise[0] = noise
    search.run(ONE)
    return search


def bandit(results: list[float], prior: list[float], value: float = 0.0, to_play: int = 0) -> Place:
    """One move, after which the game is over."""
    return Place(
        to_play=to_play,
        leads_to=[Place(result=r) for r in results],
        logits=[math.log(p) for p in prior],
        value=value,
    )


def visits(search: Search) -> list[int]:
    return search.root_visits(ONE)[0].tolist()


# --- on paper ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "simulations, expected",
    [
        (1, [1, 0, 0]),  # 0.5, 0.4, 0.1
        (2, [1, 1, 0]),  # sqrt 2: 0.354, 0.566, 0.141
        (4, [1, 3, 0]),  # sqrt 4: 0.5, 1.267, 0.2
        (21, [2, 19, 0]),  # sqrt 21: 1.146, 1 + 1.833/20 = 1.092, 0.458
    ],
)
def test_puct_weighs_value_against_prior(simulations, expected):
    root = bandit([0, 1, -1], [0.5, 0.4, 0.1])
    search = searched(root, 3, rule="puct", simulations=simulations, c_init=1.0, c_base=1e12)
    assert visits(search) == expected
    found = search.result(ONE)
    assert found.actions[0] == int(np.argmax(expected))
    assert found.policy[0] == pytest.approx(np.array(expected) / simulations)
    assert found.values[0] == pytest.approx(expected[1] / simulations)


def test_puct_at_the_root_gives_untried_actions_the_roots_own_value():
    # After one visit of the first: 0.8 + sqrt 2 * 0.25 = 1.154 for the others, -1 + sqrt 2 * 0.5 / 2 for it.
    root = bandit([-1, -1, -1], [0.5, 0.3, 0.2], value=0.8)
    assert visits(searched(root, 3, rule="puct", simulations=3, c_init=1.0)) == [1, 1, 1]


@pytest.mark.parametrize("reduction, at_x", [(0.0, [1, 1]), (1.0, [2, 0])])
def test_puct_inside_the_tree_takes_off_the_first_play_reduction(reduction, at_x):
    """The one action leads to X: value 0.5, priors 0.6 and 0.4, and a draw below either.

    The second walk on from X (N = 2) finds 0 + sqrt 2 * 0.6 / 2 = 0.424 for the first action, for the other
    0.5 - reduction * sqrt 0.6 + sqrt 2 * 0.4 = 1.066 - 0.775 * reduction.
    """
    x = Place(leads_to=[Place(result=0), Place(result=0)], logits=[math.log(0.6), math.log(0.4)], value=0.5)
    root = Place(leads_to=[x], logits=[0.0])
    search = searched(root, 2, rule="puct", simulations=3, c_init=1.0, c_base=1e12, fpu_reduction=reduction)
    below = np.flatnonzero(search.tree.parent[0, : search.tree.nodes[0]] == 1)
    counts = np.bincount(search.tree.action[0, below], search.tree.visits[0, below], minlength=2)
    assert counts.tolist() == at_x


def test_ucb1_on_a_bandit():
    """Each arm once, then Q + c sqrt(ln N / n), where N counts the root's own evaluation."""
    results, c, simulations = [0.0, 1.0, -1.0], 2.0, 60
    pulls = [1, 1, 1]
    while sum(pulls) < simulations:
        total = 1 + sum(pulls)
        scores = [q + c * math.sqrt(math.log(total) / n) for q, n in zip(results, pulls, strict=True)]
        pulls[int(np.argmax(scores))] += 1
    search = searched(bandit(results, [1 / 3] * 3), 3, rule="uct", simulations=simulations, c_uct=c)
    assert visits(search) == pulls and pulls[1] > pulls[0] > pulls[2] > 1
    assert search.result(ONE).values[0] == pytest.approx((pulls[1] - pulls[2]) / simulations)


def test_the_improved_policy_is_the_softmax_of_completed_values():
    """Three actions, the first two tried once each: Q = 1, -1; the third takes the mixed value."""
    prior, value = np.array([0.5, 0.3, 0.2]), 0.1
    root = bandit([1, -1, 0], list(prior), value=value)
    search = searched(root, 3, rule="gumbel", simulations=2, considered=2, c_visit=1.0, c_scale=0.5)
    assert visits(search) == [1, 1, 0]
    mixed = (value + 2 * (0.5 * 1 + 0.3 * -1) / 0.8) / 3  # = 0.2
    exponents = np.log(prior) + (1.0 + 1) * 0.5 * np.array([1, -1, mixed])
    expected = np.exp(exponents) / np.exp(exponents).sum()
    found = search.result(ONE)
    assert found.policy[0] == pytest.approx(expected, rel=1e-5)
    assert found.values[0] == pytest.approx(expected @ np.array([1, -1, mixed]), rel=1e-5)
    assert found.actions[0] == 0


def test_gumbel_noise_decides_which_actions_are_considered():
    root = bandit([0, 0, 0, 0], [0.4, 0.3, 0.2, 0.1])
    search = searched(root, 4, noise=[0, 0, 9, 9], rule="gumbel", simulations=2, considered=2)
    assert visits(search) == [0, 0, 1, 1]
    assert search.result(ONE).actions[0] == 2


def test_without_simulations_gumbel_samples_the_policy_by_its_noise():
    root = bandit([0, 0, 0], [0.6, 0.3, 0.1], value=0.25)
    search = searched(root, 3, noise=[0, 1, 0], rule="gumbel", simulations=0)
    found = search.result(ONE)
    assert found.actions[0] == 1  # ln 0.3 + 1 > ln 0.6
    assert found.policy[0] == pytest.approx([0.6, 0.3, 0.1], rel=1e-5)
    assert found.values[0] == pytest.approx(0.25)


@pytest.mark.parametrize(
    "considered, budget, expected",
    [
        (1, 4, [0, 1, 2, 3]),
        (2, 5, [0, 0, 1, 1, 2]),
        (4, 8, [0] * 4 + [1, 1, 2, 2]),
        (4, 16, [0] * 4 + [1] * 4 + [2, 2, 3, 3, 4, 4, 5, 5]),
        (3, 6, [0, 0, 0, 1, 1, 2]),
        (8, 4, [0] * 4),  # fewer simulations than actions: the likeliest once each
        (8, 24, [0] * 8 + [1] * 4 + [2] * 4 + [3, 3, 4, 4, 5, 5, 6, 6]),
    ],
)
def test_halving_schedule(considered, budget, expected):
    schedule = np.full(budget, -1, np.int32)
    fill_schedule(schedule, considered, budget)
    assert schedule.tolist() == expected == referee.halving(considered, budget)


@pytest.mark.parametrize("levels", [1, 2, 3, 4])
@pytest.mark.parametrize("sweeps", [1, 3])
def test_halving_gives_each_phase_the_same_share(levels, sweeps):
    """With k m log2 m simulations, m = 2^l, each of the log2 m phases takes k m (Karnin et al., 2013)."""
    considered = 2**levels
    budget = sweeps * considered * levels
    schedule = np.zeros(budget, np.int32)
    fill_schedule(schedule, considered, budget)
    visits_of = np.zeros(considered, np.int64)
    share = budget // levels
    for phase in range(levels):
        left = considered >> phase
        for wanted in schedule[phase * share : (phase + 1) * share]:
            candidates = np.flatnonzero(visits_of[:left] == wanted)
            assert len(candidates), "nobody has the visits that are asked for"
            visits_of[candidates[0]] += 1
        assert len(set(visits_of[:left])) == 1
    assert visits_of.sum() == budget


# --- by the referee ----------------------------------------------------------------------------------------

SEEDS = range(40)


def assert_same_tree(search: Search, root: referee.Node) -> None:
    """Visits, values and Q of every node."""
    tree = search.tree
    pairs = [(0, root)]
    for number, node in pairs:
        below = np.flatnonzero(tree.parent[0, : tree.nodes[0]] == number) if node.children else []
        by_action = {int(tree.action[0, n]): int(n) for n in below}
        assert {a: tree.visits[0, n] for a, n in by_action.items()} == {a: node.n(a) for a in node.children}
        for action, n in by_action.items():
            assert tree.value_sum[0, n] / tree.visits[0, n] == pytest.approx(node.q(action), abs=1e-5)
            pairs.append((n, node.children[action]))
    assert len(pairs) == tree.nodes[0]


@pytest.mark.parametrize("seed", SEEDS)
def test_puct_grows_the_referees_tree(seed):
    rng = np.random.default_rng(seed)
    actions, simulations = int(rng.integers(2, 5)), int(rng.integers(1, 120))
    start = random_place(rng, actions, depth=5)
    options = {"c_init": 1.25, "c_base": 50.0, "fpu_reduction": 0.3}
    search = searched(start, actions, rule="puct", simulations=simulations, **options)
    root = referee.Node(start)
    for _ in range(simulations):
        referee.simulate(root, lambda node, is_root: referee.puct_action(node, is_root, **options))
    assert_same_tree(search, root)
    found = search.result(ONE)
    assert root.n(int(found.actions[0])) == max(root.n(a) for a in root.prior)
    mean = root.total / root.visits * (1 if start.to_play == 0 else -1)
    assert found.values[0] == pytest.approx(mean, abs=1e-5)


@pytest.mark.parametrize("seed", SEEDS)
def test_gumbel_grows_the_referees_tree(seed):
    rng = np.random.default_rng(1000 + seed)
    actions, simulations = int(rng.integers(2, 6)), int(rng.integers(1, 100))
    start = random_place(rng, actions, depth=5)
    scales = {"c_visit": float(rng.choice([2.0, 50.0])), "c_scale": float(rng.choice([0.1, 0.5, 20.0]))}
    considered = int(rng.integers(1, 7))
    noise = rng.gumbel(size=actions)
    search = searched(
        start, actions, noise=noise, rule="gumbel", simulations=simulations, considered=considered, **scales
    )
    root = referee.Node(start)
    count = min(considered, len(root.prior))
    for wanted in referee.halving(count, simulations):

        def choose(node, is_root, wanted=wanted):
            if is_root:
                return referee.gumbel_root(node, noise, wanted, count, **scales)
            return referee.gumbel_inside(node, **scales)

        referee.simulate(root, choose)
    assert_same_tree(search, root)
    found = search.result(ONE)
    expected = root.improved_policy(**scales)
    assert found.policy[0] == pytest.approx([expected.get(a, 0.0) for a in range(actions)], abs=1e-4)
    most = max(root.n(a) for a in root.prior)
    assert found.actions[0] == referee.gumbel_root(root, noise, most, count, **scales)


# --- the sign of a value -----------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", ["puct", "gumbel", "uct"])
@pytest.mark.parametrize("side", [0, 1])
def test_a_side_that_moves_twice_keeps_its_sign(rule, side):
    """Action 0 lets the same side capture again and win; by a sign that turned at every ply it would lose."""
    won = 1.0 if side == 0 else -1.0
    again = Place(to_play=side, leads_to=[Place(to_play=1 - side, result=won)], logits=[0.0], value=0.9)
    quiet = Place(to_play=1 - side, leads_to=[Place(to_play=side, result=0.0)], logits=[0.0], value=0.0)
    root = Place(to_play=side, leads_to=[again, quiet], logits=[0.0, 0.0])
    search = searched(root, 2, rule=rule, simulations=30)
    found = search.result(ONE)
    assert found.actions[0] == 0 and found.values[0] > 0.5
    below = search.child(0, 0)
    assert search.tree.value_sum[0, below] / search.tree.visits[0, below] > 0.8


# --- Connect Four ------------------------------------------------------------------------------------------


def wins_in(game, states, depth: int) -> np.ndarray:
    """The actions [B, A] by which the side to move wins within `depth` of its own moves, by brute force."""
    legal = game.new_mask(len(states))
    game.legal_mask(states, legal)
    won = np.zeros_like(legal)
    for action in range(game.num_actions):
        rows = np.flatnonzero(legal[:, action])
        after = states[rows].copy()
        game.step(after, np.full(len(rows), action, np.int32))
        results = np.zeros((len(rows), 2), np.float32)
        game.returns(after, results)
        won[rows, action] = results[np.arange(len(rows)), states["to_play"][rows]] == 1
    if depth == 1:
        return won
    later = won.copy()
    for action in range(game.num_actions):
        rows = np.flatnonzero(legal[:, action])
        after = states[rows].copy()
        game.step(after, np.full(len(rows), action, np.int32))
        rows, after = rows[~after["terminal"]], after[~after["terminal"]]
        replies = game.new_mask(len(after))
        game.legal_mask(after, replies)
        lost = np.ones(len(after), bool)  # whatever the reply
        for reply in range(game.num_actions):
            some = np.flatnonzero(replies[:, reply])
            answered = after[some].copy()
            game.step(answered, np.full(len(some), reply, np.int32))
            lost[some] &= ~answered["terminal"] & wins_in(game, answered, depth - 1).any(1)
        later[rows[lost], action] = True
    return later


@pytest.fixture(scope="module")
def connect_four():
    """Thousands of positions from random games, with the winning actions of those won in one or two."""
    from tengen.agents.random import RandomAgent

    game = make_game("connect4")
    agent = RandomAgent(game, seed=3)
    states = game.new_states(300)
    seen = []
    for _ in range(40):
        states = states[~states["terminal"]]
        if not len(states):
            break
        seen.append(states.copy())
        game.step(states, agent.choose(states, np.arange(len(states))))
    positions = np.concatenate(seen)
    first = wins_in(game, positions, 1)
    second = wins_in(game, positions, 2)
    in_one = first.any(1)
    in_two = ~in_one & second.any(1)
    # Where a win in one is not the only way, a slower forced win is a win all the same.
    return game, (positions[in_one], second[in_one]), (positions[in_two], second[in_two])


class Neutral:
    """Knows nothing: whatever the search finds, it finds by itself."""

    observes = False

    def evaluate(self, states, observations):
        return np.zeros((len(states), 7), np.float32), np.zeros(len(states), np.float32)


@pytest.mark.parametrize("rule", ["puct", "gumbel", "uct"])
def test_search_finds_every_win_in_one_and_in_two(connect_four, rule):
    """For both sides; a choice that wins by force in three moves instead is a win, too."""
    game, *groups = connect_four
    for moves, (positions, winning) in enumerate(groups, start=1):
        assert (positions["to_play"] == 0).sum() > 50 and (positions["to_play"] == 1).sum() > 50
        search = Search(
            game,
            Neutral(),
            SearchConfig(rule=rule, simulations=1000, considered=7),
            slots=len(positions),
            rng=np.random.default_rng(0),
        )
        slots = np.arange(len(positions), dtype=np.int32)
        search.set_roots(slots, positions)
        search.run(slots)
        found = search.result(slots)
        slow = np.flatnonzero(~winning[slots, found.actions])
        assert len(slow) <= 5
        assert wins_in(game, positions[slow], 3)[np.arange(len(slow)), found.actions[slow]].all(), moves
        assert (found.values > 0.3).all()


@pytest.mark.parametrize("rule", ["puct", "gumbel", "uct"])
@pytest.mark.parametrize(
    "text",
    [
        "......./......./......./......./OO...../XXX.... o",
        "......./......./......./X....../XO...../XOO...X o",
        "......./......./......./......./XX...../OOO...X x",
    ],
)
def test_search_parries_a_win_at_the_second_ply(text, rule):
    game = make_game("connect4")
    state = game.from_text(text)
    over = game.new_states(7)
    over[:] = state
    over["to_play"] = 1 - state["to_play"]
    (parry,) = np.flatnonzero(wins_in(game, over, 1)[0])
    search = Search(
        game,
        Neutral(),
        SearchConfig(rule=rule, simulations=400, considered=7),
        slots=1,
        rng=np.random.default_rng(0),
    )
    search.set_roots(ONE, state)
    search.run(ONE)
    assert search.result(ONE).actions[0] == parry
