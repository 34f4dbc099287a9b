"""Self-play in threads of one process: streams that go on, and weights that come while games are played."""

import contextlib
import os
import sys
import threading
from concurrent.futures import wait

from tengen.selfplay.rollouts import ThreadRollouts
from tests.selfplay_tools import newest, small


def test_threads_go_on_from_their_saved_streams():
    config = small(rollouts={"threads": 2})
    one, other = ThreadRollouts(config), ThreadRollouts(config)
    weights = newest(config)
    for rollouts in (one, other):
        rollouts.publish(weights, 0)
    other.collect()
    other.restore(one.state())
    one.restore(one.state())
    for left, right in zip(one.collect().arrays().values(), other.collect().arrays().values(), strict=True):
        assert (left == right).all()
    one.close()
    other.close()


def test_threads_go_on_where_actors_stopped():
    """Actors keep no streams: threads draw from some that none of them has had, each its own."""
    config = small(rollouts={"threads": 2, "positions_per_update": 400})
    weights = newest(config)
    played = []
    for state in (None, [{"restarts": 0}], [{"restarts": 1}], [{"restarts": 0}]):
        with contextlib.closing(ThreadRollouts(config)) as rollouts:
            if state:
                rollouts.restore(state)
            rollouts.publish(weights, 0)
            played.append(rollouts.collect().arrays()["actions"].tobytes())
    assert played[1] == played[3] and len(set(played)) == 3


def test_threads_that_play_on_take_weights_up_with_their_next_games():
    config = small(rollouts={"beside_learning": True, "threads": 2})
    with contextlib.closing(ThreadRollouts(config)) as rollouts:
        acted = []
        for version in range(1, 6):
            rollouts.publish(newest(config), version)
            rollouts.collect()
            wait(rollouts._running)  # begun, by the weights that there were
            acted.append({player.evaluator.version for player in rollouts._players})
        assert acted == [{1}, {2}, {3}, {4}, {5}]
        rollouts.publish(newest(config), 6)
        assert {player.evaluator.version for player in rollouts._players} == {5}
        assert rollouts.stats()["playing_share"] > 0
        if sys.platform == "linux":
            tids = rollouts._pool.map(lambda _: threading.get_native_id(), range(2))
            assert {os.getpriority(os.PRIO_PROCESS, tid) for tid in tids} == {5}
        (state, *_) = rollouts.state()
        assert state["rng"]["state"]
