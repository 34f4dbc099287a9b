"""Ratings of a run's checkpoints over time."""

import numpy as np
import pytest

from tengen.errors import TengenError
from tengen.league.ratings import Result, rate
from tengen.league.timeline import timeline


def run_of(rng, strengths, games):
    """Every checkpoint plays a baseline of 0 Elo and the one before it, moving first every other time."""
    results = []
    for k, elo in enumerate(strengths):
        for opponent, other in (("baseline", 0.0), (f"c{k - 1}", strengths[k - 1] if k else None)):
            if other is None:
                continue
            for first in (0, 1):
                sign = 1 if first == 0 else -1
                d = sign * (elo - other)
                win, loss = (1 / (1 + 10 ** (-(x - 97.3) / 400)) for x in (d + 32.8, -d - 32.8))
                counts = [int(n) for n in rng.multinomial(games // 2, [win, 1 - win - loss, loss])]
                pair = (f"c{k}", opponent) if first == 0 else (opponent, f"c{k}")
                results.append(Result(*pair, *counts))
    return results


def errors_of(moments, scale, truth):
    return np.array([m.elo / scale - truth[m.name] for m in moments if m.name in truth])


def test_neighbours_in_time_make_ratings_better_than_games_alone():
    strengths = [400 * (1 - 0.85**k) for k in range(20)]
    truth = {f"c{k}": elo for k, elo in enumerate(strengths)}
    x = 10 ** (-97.3 / 400)
    scale = 4 * x / (1 + x) ** 2
    alone, together = [], []
    for seed in range(4):
        results = run_of(np.random.default_rng(seed), strengths, 12)
        anchors = {"baseline": 0.0}
        found = timeline(results, {name: k for k, name in enumerate(truth)}, anchors=anchors)
        together.append(errors_of(found.moments, scale, truth))
        alone.append(errors_of(rate(results, anchors=anchors).ratings, scale, truth))
        inside = [
            abs(m.elo / scale - truth[m.name]) <= m.error / scale for m in found.moments if m.name in truth
        ]
        assert sum(inside) >= 15
    assert np.std(together) < 0.75 * np.std(alone)


def test_the_walk_is_found_from_the_results():
    rng = np.random.default_rng(0)
    walks = [
        timeline(run_of(rng, np.cumsum(rng.normal(0, step, 30)), 100), {f"c{k}": k for k in range(30)}).walk
        for step in (10, 160)
    ]
    assert walks[0] < 40 and 80 < walks[1] < 320


def test_a_wide_walk_is_no_walk_at_all():
    results = run_of(np.random.default_rng(1), [0.0, 100.0, 150.0], 40)
    found = timeline(results, {"c0": 0, "c1": 1, "c2": 5}, walk=9e4)
    assert {m.name: m.elo for m in found.moments} == pytest.approx(
        {r.name: r.elo for r in rate(results).ratings}, abs=0.1
    )
    assert [(m.name, m.time) for m in found.moments] == [("c0", 0), ("c1", 1), ("c2", 5), ("baseline", None)]


def test_far_apart_checkpoints_are_tied_less():
    results = [
        Result("c0", "baseline", 2, 0, 8),
        Result("c1", "baseline", 8, 0, 2),
        Result("c2", "baseline", 2, 0, 8),
    ]
    near, far = (
        {m.name: m.elo for m in timeline(results, {"c0": 0, "c1": gap, "c2": 1001}, walk=100).moments}
        for gap in (1, 1000)
    )
    assert near["c1"] - near["c0"] < near["c1"] - near["c2"]
    assert far["c1"] - far["c0"] > far["c1"] - far["c2"]


def test_checkpoints_without_games_are_left_out_and_none_at_all_is_a_fault():
    results = [Result("c0", "baseline", 2, 0, 8)]
    assert [m.name for m in timeline(results, {"c0": 0, "c9": 9}).moments] == ["c0", "baseline"]
    with pytest.raises(TengenError, match="none of the checkpoints"):
        timeline(results, {"c9": 9})
    with pytest.raises(TengenError, match="walk -1"):
        timeline(results, {"c0": 0}, walk=-1)
    with pytest.raises(TengenError, match="anchor 'x'"):
        timeline(results, {"c0": 0}, anchors={"x": 0})
