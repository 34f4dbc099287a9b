"""Drawing in proportion to priorities: a sum tree in one array, its kernels batched (Schaul et al. 2016).

A node has eight children, which is one cache line, and the tree stands in `nodes` level by level, leaves
first; `levels[l]` is where level l begins. A node is the sum of its children in one fixed order, never a
running difference, so that the same leaves always give the same tree, to the last bit.
"""

import numpy as np
from numpy.typing import NDArray

from tengen.envs.jit import kernel, leaf_kernel

FAN_OUT = 8
CACHE_LINE = 8  # in float64

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class SumTree:
    """Weights >= 0 of `size` leaves, all 0 at first; draws a leaf with chance weight / total."""

    def __init__(self, size: int) -> None:
        """Nothing is touched, and so no memory used, before leaves are set."""
        counts = [_padded(size)]
        while counts[-1] > FAN_OUT:
            counts.append(_padded(counts[-1] // FAN_OUT))
        counts.append(1)
        self.size = size
        self.levels: Integers = np.cumsum([0, *counts[:-1]])
        room = np.zeros(sum(counts) + CACHE_LINE)
        begin = -room.ctypes.data // room.itemsize % CACHE_LINE
        self.nodes: Floats = room[begin : begin + sum(counts)]

    @staticmethod
    def bytes_needed(size: int) -> int:
        """Memory of a full tree, a trifle over."""
        return (size * 8 * 8) // 7 + 4096

    @property
    def total(self) -> float:
        """Sum of all leaves."""
        return float(self.nodes[-1])

    @property
    def leaves(self) -> Floats:
        """[size]; `rebuild` after writing to it."""
        return self.nodes[: self.size]

    def set(self, indices: Integers, weights: Floats) -> None:
        """Give leaves [B] weights [B]; of equal indices the last counts."""
        set_leaves(self.nodes, self.levels, indices, weights)

    def draw(self, targets: Floats) -> tuple[Integers, Floats]:
        """Leaves [B] and their weights: those at which the running sum of all leaves passes targets [B].

        Targets are from [0, total); the total must be above 0. A leaf of weight 0 is never drawn.
        """
        indices = np.empty(len(targets), np.int64)
        weights = np.empty(len(targets))
        find_leaves(self.nodes, self.levels, targets, indices, weights)
        return indices, weights

    def rebuild(self) -> None:
        """Sum up everything anew."""
        sum_up(self.nodes, self.levels)


def _padded(count: int) -> int:
    return max(FAN_OUT, -(-count // FAN_OUT) * FAN_OUT)


@leaf_kernel
def sum_of_children(nodes: Floats, first: int) -> float:
    """Of the eight nodes from `first` on, in pairs, which is shorter for the processor than in a row."""
    return ((nodes[first] + nodes[first + 1]) + (nodes[first + 2] + nodes[first + 3])) + (
        (nodes[first + 4] + nodes[first + 5]) + (nodes[first + 6] + nodes[first + 7])
    )


@leaf_kernel
def set_leaf(nodes: Floats, levels: Integers, index: int, weight: float) -> None:
    """Give one leaf a weight."""
    nodes[index] = weight
    for level in range(1, len(levels)):
        index //= FAN_OUT
        nodes[levels[level] + index] = sum_of_children(nodes, levels[level - 1] + index * FAN_OUT)


@leaf_kernel
def set_leaves(nodes: Floats, levels: Integers, indices: Integers, weights: Floats) -> None:
    """Give leaves [B] weights [B]; an index below 0 is skipped. Fastest when indices are in order."""
    for b in range(len(indices)):
        if indices[b] >= 0:
            nodes[indices[b]] = weights[b]
    span = 1
    for level in range(1, len(levels)):
        span *= FAN_OUT
        last = -1
        for b in range(len(indices)):
            if indices[b] < 0:
                continue
            node = indices[b] // span
            if node != last:
                nodes[levels[level] + node] = sum_of_children(nodes, levels[level - 1] + node * FAN_OUT)
                last = node


@leaf_kernel
def find_leaves(nodes: Floats, levels: Integers, targets: Floats, indices: Integers, weights: Floats) -> None:
    """Descend for all targets [B] together, a level at a time, so that their waits for memory overlap."""
    rest = weights  # what is left of a target below the node reached
    for b in range(len(targets)):
        indices[b] = 0
        rest[b] = targets[b]
    for level in range(len(levels) - 2, -1, -1):
        for b in range(len(targets)):
            first = levels[level] + indices[b] * FAN_OUT
            target = rest[b]
            passed = 0
            before = 0.0
            running = 0.0
            for child in range(FAN_OUT):  # without branches, which would be foretold wrongly
                running += nodes[first + child]
                is_past = target >= running
                passed += 1 if is_past else 0
                before = running if is_past else before
            rest[b] = target - before
            if passed >= FAN_OUT:  # sums in another order differ in the last bit
                passed = FAN_OUT - 1
                while nodes[first + passed] == 0.0 and passed > 0:
                    passed -= 1
                rest[b] = 0.0
            indices[b] = indices[b] * FAN_OUT + passed
    for b in range(len(targets)):
        weights[b] = nodes[indices[b]]


@kernel
def sum_up(nodes: Floats, levels: Integers) -> None:
    """All sums from the leaves."""
    for level in range(1, len(levels)):
        for node in range((levels[level] - levels[level - 1]) // FAN_OUT):
            nodes[levels[level] + node] = sum_of_children(nodes, levels[level - 1] + node * FAN_OUT)
