"""What a batched search promises whatever its rule: budgets, slots, virtual loss, kept trees."""

import numpy as np
import pytest

from tengen.agents.mcts import kernels
from tengen.agents.mcts.agent import MctsAgent
from tengen.agents.mcts.config import SearchConfig
from tengen.agents.mcts.evaluators import RolloutLeaves
from tengen.agents.mcts.search import Search
from tengen.agents.random import RandomAgent
from tengen.envs import make_game
from tengen.errors import TengenError
from tests.toy_game import Place, ToyGame, ToyLeaves, random_place

RULES = ["gumbel", "puct", "uct"]
GAMES = ["connect4", "checkers", "go5"]


class Hashed:
    """A network of sorts: its opinion hangs on the position alone, so that batches cannot matter."""

    observes = True

    def __init__(self, game) -> None:
        self.game = game
        self.rng = np.random.default_rng(5)
        size = int(np.prod(game.obs_shape))
        self.to_policy = self.rng.normal(size=(size, game.num_actions)).astype(np.float64)
        self.to_value = self.rng.normal(size=size)
        self.calls: list[int] = []

    def evaluate(self, states, observations):
        self.calls.append(len(states))
        flat = observations.reshape(len(observations), -1).astype(np.float64)
        logits = np.stack([np.sin(row @ self.to_policy) for row in flat]).astype(np.float32)
        values = np.array([np.sin(3 * (row @ self.to_value)) for row in flat], np.float32)
        return logits, values


def make_search(game, slots=1, *, evaluator=None, noisy=False, reuse=False, seed=0, **options) -> Search:
    return Search(
        game,
        evaluator or Hashed(game),
        SearchConfig(**options),
        slots=slots,
        rng=np.random.default_rng(seed),
        noisy=noisy,
        reuse=reuse,
    )


def rows(count: int) -> np.ndarray:
    return np.arange(count, dtype=np.int32)


def some_positions(name: str, count: int, plies: int = 8):
    """Positions [count] after 0 to `plies` random moves."""
    game = make_game(name)
    agent = RandomAgent(game, seed=4)
    states = game.new_states(count)
    for ply in range(plies):
        part = states[ply % count :: 2].copy()
        game.step(part, agent.choose(part, rows(len(part))))
        states[ply % count :: 2] = np.where(part["terminal"], states[ply % count :: 2], part)
    return game, states


def alike(game, state, other) -> bool:
    """Whether two states [1] are equal in all that counts of them."""
    one, two = state.copy(), other.copy()
    if game.live_words:
        start, per_ply = game.live_words
        for words in (one.view(np.uint64), two.view(np.uint64)):
            words[start + per_ply * int(state["ply"][0]) :] = 0
    return bool((one == two).all())


def check_tree(search: Search, slot: int = 0) -> None:
    """Everything that must hold in a tree between rounds, recomputed from its leaves."""
    tree, game = search.tree, search.game
    count = int(tree.nodes[slot])
    parent, visits = tree.parent[slot, :count], tree.visits[slot, :count]
    assert parent[0] == -1 and (parent[1:] < np.arange(1, count)).all() and (parent[1:] >= 0).all()
    assert tree.expanded[slot, :count].all()
    below: list[list[int]] = [[] for _ in range(count)]
    for node in range(1, count):
        below[parent[node]].append(node)
    sums = np.zeros(count)  # of all walks that ended at or below a node, player 0's
    for node in reversed(range(count)):
        children, linked = below[node], tree.first_child[slot, node]
        if tree.terminal[slot, node]:
            assert not children
            sums[node] += visits[node] * tree.node_value[slot, node]
        else:
            assert visits[node] == 1 + sum(visits[c] for c in children)
            sums[node] += tree.node_value[slot, node]
            found = []
            while linked >= 0:
                found.append(int(linked))
                linked = tree.next_sibling[slot, linked]
            assert sorted(found) == children
            prior = tree.prior[slot, node]
            legal = game.new_mask(1)
            game.legal_mask(search.states[slot, node : node + 1], legal)
            assert ((prior != 0) == legal[0]).all() and np.abs(prior).sum() == pytest.approx(1, abs=1e-5)
            assert set(np.flatnonzero(prior < 0)) == {int(tree.action[slot, c]) for c in children}
            for c in children:
                assert tree.action_prior[slot, c] == -prior[tree.action[slot, c]]
                after = search.states[slot, node : node + 1].copy()
                game.step(after, tree.action[slot, c : c + 1])
                assert alike(game, after, search.states[slot, c : c + 1])
        assert tree.to_play[slot, node] == search.states[slot, node]["to_play"]
        if node:
            sums[parent[node]] += sums[node]
            mover = 1 if tree.to_play[slot, parent[node]] == 0 else -1
            assert tree.value_sum[slot, node] == pytest.approx(mover * sums[node], abs=1e-3)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("name", GAMES)
