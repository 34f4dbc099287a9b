"""Trees of games with many actions, few of them legal: what is listed is what a look at all would find."""

import numpy as np
import pytest

from tengen.agents.mcts import kernels
from tengen.agents.mcts.arrays import NO_ACTION, QUEUE
from tengen.agents.mcts.config import SearchConfig
from tengen.agents.mcts.search import Search
from tengen.envs.game import Floats, States
from tengen.envs.registry import make_game

GAME = make_game("chess")


class Leaves:
    """Logits of any size for every action, legal or not."""

    observes = False

    def __init__(self, spread: float = 8.0) -> None:
        self.rng = np.random.default_rng(2)
        self.spread = spread
        self.logits: Floats = np.zeros((0, 0), np.float32)

    def evaluate(self, states: States, observations: Floats) -> tuple[Floats, Floats]:
        self.logits = self.rng.normal(0, self.spread, (len(states), GAME.num_actions)).astype(np.float32)
        return self.logits, np.zeros(len(states), np.float32)


@pytest.mark.parametrize("rule", ["gumbel", "puct", "uct"])
def test_priors_are_a_softmax_of_the_legal_actions(rule: str) -> None:
    assert GAME.num_actions > kernels.WIDE
    slots = np.arange(12, dtype=np.int32)
    states = GAME.new_states(len(slots))
    rng, mask = np.random.default_rng(1), GAME.new_mask(len(slots))
    for _ in range(20):
        GAME.legal_mask(states, mask)
        GAME.step(states, np.array([rng.choice(np.flatnonzero(row)) for row in mask], np.int32))
    GAME.legal_mask(states, mask)
    leaves = Leaves()
    search = Search(
        GAME,
        leaves,
        SearchConfig(rule=rule, simulations=8),
        slots=len(slots),
        rng=rng,  # type: ignore[arg-type]
    )
    search.set_roots(slots, states)
    search.round(slots)
    logits = leaves.logits.astype(np.float64)
    top = np.where(mask, logits, -np.inf).max(1, keepdims=True)
    weights = np.where(mask, np.exp(np.maximum(logits - top, kernels.PRIOR_FLOOR)), 0.0)
    expected = weights / weights.sum(1, keepdims=True)
    found = search.root_prior(slots)
    np.testing.assert_allclose(found, expected, rtol=2e-5)
    assert ((found > 0) == mask).all()
    if rule != "uct":
        assert (search.tree.untried[:, 0] == expected.argmax(1)).all()
    search.run(slots)
    for slot in slots:
        children = np.flatnonzero(search.tree.parent[slot, : search.tree.nodes[slot]] == 0)
        assert mask[slot, search.tree.action[slot, children]].all()


def test_a_list_of_legal_actions_is_that_of_the_mask() -> None:
    rng = np.random.default_rng(5)
    listed = np.zeros(700, np.int32)
    for share in (0.0, 0.02, 0.5, 1.0):
        legal = rng.random(700) < share
        count = kernels.list_legal(legal, listed)
        assert listed[:count].tolist() == np.flatnonzero(legal).tolist()


@pytest.mark.parametrize("rule", ["gumbel", "puct"])
def test_next_in_turn_is_always_the_likeliest_untried_action(rule: str) -> None:
    slots = np.arange(2, dtype=np.int32)
    config = SearchConfig(rule=rule, simulations=600, c_init=30.0)  # type: ignore[arg-type]
    rng = np.random.default_rng(4)
    search = Search(GAME, Leaves(spread=0.2), config, slots=2, rng=rng, reuse=True)
    search.set_roots(slots, GAME.new_states(2))
    search.run(slots)
    for slot in slots:  # and below a root that was a child before
        search.keep(int(slot), search.child(int(slot), int(search.result(slots).actions[slot])))
    search.run(slots)
    tree, widest, tried_out = search.tree, 0, 0
    for slot in slots:
        for node in range(1 if rule == "puct" else 0, tree.nodes[slot]):
            if not tree.expanded[slot, node] or tree.terminal[slot, node]:
                continue
            prior = tree.prior[slot, node]
            untried = int(prior.argmax()) if prior.max() > 0 else NO_ACTION
            assert tree.untried[slot, node] == untried
            children = int((tree.parent[slot, : tree.nodes[slot]] == node).sum())
            assert children == (prior < 0).sum()
            widest, tried_out = max(widest, children), tried_out + (untried == NO_ACTION)
    assert widest > 2 * QUEUE, "the queue was filled more than once"
    assert tried_out or rule == "gumbel"
