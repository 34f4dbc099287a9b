"""Selection by PUCT: Silver et al., AlphaZero (Science 2018), with forced playouts and target pruning.

Forced playouts and policy target pruning: Wu, Accelerating self-play learning in Go (2019), section 3.2.
"""

import numpy as np
from numpy.typing import NDArray

from tengen.agents.mcts.arrays import NO_ACTION, NO_CHILD, Rule, TreeArrays
from tengen.agents.mcts.edges import own_value, root_prior
from tengen.envs.jit import kernel, leaf_kernel


@leaf_kernel
def exploration(rule: Rule, visits: int) -> float:
    """C(s) * sqrt(N(s)): the weight of the prior at a node visited N(s) times, its evaluation included."""
    c = np.log((1.0 + visits + rule.c_base) / rule.c_base) + rule.c_init
    return c * np.sqrt(visits)


@leaf_kernel
def select(t: TreeArrays, rule: Rule, b: int, node: int) -> int:
    """The child with the largest Q + C(s) P sqrt(N) / (1 + n), or NO_CHILD for the untried action.

    Untried actions take the node's own value less a reduction (first play urgency); having all the same Q,
    only the one of largest prior can be meant. The root has no reduction: every action deserves a look.
    """
    weight = exploration(rule, t.visits[b, node])
    forced = rule.forced_playouts * (t.visits[b, node] - 1) if node == 0 else 0.0
    seen = 0.0
    best = NO_CHILD
    best_score = -np.inf
    child = t.first_child[b, node]
    while child != NO_CHILD:
        n = t.visits[b, child]
        p = t.action_prior[b, child]
        seen += p
        if node == 0:
            p = root_prior(t, rule, b, t.action[b, child])
            if n * n < forced * p:
                return child
        score = t.value_sum[b, child] / n + weight * p / (1.0 + n)
        if score > best_score:
            best_score = score
            best = child
        child = t.next_sibling[b, child]
    untried = t.untried[b, node]
    if untried != NO_ACTION:
        if node == 0:
            score = own_value(t, b, 0) + weight * root_prior(t, rule, b, untried)
        else:
            first_play = own_value(t, b, node) - rule.fpu_reduction * np.sqrt(seen)
            score = first_play + weight * t.prior[b, node, untried]
        if score > best_score:
            best = NO_CHILD
    return best


@leaf_kernel
def select_uct(t: TreeArrays, rule: Rule, b: int, node: int) -> int:
    """The child with the largest Q + c sqrt(ln N / n), every action once first; NO_CHILD for the untried one.

    UCB1 (Auer et al., 2002; in trees Kocsis and Szepesvari, 2006); N counts the node's own evaluation.
    """
    best = NO_CHILD
    if t.untried[b, node] != NO_ACTION:
        return best
    log_total = np.log(t.visits[b, node])
    best_score = -np.inf
    child = t.first_child[b, node]
    while child != NO_CHILD:
        n = t.visits[b, child]
        score = t.value_sum[b, child] / n + rule.c_uct * np.sqrt(log_total / n)
        if score > best_score:
            best_score = score
            best = child
        child = t.next_sibling[b, child]
    return best


@kernel
def search_result(
    t: TreeArrays,
    rule: Rule,
    games: NDArray[np.int32],
    actions: NDArray[np.int32],
    policy: NDArray[np.float32],
    values: NDArray[np.float32],
) -> None:
    """Of each game [R]: the most visited action, the visit distribution [R, A], the root's mean value.

    Where playouts were forced, visits that PUCT would not have given are taken out of the distribution.
    With no simulation, the prior is all there is.
    """
    for row in range(len(games)):
        b = games[row]
        policy[row] = 0.0
        best = NO_CHILD
        value = 0.0
        child = t.first_child[b, 0]
        while child != NO_CHILD:
            policy[row, t.action[b, child]] = t.visits[b, child]
            value += t.value_sum[b, child]
            if best == NO_CHILD or t.visits[b, child] >= t.visits[b, best]:  # the older of two
                best = child
            child = t.next_sibling[b, child]
        if best == NO_CHILD:
            policy[row] = np.abs(t.prior[b, 0])
            actions[row] = policy[row].argmax()
            values[row] = own_value(t, b, 0)
            continue
        if rule.forced_playouts > 0.0:
            prune_forced(t, rule, b, best, policy[row])
        policy[row] /= policy[row].sum()
        actions[row] = t.action[b, best]
        values[row] = value / (t.visits[b, 0] - 1)


@leaf_kernel
def prune_forced(t: TreeArrays, rule: Rule, b: int, best: int, counts: NDArray[np.float32]) -> None:
    """Take back forced playouts of each action, as long as its PUCT score stays below the best's.

    What comes down to a single playout goes altogether.
    """
    weight = exploration(rule, t.visits[b, 0])
    best_p = root_prior(t, rule, b, t.action[b, best])
    target = t.value_sum[b, best] / t.visits[b, best] + weight * best_p / (1.0 + t.visits[b, best])
    child = t.first_child[b, 0]
    while child != NO_CHILD:
        if child != best:
            n = t.visits[b, child]
            p = root_prior(t, rule, b, t.action[b, child])
            q = t.value_sum[b, child] / n
            forced = int(np.sqrt(rule.forced_playouts * p * (t.visits[b, 0] - 1)))
            keep = n
            while keep > 0 and n - keep < forced and q + weight * p / keep < target:
                keep -= 1
            counts[t.action[b, child]] = keep if keep > 1 else 0
        child = t.next_sibling[b, child]
