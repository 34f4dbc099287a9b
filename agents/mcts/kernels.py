"""Walks, expansion and backup over a batch of trees. No kernel here knows a game or a network."""

import numpy as np
from numpy.typing import NDArray

from tengen.agents.mcts import gumbel, puct
from tengen.agents.mcts.arrays import GUMBEL, NO_CHILD, PUCT, UCT, Rule, TreeArrays
from tengen.envs.jit import kernel, leaf_kernel


@leaf_kernel
def add_value(t: TreeArrays, b: int, node: int, value: float, bonus: float) -> None:
    """Add an absolute value (player 0's) to every edge above `node`, and `bonus` to whoever moved there.

    The sign turns with the player to move, not with the depth: a side may move several times in a row.
    """
    while t.parent[b, node] >= 0:
        action = t.parent_action[b, node]
        node = t.parent[b, node]
        gain = value if t.to_play[b, node] == 0 else -value
        t.value_sum[b, node, action] += gain + bonus


@leaf_kernel
def take_back(t: TreeArrays, b: int, node: int, bonus: float) -> None:
    """Undo the visits and the virtual loss of a walk that ended at `node`."""
    while t.parent[b, node] >= 0:
        action = t.parent_action[b, node]
        node = t.parent[b, node]
        t.visits[b, node, action] -= 1
        t.total[b, node] -= 1
        t.value_sum[b, node, action] += bonus


@kernel
def select_leaves(
    t: TreeArrays,
    rule: Rule,
    games: NDArray[np.int32],
    per_game: int,
    row_game: NDArray[np.int32],
    row_node: NDArray[np.int32],
    row_parent: NDArray[np.int32],
    row_action: NDArray[np.int32],
) -> tuple[int, int]:
    """Walk the trees of `games` to at most `per_game` new leaves each.

    Returns (rows, of which have an action to step); rows whose root itself is to be evaluated come last.
    Walks that end in a finished game are backed up at once and cost no row.
    """
    visited = np.empty(t.prior.shape[2], np.int32)
    rows = 0
    for b in games:
        if not t.expanded[b, 0]:
            continue
        taken = 0
        while taken < per_game and t.simulations[b] < t.budget[b] and t.nodes[b] < t.parent.shape[1]:
            node = 0
            action = -1
            while True:
                if rule.kind == PUCT:
                    action = puct.select(t, rule, b, node)
                elif rule.kind == UCT:
                    action = puct.select_uct(t, rule, b, node)
                elif node == 0:
                    action = gumbel.select_root(t, rule, b, visited)
                else:
                    action = gumbel.select_inside(t, rule, b, node, visited)
                t.visits[b, node, action] += 1
                t.total[b, node] += 1
                t.value_sum[b, node, action] -= rule.virtual_loss
                following = t.child[b, node, action]
                if following == NO_CHILD:
                    break
                node = following
                if t.terminal[b, node] or not t.expanded[b, node]:
                    break
            if t.terminal[b, node]:
                add_value(t, b, node, t.node_value[b, node], rule.virtual_loss)
                t.simulations[b] += 1
                continue
            if node > 0 and not t.expanded[b, node]:  # another walk of this round waits for this leaf
                take_back(t, b, node, rule.virtual_loss)
                break
            leaf = t.nodes[b]
            t.nodes[b] += 1
            t.child[b, node, action] = leaf
            t.parent[b, leaf] = node
            t.parent_action[b, leaf] = action
            t.expanded[b, leaf] = False
            t.terminal[b, leaf] = False
            t.simulations[b] += 1
            row_game[rows], row_node[rows], row_parent[rows], row_action[rows] = b, leaf, node, action
            rows += 1
            taken += 1
    steps = rows
    for b in games:
        if not t.expanded[b, 0]:
            row_game[rows], row_node[rows], row_parent[rows], row_action[rows] = b, 0, 0, -1
            rows += 1
    return rows, steps


@leaf_kernel
def copy_out(
    tree_bytes: NDArray[np.uint64],
    leaf_bytes: NDArray[np.uint64],
    row_game: NDArray[np.int32],
    row_node: NDArray[np.int32],
    rows: int,
) -> None:
    """leaves[r] = states[row_game[r], row_node[r]], states seen as words [B, N, words]."""
    # Word by word: for a slice, Numba compiles its error message too, which takes seconds.
    for r in range(rows):
        for i in range(leaf_bytes.shape[1]):
            leaf_bytes[r, i] = tree_bytes[row_game[r], row_node[r], i]


@leaf_kernel
def copy_in(
    tree_bytes: NDArray[np.uint64],
    leaf_bytes: NDArray[np.uint64],
    row_game: NDArray[np.int32],
    row_node: NDArray[np.int32],
    rows: int,
) -> None:
    """states[row_game[r], row_node[r]] = leaves[r]."""
    for r in range(rows):
        for i in range(leaf_bytes.shape[1]):
            tree_bytes[row_game[r], row_node[r], i] = leaf_bytes[r, i]


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


@leaf_kernel
def expand(
    t: TreeArrays,
    rule: Rule,
    rows: NDArray[np.int64],
    row_game: NDArray[np.int32],
    row_node: NDArray[np.int32],
    to_play: NDArray[np.int8],
    legal: NDArray[np.bool_],
    logits: NDArray[np.float32],
    values: NDArray[np.float32],
) -> None:
    """Give evaluated leaves their prior over legal actions, and back up the value (the side to move's)."""
    for i in range(len(rows)):
        b, node = row_game[rows[i]], row_node[rows[i]]
        top = -np.inf
        for a in range(legal.shape[1]):
            if legal[i, a] and logits[i, a] > top:
                top = logits[i, a]
        norm = np.float32(0.0)
        for a in range(legal.shape[1]):
            t.visits[b, node, a] = 0
            t.value_sum[b, node, a] = 0.0
            t.child[b, node, a] = NO_CHILD
            weight = np.float32(0.0)
            if legal[i, a]:
                # The floor keeps a legal action above the zero that marks illegal ones.
                weight = max(np.exp(np.float32(logits[i, a] - top)), np.float32(1e-9))
            t.prior[b, node, a] = weight
            norm += weight
        for a in range(legal.shape[1]):
            t.prior[b, node, a] /= norm
        t.total[b, node] = 0
        t.to_play[b, node] = to_play[i]
        value = values[i] if to_play[i] == 0 else -values[i]
        t.node_value[b, node] = value
        t.expanded[b, node] = True
        if node == 0:
            t.parent[b, 0] = -1
            if rule.kind == GUMBEL:
                gumbel.prepare_root(t, rule, b)
        else:
            add_value(t, b, node, value, rule.virtual_loss)


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
            for a in range(t.prior.shape[2]):
                t.visits[b, count, a] = t.visits[b, node, a]
                t.value_sum[b, count, a] = t.value_sum[b, node, a]
                t.prior[b, count, a] = t.prior[b, node, a]
                t.child[b, count, a] = t.child[b, node, a]
            t.total[b, count] = t.total[b, node]
            t.to_play[b, count] = t.to_play[b, node]
            t.node_value[b, count] = t.node_value[b, node]
            t.expanded[b, count] = t.expanded[b, node]
            t.terminal[b, count] = t.terminal[b, node]
            t.parent_action[b, count] = t.parent_action[b, node]
            t.parent[b, count] = -1 if node == new_root else moved[t.parent[b, node]]
            for i in range(words.shape[2]):
                words[b, count, i] = words[b, node, i]
        count += 1
    t.nodes[b] = count
    t.parent[b, 0] = -1
    for node in range(1, count):
        t.child[b, t.parent[b, node], t.parent_action[b, node]] = node
