"""Walks, expansion and backup over a batch of trees. No kernel here knows a game or a network."""

import numpy as np
from numpy.typing import NDArray

from tengen.agents.mcts import gumbel, puct
from tengen.agents.mcts.arrays import GUMBEL, NO_ACTION, NO_CHILD, PUCT, UCT, WIDE, Rule, TreeArrays
from tengen.agents.mcts.edges import add_child, child_of, close_queue, find_untried, offer
from tengen.envs.jit import kernel, leaf_kernel, vector_kernel

#: Priors this far below the likeliest action's, in nats (a factor of a thousand million), are raised to it.
PRIOR_FLOOR = np.float32(-20.7)


@leaf_kernel
def add_value(t: TreeArrays, b: int, node: int, value: float, bonus: float) -> None:
    """Add an absolute value (player 0's) from `node` upwards, and `bonus` for whoever moved there.

    The sign turns with the player to move, not with the depth: a side may move several times in a row.
    """
    while node > 0:
        parent = t.parent[b, node]
        gain = value if t.to_play[b, parent] == 0 else -value
        t.value_sum[b, node] += gain + bonus
        node = parent


@leaf_kernel
def take_back(t: TreeArrays, b: int, node: int, bonus: float) -> None:
    """Undo the visits and the virtual loss of a walk that ended at `node`."""
    while node > 0:
        t.visits[b, node] -= 1
        t.value_sum[b, node] += bonus
        node = t.parent[b, node]
    t.visits[b, 0] -= 1


@leaf_kernel
def walk(t: TreeArrays, rule: Rule, b: int, scratch: NDArray[np.float64]) -> int:
    """Go down from the root, counting visits, to a new node, a finished game or a leaf not yet evaluated."""
    node = 0
    while True:
        if rule.kind == PUCT:
            child = puct.select(t, rule, b, node)
        elif rule.kind == UCT:
            child = puct.select_uct(t, rule, b, node)
        elif node > 0:
            child = gumbel.select_inside(t, rule, b, node, scratch)
        else:
            i = gumbel.select_root(t, rule, b)
            child = t.candidate_child[b, i]
            if child == NO_CHILD:
                child = add_child(t, rule, b, 0, t.candidate[b, i])
                t.candidate_child[b, i] = child
        if child == NO_CHILD:
            child = add_child(t, rule, b, node, t.untried[b, node])
        t.visits[b, node] += 1  # only now: a selection sees the walks before its own
        t.value_sum[b, child] -= rule.virtual_loss
        if t.terminal[b, child] or not t.expanded[b, child]:
            t.visits[b, child] += 1
            return child
        node = child


@leaf_kernel
def select_leaves(
    t: TreeArrays,
    rule: Rule,
    games: NDArray[np.int32],
    per_game: int,
    scratch: NDArray[np.float64],
    row_game: NDArray[np.int32],
    row_node: NDArray[np.int32],
    row_action: NDArray[np.int32],
) -> tuple[int, int]:
    """Walk the trees of `games` to at most `per_game` new leaves each.

    Returns (rows, of which have an action to step); rows whose root itself is to be evaluated come last.
    Walks that end in a finished game are backed up at once and cost no row.
    """
    rows = 0
    for i in range(len(games)):
        b = games[i]
        if not t.expanded[b, 0]:
            continue
        taken = 0
        while taken < per_game and t.simulations[b] < t.budget[b]:
            leaf = walk(t, rule, b, scratch)
            if t.terminal[b, leaf]:
                add_value(t, b, leaf, t.node_value[b, leaf], rule.virtual_loss)
                t.simulations[b] += 1
                continue
            if t.visits[b, leaf] > 1:  # another walk of this round waits for this leaf
                take_back(t, b, leaf, rule.virtual_loss)
                break
            t.simulations[b] += 1
            row_game[rows], row_node[rows], row_action[rows] = b, leaf, t.action[b, leaf]
            rows += 1
            taken += 1
    steps = rows
    for i in range(len(games)):
        b = games[i]
        if not t.expanded[b, 0]:
            row_game[rows], row_node[rows], row_action[rows] = b, 0, NO_ACTION
            rows += 1
    return rows, steps


