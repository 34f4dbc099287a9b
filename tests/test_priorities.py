"""The sum tree against sums that NumPy makes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tengen.agents.dqn.priorities import SumTree
from tests.replay_tools import is_likely

sizes = st.integers(1, 700)
seeds = st.integers(0, 2**32 - 1)


def filled(size: int, rng: np.random.Generator, zeros: float = 0.3) -> SumTree:
    tree = SumTree(size)
    weights = rng.exponential(size=size) * (rng.random(size) >= zeros)
    weights[rng.integers(size)] = 0.5  # not all zero
    tree.set(np.arange(size), weights)
    np.testing.assert_array_equal(tree.leaves, weights)
    return tree


@given(sizes, seeds)
@settings(max_examples=60, deadline=None)
def test_a_target_falls_where_the_running_sum_passes_it(size, seed):
    rng = np.random.default_rng(seed)
    tree = filled(size, rng)
    sums = np.cumsum(tree.leaves)
    assert tree.total == pytest.approx(sums[-1])
    targets = rng.random(50) * sums[-1]
    indices, weights = tree.draw(targets)
    wanted = np.searchsorted(sums, targets, side="right")
    # Where a target lies on a border but for rounding, either side is right.
    close = np.abs(sums[:, None] - targets).min(axis=0) < 1e-9
    np.testing.assert_array_equal(indices[~close], wanted[~close])
    np.testing.assert_array_equal(weights, tree.leaves[indices])
    assert (weights > 0).all()


@given(sizes, seeds)
@settings(max_examples=40, deadline=None)
def test_the_tree_depends_on_its_leaves_alone_to_the_last_bit(size, seed):
    rng = np.random.default_rng(seed)
    tree = filled(size, rng)
    for _ in range(5):
        tree.set(rng.integers(size, size=20), rng.exponential(size=20))
    anew = SumTree(size)
    anew.leaves[:] = tree.leaves
    anew.rebuild()
    np.testing.assert_array_equal(anew.nodes, tree.nodes)


def test_of_equal_indices_the_last_counts_and_those_below_zero_are_skipped():
    tree = SumTree(100)
    tree.set(np.array([5, -1, 5, 99]), np.array([1.0, 9.0, 2.0, 4.0]))
    assert (tree.leaves[5], tree.leaves[99], tree.total) == (2.0, 4.0, 6.0)


def test_targets_at_both_ends_find_leaves_that_are_not_empty():
    tree = SumTree(1000)
    tree.set(np.array([300, 301, 640]), np.array([0.1, 0.2, 0.3]))
    indices, _ = tree.draw(np.array([0.0, np.nextafter(tree.total, 0), tree.total]))
    assert indices.tolist() == [300, 640, 640]


def test_leaves_are_drawn_in_proportion_to_their_weights():
    tree = filled(3000, np.random.default_rng(4), zeros=0.0)
    draws = np.random.default_rng(5).random(300_000) * tree.total
    counts = np.bincount(tree.draw(draws)[0], minlength=3000)
    likely = tree.leaves > 0.1  # so that each is expected often enough for the statistic
    expected = tree.leaves[likely] / tree.leaves[likely].sum() * counts[likely].sum()
    assert is_likely(counts[likely], expected)


def test_the_bytes_foretold_are_those_taken():
    for size in (1, 8, 9, 1000, 100_000):
        assert SumTree(size).nodes.nbytes <= SumTree.bytes_needed(size)
    assert SumTree.bytes_needed(1_000_000) < 9_200_000
