"""States on their way between the trees and the batch of leaves, as words."""

import numpy as np
from numpy.typing import NDArray

from tengen.agents.mcts.arrays import TreeArrays
from tengen.envs.jit import leaf_kernel


@leaf_kernel
def live_words(first: np.uint64, total: int, start: int, per_ply: int) -> int:
    """How many words of a state count, by its first word, whose upper half is the ply."""
    return min(total, start + per_ply * int(first >> np.uint64(32)))


@leaf_kernel
def copy_out(
    t: TreeArrays,
    tree_words: NDArray[np.uint64],
    leaf_words: NDArray[np.uint64],
    row_game: NDArray[np.int32],
    row_node: NDArray[np.int32],
    rows: int,
    steps: int,
    start: int,
    per_ply: int,
) -> None:
    """leaves[r] = the state before the action of row r; the root's own where it has none.

    States are seen as words, [B, N, W] in the trees; `start` and `per_ply` are the game's `live_words`.
    """
    for r in range(rows):
        b = row_game[r]
        node = t.parent[b, row_node[r]] if r < steps else 0
        for w in range(live_words(tree_words[b, node, 0], leaf_words.shape[1], start, per_ply)):
            leaf_words[r, w] = tree_words[b, node, w]


@leaf_kernel
def copy_in(
    tree_words: NDArray[np.uint64],
    leaf_words: NDArray[np.uint64],
    row_game: NDArray[np.int32],
    row_node: NDArray[np.int32],
    steps: int,
    start: int,
    per_ply: int,
) -> None:
    """states[row_game[r], row_node[r]] = leaves[r]."""
    for r in range(steps):
        b, node = row_game[r], row_node[r]
        for w in range(live_words(leaf_words[r, 0], leaf_words.shape[1], start, per_ply)):
            tree_words[b, node, w] = leaf_words[r, w]


@leaf_kernel
def close_ranks(
    live: NDArray[np.int64],
    leaf_words: NDArray[np.uint64],
    row_game: NDArray[np.int32],
    row_node: NDArray[np.int32],
) -> None:
    """Move the rows `live`, which ascend, to the front."""
    for i in range(len(live)):
        r = live[i]
        if r != i:
            row_game[i], row_node[i] = row_game[r], row_node[r]
            for w in range(leaf_words.shape[1]):
                leaf_words[i, w] = leaf_words[r, w]
