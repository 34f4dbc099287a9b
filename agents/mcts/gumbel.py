"""Selection by Gumbel AlphaZero: Danihelka et al., Policy improvement by planning with Gumbel (ICLR 2022).

At the root, sequential halving over actions drawn without replacement; below it, the action whose visits fall
furthest behind the improved policy. The improved policy is softmax(logits + sigma(completed Q)), where an
unvisited action's Q is the mixed value (the paper's appendix D).
"""

import numpy as np
from numpy.typing import NDArray

from tengen.agents.mcts.arrays import NO_ACTION, NO_CHILD, Rule, TreeArrays
from tengen.agents.mcts.edges import child_of, own_value
from tengen.envs.jit import kernel, leaf_kernel


@leaf_kernel
def mixed_value(t: TreeArrays, b: int, node: int) -> tuple[int, float, float]:
    """The largest visit count of a child, the prior of all children, and the mixed value (equation 33)."""
    largest = 0
    prior_sum = 0.0
    weighted = 0.0
    child = t.first_child[b, node]
    while child != NO_CHILD:
        n = t.visits[b, child]
        largest = max(largest, n)
        prior_sum += t.action_prior[b, child]
        weighted += t.action_prior[b, child] * (t.value_sum[b, child] / n)
        child = t.next_sibling[b, child]
    value = own_value(t, b, node)
    if prior_sum > 0.0:
        total = t.visits[b, node] - 1
        value = (value + total * weighted / prior_sum) / (1.0 + total)
    return largest, prior_sum, value


@leaf_kernel
def sigma(rule: Rule, largest: int) -> float:
    """The factor of Q in the improved policy's exponent (equation 8)."""
    return (rule.c_visit + largest) * rule.c_scale


@leaf_kernel
def select_inside(t: TreeArrays, rule: Rule, b: int, node: int, weights: NDArray[np.float64]) -> int:
    """The child with the largest improved policy minus N(a) / (1 + sum N) (equation 14), or NO_CHILD.

    Of the actions without a child, all of one Q, only the one of largest prior can be meant: `untried`.
    """
    largest, prior_sum, mixed = mixed_value(t, b, node)
    scale = sigma(rule, largest)
    untried = t.untried[b, node]
    shift = 0.0 if untried != NO_ACTION else -np.inf  # the largest exponent; unvisited actions have 0
    child = t.first_child[b, node]
    while child != NO_CHILD:
        shift = max(shift, scale * (t.value_sum[b, child] / t.visits[b, child] - mixed))
        child = t.next_sibling[b, child]
    best = NO_CHILD
    best_score = -np.inf
    norm = 0.0
    if untried != NO_ACTION:
        prior = t.prior[b, node, untried]
        flat = np.exp(-shift)
        norm = max(1.0 - prior_sum, prior) * flat
        best_score = prior * flat
    child = t.first_child[b, node]
    i = 0
    while child != NO_CHILD:
        q = t.value_sum[b, child] / t.visits[b, child]
        weights[i] = t.action_prior[b, child] * np.exp(scale * (q - mixed) - shift)
        norm += weights[i]
        child = t.next_sibling[b, child]
        i += 1
    behind = norm / t.visits[b, node]
    child = t.first_child[b, node]
    i = 0
    while child != NO_CHILD:
        score = weights[i] - t.visits[b, child] * behind
        if score > best_score:
            best_score = score
            best = child
        child = t.next_sibling[b, child]
        i += 1
    return best


@leaf_kernel
def select_root(t: TreeArrays, rule: Rule, b: int) -> int:
    """Sequential halving: the number of the best candidate with just the visits that the schedule wants."""
    wanted = t.schedule[b, t.simulations[b]]
    scale = 0.0
    if wanted > 0:
        largest, _, _ = mixed_value(t, b, 0)
        scale = sigma(rule, largest)
    best = -1
    best_score = -np.inf
    for i in range(t.considered[b]):
        child = t.candidate_child[b, i]
        done = 0 if child == NO_CHILD else t.visits[b, child] - t.candidate_base[b, i]
        if done != wanted:
            continue
        if wanted == 0:
            return i  # candidates stand in the order of their scores
        score = t.candidate_logit[b, i] + scale * (t.value_sum[b, child] / t.visits[b, child])
        if score > best_score:
            best_score = score
            best = i
    return best


@leaf_kernel
def prepare_root(t: TreeArrays, rule: Rule, b: int, scores: NDArray[np.float64]) -> None:
    """Fix this search's candidates and its halving schedule, once the root's prior is known.

    Overwrites scores [A].
    """
    largest, _, mixed = mixed_value(t, b, 0)
    scale = sigma(rule, largest)
    for a in range(t.prior.shape[2]):
        prior = abs(t.prior[b, 0, a])
        scores[a] = t.noise[b, a] + np.log(prior) if prior > 0.0 else -np.inf
    child = t.first_child[b, 0]
    while child != NO_CHILD:
        scores[t.action[b, child]] += scale * (t.value_sum[b, child] / t.visits[b, child] - mixed)
        child = t.next_sibling[b, child]
    count = 0
    most = t.candidate.shape[1]
    for a in range(t.prior.shape[2]):  # the best of all are put in order as they come
        if scores[a] == -np.inf or (count == most and scores[a] <= scores[t.candidate[b, count - 1]]):
            continue
        at = min(count, most - 1)
        while at > 0 and scores[t.candidate[b, at - 1]] < scores[a]:
            t.candidate[b, at] = t.candidate[b, at - 1]
            at -= 1
        t.candidate[b, at] = a
        count = min(count + 1, most)
    for i in range(count):
        a = t.candidate[b, i]
        child = child_of(t, b, 0, a)
        t.candidate_child[b, i] = child
        t.candidate_base[b, i] = 0 if child == NO_CHILD else t.visits[b, child]
        t.candidate_logit[b, i] = t.noise[b, a] + np.log(abs(t.prior[b, 0, a]))
    t.considered[b] = count
    fill_schedule(t.schedule[b], count, t.budget[b])


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
    completed = np.empty(t.prior.shape[2], np.float64)
    for row in range(len(games)):
        b = games[row]
        largest, _, mixed = mixed_value(t, b, 0)
        scale = sigma(rule, largest)
        completed[:] = mixed
        child = t.first_child[b, 0]
        while child != NO_CHILD:
            completed[t.action[b, child]] = t.value_sum[b, child] / t.visits[b, child]
            child = t.next_sibling[b, child]
        shift = -np.inf
        for a in range(len(completed)):
            if t.prior[b, 0, a] != 0.0:
                shift = max(shift, completed[a])
        norm = 0.0
        value = 0.0
        for a in range(len(completed)):
            weight = abs(t.prior[b, 0, a])
            if weight > 0.0:
                weight *= np.exp(scale * (completed[a] - shift))
            policy[row, a] = weight
            norm += weight
            value += weight * completed[a]
        for a in range(len(completed)):
            policy[row, a] /= norm
        values[row] = value / norm
        most = -1
        best_score = -np.inf
        for i in range(t.considered[b]):
            child = t.candidate_child[b, i]
            done = 0 if child == NO_CHILD else t.visits[b, child] - t.candidate_base[b, i]
            score = t.candidate_logit[b, i] + scale * completed[t.candidate[b, i]]
            if done > most or (done == most and score > best_score):
                most = done
                best_score = score
                actions[row] = t.candidate[b, i]
