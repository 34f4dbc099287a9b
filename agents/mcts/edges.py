"""Single nodes of a tree: their children, and which action is next to get one."""

import numpy as np

from tengen.agents.mcts.arrays import NO_ACTION, NO_CHILD, PUCT, UCT, Rule, TreeArrays
from tengen.envs.jit import leaf_kernel


@leaf_kernel
def own_value(t: TreeArrays, b: int, node: int) -> float:
    """The evaluator's value of the node for the side to move there."""
    value = t.node_value[b, node]
    return value if t.to_play[b, node] == 0 else -value


@leaf_kernel
def child_of(t: TreeArrays, b: int, node: int, action: int) -> int:
    """The node that an action leads to, or NO_CHILD."""
    child = t.first_child[b, node]
    while child != NO_CHILD and t.action[b, child] != action:
        child = t.next_sibling[b, child]
    return child


@leaf_kernel
def root_prior(t: TreeArrays, rule: Rule, b: int, a: int) -> float:
    """The prior at the root with this search's Dirichlet noise mixed in."""
    return (1.0 - rule.noise_fraction) * abs(t.prior[b, 0, a]) + rule.noise_fraction * t.noise[b, a]


@leaf_kernel
def offer(t: TreeArrays, b: int, node: int, action: int, filled: int) -> int:
    """Put an action at its place in the node's queue, if likely enough; returns how many stand there."""
    prior = t.prior[b, node, action]
    size = t.queue.shape[2]
    if filled == size:
        if prior <= t.prior[b, node, t.queue[b, node, size - 1]]:
            return filled
        filled -= 1
    at = filled
    while at > 0 and t.prior[b, node, t.queue[b, node, at - 1]] < prior:
        t.queue[b, node, at] = t.queue[b, node, at - 1]
        at -= 1
    t.queue[b, node, at] = action
    return filled + 1


@leaf_kernel
def close_queue(t: TreeArrays, b: int, node: int, filled: int) -> None:
    """Nothing more is offered."""
    for k in range(filled, t.queue.shape[2]):
        t.queue[b, node, k] = NO_ACTION
    t.queue_at[b, node] = 0


@leaf_kernel
def next_in_queue(t: TreeArrays, b: int, node: int) -> None:
    """Set the node's next untried action from its queue, which is filled again where it has ended."""
    size = t.queue.shape[2]
    t.untried[b, node] = NO_ACTION
    for _ in range(2):
        while t.queue_at[b, node] < size:
            action = t.queue[b, node, t.queue_at[b, node]]
            if action == NO_ACTION:
                return
            t.queue_at[b, node] += 1
            if t.prior[b, node, action] > 0.0:  # neither tried out of turn nor forbidden meanwhile
                t.untried[b, node] = action
                return
        filled = 0
        for action in range(t.prior.shape[2]):
            if t.prior[b, node, action] > 0.0:
                filled = offer(t, b, node, action, filled)
        close_queue(t, b, node, filled)


@leaf_kernel
def find_untried(t: TreeArrays, rule: Rule, b: int, node: int) -> None:
    """Set the node's next untried action: the likeliest; under UCT, where priors are flat, any.

    UCT begins its look-out anew each time, so that no side of the board is preferred.
    """
    if t.queue.shape[2] > 0 and rule.kind != UCT and not (node == 0 and rule.kind == PUCT):
        next_in_queue(t, b, node)
        return
    actions = t.prior.shape[2]
    best = NO_ACTION
    best_prior = np.float32(0)
    if rule.kind == UCT:
        start = (int(node) * 7919 + int(t.nodes[b]) * 104729) % 1000003 % actions
        for i in range(actions):
            a = start + i
            if a >= actions:
                a -= actions
            if t.prior[b, node, a] > 0.0:
                best = a
                break
    elif node == 0 and rule.kind == PUCT:
        best_noisy = -np.inf
        for a in range(actions):
            if t.prior[b, node, a] > 0.0:
                prior = root_prior(t, rule, b, a)
                if prior > best_noisy:
                    best_noisy = prior
                    best = a
    else:
        for a in range(actions):
            if t.prior[b, node, a] > best_prior:
                best_prior = t.prior[b, node, a]
                best = a
    t.untried[b, node] = best


@leaf_kernel
def add_child(t: TreeArrays, rule: Rule, b: int, node: int, action: int) -> int:
    """A new node, not yet evaluated, that `action` leads to; returns its number."""
    child = t.nodes[b]
    t.nodes[b] += 1
    t.parent[b, child] = node
    t.action[b, child] = action
    t.action_prior[b, child] = t.prior[b, node, action]
    t.prior[b, node, action] = -t.prior[b, node, action]
    t.visits[b, child] = 0
    t.value_sum[b, child] = 0.0
    t.expanded[b, child] = False
    t.terminal[b, child] = False
    t.first_child[b, child] = NO_CHILD
    t.next_sibling[b, child] = t.first_child[b, node]
    t.first_child[b, node] = child
    if action == t.untried[b, node]:
        find_untried(t, rule, b, node)
    return child