def test_a_tree_is_the_sum_of_its_walks(name, rule):
    game, states = some_positions(name, 3)
    search = make_search(game, 3, rule=rule, simulations=60)
    search.set_roots(rows(3), states)
    search.run(rows(3))
    for slot in range(3):
        check_tree(search, slot)
        assert search.tree.visits[slot, 0] == 61
    assert (search.root_visits(rows(3)).sum(1) == 60).all()


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("name", GAMES)
def test_virtual_loss_leaves_no_trace(name, rule):
    """Many leaves a round: every loss lent is paid back, every collision taken back."""
    game, states = some_positions(name, 2)
    search = make_search(game, 2, rule=rule, simulations=150, leaves=16, virtual_loss=0.75)
    search.set_roots(rows(2), states)
    while not search.finished(rows(2)).all():
        search.round(rows(2))
        check_tree(search, 0)
    check_tree(search, 1)
    assert (search.root_visits(rows(2)).sum(1) == 150).all()
    assert max(search.evaluator.calls) > 4  # leaves were indeed judged together
    assert search.evaluations == sum(search.evaluator.calls) <= 2 * 151


def test_one_legal_move_at_a_time_collides_and_goes_on():
    """A corridor: the second walk of each round must meet the first one's leaf."""
    place = Place(result=1.0)
    for i in range(6):
        place = Place(to_play=i % 2, leads_to=[None, place], logits=[0.0, 0.0], value=0.1)
    game = ToyGame(place, 2)
    for rule in RULES:
        search = make_search(game, evaluator=ToyLeaves(game), rule=rule, simulations=20, leaves=8)
        search.set_roots(rows(1), game.new_states(1))
        search.run(rows(1))
        check_tree(search)
        assert search.root_visits(rows(1))[0].tolist() == [0, 20]
        found = search.result(rows(1))
        assert found.actions[0] == 1 and found.policy[0].tolist() == [0, 1]
        assert search.evaluator.asked == [0, 1, 2, 3, 4, 5]  # each place once, the finished game never


@pytest.mark.parametrize("rule", RULES)
def test_slots_know_nothing_of_each_other(rule):
    game, states = some_positions("connect4", 12)
    noise = np.random.default_rng(1).gumbel(size=(12, game.num_actions)).astype(np.float32)
    budgets = np.array([0, 1, 2, 7, 30, 40, 5, 40, 33, 12, 3, 40], np.int32)
    together = make_search(game, 12, noisy=True, rule=rule, simulations=40)
    together.set_roots(rows(12), states, budgets)
    together.tree.noise[:] = noise
    together.run(rows(12))
    assert (together.root_visits(rows(12)).sum(1) == budgets).all()
    all_found = together.result(rows(12))
    for i in range(12):
        alone = make_search(game, 1, noisy=True, rule=rule, simulations=40)
        alone.set_roots(rows(1), states[i : i + 1], int(budgets[i]))
        alone.tree.noise[0] = noise[i]
        alone.run(rows(1))
        assert (alone.root_visits(rows(1))[0] == together.root_visits(rows(12))[i]).all()
        found = alone.result(rows(1))
        assert found.actions[0] == all_found.actions[i]
        assert found.policy[0] == pytest.approx(all_found.policy[i], abs=1e-6)
        assert found.values[0] == pytest.approx(all_found.values[i], abs=1e-6)