@leaf_kernel
def end_at(
    t: TreeArrays,
    rule: Rule,
    rows: NDArray[np.int64],
    row_game: NDArray[np.int32],
    row_node: NDArray[np.int32],
    to_play: NDArray[np.int8],
    values: NDArray[np.float32],
) -> None:
    """Leaves that are finished games: keep player 0's result [R] and back it up."""
    for i in range(len(rows)):
        b, node = row_game[rows[i]], row_node[rows[i]]
        t.terminal[b, node] = True
        t.expanded[b, node] = True
        t.to_play[b, node] = to_play[i]
        t.node_value[b, node] = values[i]
        add_value(t, b, node, values[i], rule.virtual_loss)


@vector_kernel
def write_prior(
    logits: NDArray[np.float32], legal: NDArray[np.bool_], top: np.float32, out: NDArray[np.float32]
) -> None:
    """Softmax over the legal actions, each at least exp(PRIOR_FLOOR) of the likeliest; 0 for the others.

    exp(x) is the 64th power of the Taylor polynomial of exp(x / 64): straight-line code, which compiles to
    vector instructions, with a relative error below 1e-5.
    """
    norm = np.float32(0.0)
    for a in range(len(out)):
        x = logits[a] - top
        x = x if x > PRIOR_FLOOR else PRIOR_FLOOR
        x = x if x < np.float32(0) else np.float32(0)  # illegal actions may lie above
        y = x * np.float32(1 / 64)
        p = np.float32(1 / 720)
        p = p * y + np.float32(1 / 120)
        p = p * y + np.float32(1 / 24)
        p = p * y + np.float32(1 / 6)
        p = p * y + np.float32(1 / 2)
        p = p * y + np.float32(1)
        p = p * y + np.float32(1)
        p *= p
        p *= p
        p *= p
        p *= p
        p *= p
        p *= p
        weight = p if legal[a] else np.float32(0)
        out[a] = weight
        norm += weight
    scale = np.float32(1) / norm
    for a in range(len(out)):
        out[a] *= scale


@leaf_kernel
def list_legal(legal: NDArray[np.bool_], listed: NDArray[np.int32]) -> int:
    """Write the legal actions to listed [A] in ascending order; returns how many there are."""
    count = 0
    for a in range(len(legal)):  # without a branch, which would be foretold wrongly for each of them
        listed[count] = a
        count += np.int64(legal[a])  # type: ignore[assignment]
    return count


@leaf_kernel
def write_listed_prior(
    logits: NDArray[np.float32],
    listed: NDArray[np.int32],
    count: int,
    top: np.float32,
    out: NDArray[np.float32],
) -> None:
    """As `write_prior`, of the first `count` actions in listed."""
    out[:] = np.float32(0)
    norm = np.float32(0.0)
    for i in range(count):
        a = listed[i]
        p = np.exp(max(logits[a] - top, PRIOR_FLOOR))
        out[a] = p
        norm += p
    scale = np.float32(1) / norm
    for i in range(count):
        out[listed[i]] *= scale


@leaf_kernel
def expand(
    t: TreeArrays,
    rule: Rule,
    rows: int,
    row_game: NDArray[np.int32],
    row_node: NDArray[np.int32],
    to_play: NDArray[np.int8],
    legal: NDArray[np.bool_],
    logits: NDArray[np.float32],
    values: NDArray[np.float32],
    scratch: NDArray[np.float64],
    listed: NDArray[np.int32],
) -> int:
    """Give evaluated leaves their prior over legal actions, and back up the value (the side to move's).

    Overwrites listed [A]. Returns how many rows the evaluator gave something else than finite numbers.
    """
    faults = count = 0
    is_wide = legal.shape[1] > WIDE
    for i in range(rows):
        b, node = row_game[i], row_node[i]
        best = NO_ACTION
        top = np.float32(-np.inf)
        if is_wide:
            count = list_legal(legal[i], listed)
            for k in range(count):
                if logits[i, listed[k]] > top:
                    best = listed[k]
                    top = logits[i, best]
        else:
            for a in range(legal.shape[1]):
                logit = logits[i, a]
                if logit > top and legal[i, a]:
                    top = logit
                    best = a
        if not (-np.inf < top < np.inf and abs(values[i]) < np.inf):
            faults += 1
            continue
        if is_wide:
            write_listed_prior(logits[i], listed, count, top, t.prior[b, node])
            filled = 0
            for k in range(count):
                filled = offer(t, b, node, listed[k], filled)
            close_queue(t, b, node, filled)
        else:
            write_prior(logits[i], legal[i], top, t.prior[b, node])
        t.to_play[b, node] = to_play[i]
        value = values[i] if to_play[i] == 0 else -values[i]
        t.node_value[b, node] = value
        t.expanded[b, node] = True
        t.untried[b, node] = best
        if is_wide or rule.kind == UCT:
            find_untried(t, rule, b, node)
        if node == 0:
            open_root(t, rule, b, scratch)
        else:
            add_value(t, b, node, value, rule.virtual_loss)
    return faults


