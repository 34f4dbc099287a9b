"""Selection by Gumbel AlphaZero: Danihelka et al., Policy improvement by planning with Gumbel (ICLR 2022).

At the root, sequential halving over actions drawn without replacement; below it, the action whose visits fall
furthest behind the improved policy. The improved policy is softmax(logits + sigma(completed Q)), where an
unvisited action's Q is the mixed value (the paper's appendix D).
"""

import numpy as np
from numpy.typing import NDArray

from tengen.agents.mcts.arrays import Rule, TreeArrays
from tengen.envs.jit import kernel, leaf_kernel


@leaf_kernel
def mixed_value(t: TreeArrays, b: int, node: int, visited: NDArray[np.int32]) -> tuple[int, int, float]:
    """Collect the visited actions; return their number, the largest visit count and the mixed value."""
    visits, value_sum, prior = t.visits[b, node], t.value_sum[b, node], t.prior[b, node]
    count = 0
    largest = 0
    prior_sum = 0.0
    weighted = 0.0
    for a in range(len(visits)):
        n = visits[a]
        if n > 0:
            visited[count] = a
            count += 1
            largest = max(largest, n)
            prior_sum += prior[a]
            weighted += prior[a] * value_sum[a] / n
    value = t.node_value[b, node]
    if t.to_play[b, node] == 1:
        value = -value
    if prior_sum <= 1e-12:
        return count, largest, value
    total = t.total[b, node]
    return count, largest, (value + total * weighted / prior_sum) / (1.0 + total)


@leaf_kernel
def select_inside(t: TreeArrays, rule: Rule, b: int, node: int, visited: NDArray[np.int32]) -> int:
    """argmax of improved policy minus N(a) / (1 + sum N) (the paper's equation 14)."""
    prior, visits, value_sum = t.prior[b, node], t.visits[b, node], t.value_sum[b, node]
    count, largest, mixed = mixed_value(t, b, node, visited)
    scale = (rule.c_visit + largest) * rule.c_scale
    shift = 0.0  # the exponent of every unvisited action, relative to the mixed value
    for i in range(count):
        a = visited[i]
        shift = max(shift, scale * (value_sum[a] / visits[a] - mixed))
    unvisited = np.exp(-shift)
    norm = 0.0
    best_unvisited = -1
    best_prior = -1.0
    for a in range(len(prior)):
        if visits[a] == 0:
            norm += prior[a]
            if prior[a] > best_prior:
                best_prior = prior[a]
                best_unvisited = a
    norm *= unvisited
    for i in range(count):
        a = visited[i]
        norm += prior[a] * np.exp(scale * (value_sum[a] / visits[a] - mixed) - shift)
    behind = 1.0 / (1.0 + t.total[b, node])
    best = best_unvisited
    best_score = -np.inf
    if best_unvisited >= 0 and best_prior > 0.0:
        best_score = best_prior * unvisited / norm
    for i in range(count):
        a = visited[i]
        improved = prior[a] * np.exp(scale * (value_sum[a] / visits[a] - mixed) - shift) / norm
        score = improved - visits[a] * behind
        if score > best_score:
            best_score = score
            best = a
    return best


@leaf_kernel
def select_root(t: TreeArrays, rule: Rule, b: int, visited: NDArray[np.int32]) -> int:
    """Sequential halving: the best of the actions that have just the visits which the schedule asks for."""
    _, largest, mixed = mixed_value(t, b, 0, visited)
    scale = (rule.c_visit + largest) * rule.c_scale
    wanted = t.schedule[b, t.simulations[b]]
    visits, value_sum = t.visits[b, 0], t.value_sum[b, 0]
    best = -1
    best_score = -np.inf
    fewest = -1
    fewest_visits = 1 << 30
    for a in range(len(visits)):
        if t.prior[b, 0, a] <= 0.0:
            continue
        n = visits[a]
        done = n - t.root_base[b, a]
        if done < fewest_visits:
            fewest_visits = done
            fewest = a
        if done != wanted:
            continue
        q = value_sum[a] / n if n > 0 else mixed
        score = t.root_logit[b, a] + scale * q
        if score > best_score:
            best_score = score
            best = a
    return best if best >= 0 else fewest


@leaf_kernel
def prepare_root(t: TreeArrays, rule: Rule, b: int) -> None:
    """Fix this search's root scores and its halving schedule, once the root's prior is known."""
    legal = 0
    for a in range(t.prior.shape[2]):
        t.root_base[b, a] = t.visits[b, 0, a]
        if t.prior[b, 0, a] > 0.0:
            legal += 1
            t.root_logit[b, a] = t.noise[b, a] + np.log(t.prior[b, 0, a])
        else:
            t.root_logit[b, a] = -np.inf
    fill_schedule(t.schedule[b], min(rule.considered, legal), t.budget[b])


@leaf_kernel
def fill_schedule(schedule: NDArray[np.int32], considered: int, budget: int) -> None:
    """Visits which the action of each of `budget` simulations must have so that halving comes out.

    Each round gives every action still considered the same number of visits and then keeps the better half
    (at least two), until the budget is spent.
    """
    if considered <= 1:
        for i in range(budget):
            schedule[i] = i
        return
    rounds = int(np.ceil(np.log2(considered)))
    left = considered
    level = 0
    i = 0
    while i < budget:
        each = max(1, budget // (rounds * left))
        for _ in range(each):
            for _ in range(left):
                if i == budget:
                    return
                schedule[i] = level
                i += 1
            level += 1
        left = max(2, left // 2)


@kernel
def search_result(
    t: TreeArrays,
    rule: Rule,
    games: NDArray[np.int32],
    actions: NDArray[np.int32],
    policy: NDArray[np.float32],
    values: NDArray[np.float32],
) -> None:
    """Of each game [R]: the action to play, the improved policy [R, A], the value for the side to move."""
    visited = np.empty(t.prior.shape[2], np.int32)
    for row in range(len(games)):
        b = games[row]
        count, largest, mixed = mixed_value(t, b, 0, visited)
        scale = (rule.c_visit + largest) * rule.c_scale
        shift = 0.0
        most = 0
        for i in range(count):
            a = visited[i]
            shift = max(shift, scale * (t.value_sum[b, 0, a] / t.visits[b, 0, a] - mixed))
            most = max(most, t.visits[b, 0, a] - t.root_base[b, a])
        norm = 0.0
        for a in range(t.prior.shape[2]):
            q = t.value_sum[b, 0, a] / t.visits[b, 0, a] if t.visits[b, 0, a] > 0 else mixed
            weight = t.prior[b, 0, a] * np.exp(scale * (q - mixed) - shift)
            policy[row, a] = weight
            norm += weight
        best_score = -np.inf
        value = 0.0
        for a in range(t.prior.shape[2]):
            policy[row, a] /= norm
            q = t.value_sum[b, 0, a] / t.visits[b, 0, a] if t.visits[b, 0, a] > 0 else mixed
            value += policy[row, a] * q
            if t.prior[b, 0, a] <= 0.0 or t.visits[b, 0, a] - t.root_base[b, a] < most:
                continue
            score = t.root_logit[b, a] + scale * q
            if score > best_score:
                best_score = score
                actions[row] = a
        values[row] = value