@pytest.mark.parametrize("rule", RULES)
def test_moving_on_is_a_fresh_search_that_asks_less(rule):
    game, states = some_positions("go5", 6)
    moving, fresh = (make_search(game, 6, noisy=True, rule=rule, simulations=24) for _ in range(2))
    moving.set_roots(rows(6), states, np.array([0, 1, 5, 24, 24, 24]))
    moving.run(rows(6))
    actions = moving.result(rows(6)).actions
    asked = np.array([moving.child(slot, int(actions[slot])) < 0 for slot in range(6)])
    assert asked.tolist() == [True] + 5 * [False]
    after = moving.roots(rows(6))
    assert (after == states).all()
    game.step(after, actions)
    before = moving.evaluations
    moving.move_on(rows(6), actions, after)
    fresh.set_roots(rows(6), after)
    moving.tree.noise[:] = fresh.tree.noise
    for search in (moving, fresh):
        for slot in range(6):  # the noise is part of how a root is prepared
            if search.tree.expanded[slot, 0]:
                kernels.prepare_root(search.tree, search.rule, slot, np.zeros(game.num_actions))
        search.run(rows(6))
        for slot in range(6):
            check_tree(search, slot)
    assert moving.evaluations - before == fresh.evaluations - 5
    for found, wanted in zip(moving.result(rows(6)), fresh.result(rows(6)), strict=True):
        assert found == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize("rule", RULES)
def test_without_simulations_the_policy_is_the_networks(rule):
    game, states = some_positions("go5", 4)
    search = make_search(game, 4, rule=rule, simulations=0)
    search.set_roots(rows(4), states)
    search.run(rows(4))
    found = search.result(rows(4))
    assert search.evaluations == 4
    assert found.policy == pytest.approx(search.root_prior(rows(4)), abs=1e-6)
    assert (found.actions == search.root_prior(rows(4)).argmax(1)).all()


def test_finished_games_cost_no_evaluation():
    rng = np.random.default_rng(8)
    for _ in range(10):
        game = ToyGame(random_place(rng, 3, depth=5), 3)
        search = make_search(game, evaluator=ToyLeaves(game), rule="puct", simulations=300)
        search.set_roots(rows(1), game.new_states(1))
        search.run(rows(1))  # the evaluator itself objects to a finished game
        check_tree(search)
        nodes = search.tree.nodes[0]
        assert search.evaluations == nodes - search.tree.terminal[0, :nodes].sum()
        assert len(set(search.evaluator.asked)) == len(search.evaluator.asked)


def test_a_search_refuses_a_finished_game_and_too_large_a_budget():
    game = make_game("connect4")
    won = game.from_text("......./......./......./......./OOO..../XXXX... o")
    search = make_search(game, rule="puct", simulations=5)
    with pytest.raises(ValueError, match="over"):
        search.set_roots(rows(1), won)
    with pytest.raises(ValueError, match=r"budget of 6 .* 5 simulations"):
        search.set_roots(rows(1), game.new_states(1), 6)


@pytest.mark.parametrize("fault", [np.nan, np.inf])
def test_a_network_that_has_diverged_is_named(fault):
    class Diverged(Hashed):
        def evaluate(self, states, observations):
            logits, values = super().evaluate(states, observations)
            return logits, values * fault

    game = make_game("connect4")
    search = make_search(game, evaluator=Diverged(game), rule="gumbel", simulations=5)
    search.set_roots(rows(1), game.new_states(1))
    with pytest.raises(TengenError, match="not finite"):
        search.run(rows(1))


def test_logits_of_minus_infinity_still_leave_every_legal_move_a_chance():
    game = make_game("connect4")

    class Certain(Hashed):
        def evaluate(self, states, observations):
            logits = np.full((len(states), 7), -np.inf, np.float32)
            logits[:, 3] = 0.0
            return logits, np.zeros(len(states), np.float32)

    search = make_search(game, evaluator=Certain(game), rule="uct", simulations=14)
    search.set_roots(rows(1), game.new_states(1))
    search.run(rows(1))
    assert (search.root_prior(rows(1)) > 0).all()
    assert (search.root_visits(rows(1)) == 2).sum() >= 1 and (search.root_visits(rows(1)) >= 1).all()


# --- noise -------------------------------------------------------------------------------------------------


def test_dirichlet_noise_is_a_distribution_over_legal_actions():
    game, states = some_positions("checkers", 20, plies=20)
    search = make_search(game, 20, noisy=True, rule="puct", simulations=4, dirichlet_alpha=0.5)
    search.set_roots(rows(20), states)
    legal = game.new_mask(20)
    game.legal_mask(states, legal)
    noise = search.tree.noise
    assert noise.sum(1) == pytest.approx(np.ones(20), abs=1e-5)
    assert (noise[~legal] == 0).all() and (noise >= 0).all()
    assert len({row.tobytes() for row in noise}) == 20