@leaf_kernel
def open_root(t: TreeArrays, rule: Rule, b: int, scratch: NDArray[np.float64]) -> None:
    """Begin a search at an evaluated root with no children."""
    t.parent[b, 0] = -1
    t.first_child[b, 0] = NO_CHILD
    t.visits[b, 0] = 1
    prepare_root(t, rule, b, scratch)


@leaf_kernel
def inherit(
    t: TreeArrays,
    rule: Rule,
    games: NDArray[np.int32],
    actions: NDArray[np.int32],
    scratch: NDArray[np.float64],
) -> None:
    """Give new roots the evaluation that the old root's child by `actions` has; the others await their own.

    The old trees must still be there, but for simulations, budget and noise, which are the new search's.
    """
    for i in range(len(games)):
        b = games[i]
        child = child_of(t, b, 0, actions[i])
        t.nodes[b] = 1
        t.terminal[b, 0] = False
        t.expanded[b, 0] = child != NO_CHILD and t.expanded[b, child]
        if not t.expanded[b, 0]:
            continue
        for a in range(t.prior.shape[2]):
            t.prior[b, 0, a] = abs(t.prior[b, child, a])
        t.queue_at[b, 0] = t.queue.shape[2]
        t.to_play[b, 0] = t.to_play[b, child]
        t.node_value[b, 0] = t.node_value[b, child]
        find_untried(t, rule, b, 0)
        open_root(t, rule, b, scratch)


@leaf_kernel
def prepare_root(t: TreeArrays, rule: Rule, b: int, scratch: NDArray[np.float64]) -> None:
    """Get an evaluated root ready for a search with its own noise and budget."""
    if rule.kind == GUMBEL:
        gumbel.prepare_root(t, rule, b, scratch)
    elif rule.kind == PUCT:
        find_untried(t, rule, b, 0)


@kernel
def reroot(t: TreeArrays, words: NDArray[np.uint64], b: int, new_root: int) -> None:
    """Keep the subtree of `new_root`, drop the rest; nodes keep their order, so copying forward is safe."""
    moved = np.full(t.nodes[b], -1, np.int32)
    count = 0
    for node in range(new_root, t.nodes[b]):
        if node != new_root and (t.parent[b, node] < 0 or moved[t.parent[b, node]] < 0):
            continue
        moved[node] = count
        if node != count:
            t.prior[b, count] = t.prior[b, node]
            t.untried[b, count] = t.untried[b, node]
            t.queue[b, count] = t.queue[b, node]
            t.queue_at[b, count] = t.queue_at[b, node]
            t.parent[b, count] = -1 if node == new_root else moved[t.parent[b, node]]
            t.action[b, count] = t.action[b, node]
            t.action_prior[b, count] = t.action_prior[b, node]
            t.visits[b, count] = t.visits[b, node]
            t.value_sum[b, count] = t.value_sum[b, node]
            t.node_value[b, count] = t.node_value[b, node]
            t.to_play[b, count] = t.to_play[b, node]
            t.expanded[b, count] = t.expanded[b, node]
            t.terminal[b, count] = t.terminal[b, node]
            words[b, count] = words[b, node]
        count += 1
    t.nodes[b] = count
    t.parent[b, 0] = -1
    for node in range(count):
        t.first_child[b, node] = NO_CHILD
    for node in range(1, count):
        parent = t.parent[b, node]
        t.next_sibling[b, node] = t.first_child[b, parent]
        t.first_child[b, parent] = node
