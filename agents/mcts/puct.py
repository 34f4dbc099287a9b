"""Selection by PUCT: Silver et al., AlphaZero (Science 2018), with forced playouts and target pruning.

Forced playouts and policy target pruning: Wu, Accelerating self-play learning in Go (2019), section 3.2.
"""

import numpy as np
from numpy.typing import NDArray

from tengen.agents.mcts.arrays import Rule, TreeArrays
from tengen.envs.jit import leaf_kernel


@leaf_kernel
def exploration(rule: Rule, total: int) -> float:
    """c(s) * sqrt(N): the weight of the prior at a node visited `total` times."""
    c = np.log((1.0 + total + rule.c_base) / rule.c_base) + rule.c_init
    return c * np.sqrt(total + 1.0)


@leaf_kernel
def root_prior(t: TreeArrays, rule: Rule, b: int, a: int) -> float:
    """The prior at the root with this search's Dirichlet noise mixed in."""
    return (1.0 - rule.noise_fraction) * t.prior[b, 0, a] + rule.noise_fraction * t.noise[b, a]


@leaf_kernel
def select(t: TreeArrays, rule: Rule, b: int, node: int) -> int:
    """argmax of Q + c(s) P sqrt(N) / (1 + n); unvisited actions take the node's value less a reduction."""
    prior, visits, value_sum = t.prior[b, node], t.visits[b, node], t.value_sum[b, node]
    total = t.total[b, node]
    weight = exploration(rule, total)
    seen = 0.0
    for a in range(len(prior)):
        if visits[a] > 0:
            seen += prior[a]
    value = t.node_value[b, node]
    if t.to_play[b, node] == 1:
        value = -value
    first_play = value
    if node > 0:  # at the root every action deserves a look
        first_play -= rule.fpu_reduction * np.sqrt(seen)
    best = -1
    best_score = -np.inf
    for a in range(len(prior)):
        if prior[a] <= 0.0:
            continue
        p = prior[a]
        n = visits[a]
        if node == 0:
            p = root_prior(t, rule, b, a)
            if rule.forced_playouts > 0.0 and 0 < n < np.sqrt(rule.forced_playouts * p * total):
                return a
        q = value_sum[a] / n if n > 0 else first_play
        score = q + weight * p / (1.0 + n)
        if score > best_score:
            best_score = score
            best = a
    return best


@leaf_kernel
def select_uct(t: TreeArrays, rule: Rule, b: int, node: int) -> int:
    """argmax of Q + c sqrt(ln N / n), every action once first (UCB1; Kocsis and Szepesvari, 2006)."""
    prior, visits, value_sum = t.prior[b, node], t.visits[b, node], t.value_sum[b, node]
    actions = len(prior)
    log_total = np.log(t.total[b, node] + 1.0)
    # Untried actions come in an order of each node's own, so that no side of the board is preferred.
    start = (b * 7919 + node * 104729 + t.nodes[b] * 31) % actions
    best = -1
    best_score = -np.inf
    for i in range(actions):
        a = (start + i) % actions
        if prior[a] <= 0.0:
            continue
        n = visits[a]
        if n == 0:
            return a
        score = value_sum[a] / n + rule.c_uct * np.sqrt(log_total / n)
        if score > best_score:
            best_score = score
            best = a
    return best


@leaf_kernel
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
    """
    for row in range(len(games)):
        b = games[row]
        visits, value_sum = t.visits[b, 0], t.value_sum[b, 0]
        total = t.total[b, 0]
        best = -1
        value = 0.0
        for a in range(len(visits)):
            policy[row, a] = visits[a]
            value += value_sum[a]
            if visits[a] > 0 and (best < 0 or visits[a] > visits[best]):
                best = a
        if best < 0:  # no simulation: the prior is all there is
            for a in range(len(visits)):
                policy[row, a] = t.prior[b, 0, a]
                if best < 0 or t.prior[b, 0, a] > t.prior[b, 0, best]:
                    best = a
            actions[row] = best
            node_value = t.node_value[b, 0]
            values[row] = node_value if t.to_play[b, 0] == 0 else -node_value
            continue
        if rule.forced_playouts > 0.0:
            prune_forced(t, rule, b, best, policy[row])
        norm = 0.0
        for a in range(len(visits)):
            norm += policy[row, a]
        for a in range(len(visits)):
            policy[row, a] /= norm
        actions[row] = best
        values[row] = value / total


@leaf_kernel
def prune_forced(t: TreeArrays, rule: Rule, b: int, best: int, counts: NDArray[np.float32]) -> None:
    """Take back forced playouts of each action, as long as its PUCT score stays below the best's."""
    total = t.total[b, 0]
    weight = exploration(rule, total)
    n_best = t.visits[b, 0, best]
    target = t.value_sum[b, 0, best] / n_best + weight * root_prior(t, rule, b, best) / (1.0 + n_best)
    for a in range(len(counts)):
        n = t.visits[b, 0, a]
        if a == best or n == 0:
            continue
        p = root_prior(t, rule, b, a)
        q = t.value_sum[b, 0, a] / n
        forced = int(np.sqrt(rule.forced_playouts * p * total))
        keep = n
        while keep > 0 and n - keep < forced and q + weight * p / keep < target:
            keep -= 1
        counts[a] = keep if keep > 1 else 0