def bandit(results: list[float], prior: list[float]) -> Place:
    return Place(leads_to=[Place(result=r) for r in results], logits=[float(np.log(p)) for p in prior])


def forced(k: float, simulations: int = 50):
    """A bandit under PUCT with forced playouts k and no noise in the prior."""
    game = ToyGame(bandit([0.5, -1.0, -1.0], [0.6, 0.3, 0.1]), 3)
    search = make_search(
        game,
        evaluator=ToyLeaves(game),
        noisy=True,
        rule="puct",
        simulations=simulations,
        noise_fraction=0.0,
        forced_playouts=k,
    )
    search.set_roots(rows(1), game.new_states(1))
    search.run(rows(1))
    return search.root_visits(rows(1))[0], search.result(rows(1))


def test_playouts_are_forced_and_pruned_from_the_target():
    """Wu 2019: a child once tried gets sqrt(k P N) playouts; those PUCT did not want leave the target."""
    plain, plain_found = forced(0.0)
    visits, found = forced(2.0)
    assert visits.sum() == plain.sum() == 50
    assert plain_found.policy[0] == pytest.approx(plain / 50)
    wanted = np.sqrt(2.0 * np.array([0.6, 0.3, 0.1]) * 50)
    for action in (1, 2):
        if visits[action]:
            assert visits[action] >= wanted[action] - 1
    assert visits[1] > plain[1]
    assert found.policy[0].sum() == pytest.approx(1)
    assert found.policy[0][1] < visits[1] / 50  # pruned
    assert found.policy[0][0] > visits[0] / 50
    assert found.actions[0] == 0


def test_pruning_by_hand():
    """A worthless child keeps no forced playout; one that is as good as the best keeps all of its visits."""
    visits, found = forced(2.0, simulations=50)
    weight = (np.log((1 + 51 + 19652) / 19652) + 1.25) * np.sqrt(51)
    target = 0.5 + weight * 0.6 / (1 + visits[0])
    kept = []
    for action, p, q in ((1, 0.3, -1.0), (2, 0.1, -1.0)):
        n = int(visits[action])
        least = n - int(np.sqrt(2.0 * p * 50))
        while n > max(least, 0) and q + weight * p / n < target:
            n -= 1
        kept.append(n if n > 1 else 0)
    counts = np.array([visits[0], *kept])
    assert found.policy[0] == pytest.approx(counts / counts.sum(), abs=1e-6)


# --- trees that are kept -----------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("name", GAMES)
def test_a_kept_tree_keeps_its_statistics(name, rule):
    game, states = some_positions(name, 1)
    search = make_search(game, reuse=True, rule=rule, simulations=40)
    search.set_roots(rows(1), states)
    search.run(rows(1))
    kept = 0
    for _ in range(5):
        tree = search.tree
        child = max(
            (n for n in range(1, tree.nodes[0]) if tree.parent[0, n] == 0 and not tree.terminal[0, n]),
            key=lambda n: tree.visits[0, n],
        )
        action = int(tree.action[0, child])
        assert search.child(0, action) == child
        visits, prior = int(tree.visits[0, child]), np.abs(tree.prior[0, child])
        state = search.states[0, child].copy()
        below = sorted(tree.visits[0, n] for n in range(tree.nodes[0]) if tree.parent[0, n] == child)
        search.keep(0, child)
        if not tree.expanded[0, 0]:  # no room was left
            search.run(rows(1))
            continue
        kept += 1
        check_tree(search)
        assert search.states[0, 0] == state
        assert tree.visits[0, 0] == visits and search.root_prior(rows(1))[0] == pytest.approx(prior)
        assert sorted(n for n in search.root_visits(rows(1))[0] if n) == below
        search.run(rows(1))
        check_tree(search)
        assert tree.visits[0, 0] == visits + 40
        found = search.result(rows(1))
        assert found.policy[0].sum() == pytest.approx(1, abs=1e-5)
        assert search.root_prior(rows(1))[0, found.actions[0]] > 0
    assert kept


def test_the_old_visits_do_not_count_in_a_new_halving():
    """After keep(), every considered action is looked at again before the schedule narrows."""
    game = make_game("connect4")
    search = make_search(game, reuse=True, rule="gumbel", simulations=28, considered=7)
    search.set_roots(rows(1), game.new_states(1))
    search.run(rows(1))
    search.keep(0, search.child(0, int(search.result(rows(1)).actions[0])))
    before = search.root_visits(rows(1))[0]
    assert before.sum() > 0
    search.run(rows(1))
    added = search.root_visits(rows(1))[0] - before
    assert added.sum() == 28 and (added >= 1).all()
    best = search.result(rows(1)).actions[0]
    assert added[best] == added.max()


def test_a_full_tree_starts_anew_and_never_hangs():
    """A forced line keeps nearly all nodes at each move; room for a whole budget is always made."""
    place = Place(result=0.0)
    for i in range(300):
        place = Place(to_play=i % 2, leads_to=[place, Place(result=0.0)], logits=[4.0, 0.0], value=0.0)
    game = ToyGame(place, 2)
    search = make_search(game, evaluator=ToyLeaves(game), reuse=True, rule="puct", simulations=30)
    search.set_roots(rows(1), game.new_states(1))
    resets = 0
    for _ in range(40):
        search.run(rows(1))
        kept = search.tree.nodes[0] - 1
        search.keep(0, search.child(0, 0))
        resets += search.tree.nodes[0] == 1 and kept > 1
        check_tree(search) if search.tree.nodes[0] > 1 else None
        assert search.tree.nodes[0] + 30 <= search.tree.parent.shape[1]
    assert resets


@pytest.mark.parametrize("name", GAMES)
def test_the_agent_goes_on_from_the_tree_of_its_last_move(name):
    game = make_game(name)
    network = Hashed(game)
    agent = MctsAgent("a", game, network, SearchConfig(rule="puct", simulations=200), seed=0)
    agent.start(game, 1)
    state = game.new_states(1)
    game.step(state, agent.choose(state, rows(1)))
    tree = agent.search.tree
    reply = int(tree.action[0, np.flatnonzero(tree.parent[0, : tree.nodes[0]] == 0)[0]])
    node = next(n for n in range(tree.nodes[0]) if agent.search.states[0, n] == state[0])
    known = int(tree.visits[0, node])
    assert known > 1 and reply >= 0
    agent.think(state, rows(1))
    assert tree.visits[0, 0] == known + 200
    agent.start(game, 1)  # a new game knows nothing of the last
    agent.think(state, rows(1))
    assert tree.visits[0, 0] == 201


def test_an_interrupted_search_is_forgotten():
    """Leaves whose values never came would be waited for without end."""
    game = make_game("connect4")

    class Interrupted(Hashed):
        def evaluate(self, states, observations):
            if len(self.calls) == 30:
                self.calls.append(0)
                raise KeyboardInterrupt
            return super().evaluate(states, observations)

    agent = MctsAgent("a", game, Interrupted(game), SearchConfig(rule="puct", simulations=50), seed=0)
    agent.start(game, 1)
    state = game.new_states(1)
    with pytest.raises(KeyboardInterrupt):
        agent.think(state, rows(1))
    agent.think(state, rows(1))
    check_tree(agent.search)
    assert agent.search.tree.visits[0, 0] == 51


def test_an_agent_that_is_given_another_game_searches_that():
    agent = MctsAgent(
        "a", make_game("go5"), Hashed(make_game("go5")), SearchConfig(rule="puct", simulations=8), seed=0
    )
    agent.start(make_game("go5"), 1)
    smaller = make_game("go:size=5,komi=1.5")
    agent.start(smaller, 1)
    assert agent.search.game is smaller


def test_many_rollouts_are_the_mean_of_single_ones():
    """A position with one move left: the result is certain, for whichever side it is told."""
    game = make_game("connect4")
    lost = game.from_text("......./......./......./......./OOO..../XXX...X o")
    states = np.concatenate([lost, game.from_text("......./......./......./......./OOO..../XXX.... x")])
    leaves = RolloutLeaves(game, seed=2, rollouts=3000)
    before = states.copy()
    logits, values = leaves.evaluate(states.copy(), np.zeros(0, np.float32))
    assert logits.shape == (2, 7) and not logits.any()
    single = RolloutLeaves(game, seed=3)
    means = np.mean([single.evaluate(before.copy(), np.zeros(0, np.float32))[1] for _ in range(3000)], axis=0)
    assert values == pytest.approx(means, abs=0.08)
    assert set(np.unique(single.evaluate(before.copy(), np.zeros(0, np.float32))[1])) <= {-1.0, 0.0, 1.0}
