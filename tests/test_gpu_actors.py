"""Players on a device that answers later: two halves alternate, threads share an actor's CPUs."""

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from tengen.agents.mcts.evaluators import NetworkLeaves
from tengen.agents.mcts.search import Search
from tengen.envs import make_game
from tengen.envs.game import Floats
from tengen.networks.weights import network_weights
from tengen.selfplay.halves import TwoHalves
from tengen.selfplay.opponents import SharedLeaves
from tengen.selfplay.rollouts import Player, Team, make_player
from tengen.selfplay.worker import SelfPlayWorker
from tests.selfplay_tools import Opinion, network, small


class Device:
    """A device that works through submissions in order, in a thread of its own."""

    def __init__(self, game: Any) -> None:
        self._opinion = Opinion(game)
        self._queue = ThreadPoolExecutor(1)
        self.under_way: list[int] = []  # when each submission came, how many others were on the device
        self._pending = 0
        self.batches: list[int] = []

    def __call__(self, observations: Floats) -> tuple[Floats, Floats]:
        return self._opinion(observations)

    def submit(self, observations: Floats) -> "Waiting":
        self.under_way.append(self._pending)
        self._pending += 1
        self.batches.append(len(observations))
        return Waiting(self, self._queue.submit(self._opinion, observations.copy()))


class Waiting:
    """A submission."""

    def __init__(self, device: Device, future: "Future[tuple[Floats, Floats]]") -> None:
        self._device, self._future = device, future

    def result(self) -> tuple[Floats, Floats]:
        self._device._pending -= 1
        return self._future.result()


def test_asking_and_taking_is_a_round():
    game = make_game("connect4")
    config = small().search
    searches = []
    for judge in (Opinion(game), Device(game)):
        search = Search(game, NetworkLeaves(judge), config, slots=4, rng=np.random.default_rng(1))
        search.set_roots(np.arange(4), game.new_states(4))
        searches.append(search)
    whole, halved = searches
    slots = np.arange(4, dtype=np.int32)
    for _ in range(config.simulations + 1):
        whole.round(slots)
        halved.ask(slots)
        halved.take()
    assert whole.evaluations == halved.evaluations > 4
    assert (whole.root_visits(slots) == halved.root_visits(slots)).all()
    halved.take()  # nothing was asked
    assert whole.evaluations == halved.evaluations


def test_one_half_thinks_while_the_other_is_on_the_device():
    game = make_game("connect4")
    device = Device(game)
    halves = TwoHalves(game, device, small(rollouts={"games": 9}), seed=1)
    assert [len(half.slots) for half in halves.halves] == [5, 4]
    games, counts = halves.collect(200)
    assert counts["recorded"] >= 200 and len(games) > 0
    assert counts["evaluations"] == sum(device.batches)
    # But for the first of all, every submission finds the other half's batch there, and never a third.
    assert device.under_way[0] == 0 and set(device.under_way[1:]) == {1}
    assert device._pending == 0  # weights may be loaded now
    _, later = halves.collect(50)
    assert later["evaluations"] == sum(device.batches) - counts["evaluations"]


def test_a_half_plays_as_a_worker_alone_would():
    """Alternating changes when things are computed, not what."""
    game = make_game("connect4")
    config = small(rollouts={"games": 8})
    halves = TwoHalves(game, Device(game), config, seed=5)
    games, _ = halves.collect(150)
    alone = []
    for half, seed in zip(halves.halves, np.random.SeedSequence(5).generate_state(2), strict=True):
        worker = SelfPlayWorker(game, Opinion(game), small(rollouts={"games": 4}), int(seed))
        for _ in range(10_000):
            if worker.search.evaluations == half.search.evaluations:
                break
            worker.search.round(worker.slots)
            worker._move_on(alone)
        assert (worker.states == half.states).all()
    assert sum(map(len, alone)) == len(games) > 0
    assert sum(part.positions for part in alone) == games.positions


def test_halves_take_versions_opponents_and_streams():
    game = make_game("connect4")
    config = small(rollouts={"games": 8}, league={"share": 0.5})
    device, other = Device(game), Device(game)
    halves = TwoHalves(game, device, config, seed=2)
    halves.take_version(4)
    halves.oppose(other)
    games, counts = halves.collect(300)
    assert (games.versions == 4).all() and counts["league_games"] > 0 and other.batches
    assert device._pending == other._pending == 0
    state = halves.state()
    again = TwoHalves(game, Device(game), small(rollouts={"games": 8}), seed=9)
    twin = TwoHalves(game, Device(game), small(rollouts={"games": 8}), seed=10)
    again.restore(state)
    twin.restore(state)
    assert (again.collect(60)[0].actions == twin.collect(60)[0].actions).all()
    # A run may move between machines with and without a GPU.
    plain = SelfPlayWorker(game, Opinion(game), small(rollouts={"games": 8}), 3)
    plain.restore(state)
    again.restore(plain.state())
    streams = [half.rng.random(4).tolist() for half in again.halves]
    assert streams[0] != streams[1]


def test_networks_that_share_a_search_answer_later_too():
    game = make_game("connect4")
    states, observations = game.new_states(6), game.new_observation(6)
    game.observe(states, observations)
    shared = SharedLeaves(Device(game), 6)
    shared.opponent = Opinion(game, value=0.25)  # which answers at once
    shared.leaf_slots = np.arange(6, dtype=np.int32)
    shared.is_opponents[[1, 4]] = True
    policy, values = shared.submit(states, observations).result()
    assert (values[[1, 4]] == 0.25).all() and (values[[0, 2, 3, 5]] != 0.25).all()
    assert policy.shape == (6, 7)


def test_on_a_cpu_nothing_alternates():
    player = make_player(small(), 1)
    assert isinstance(player, Player) and isinstance(player.worker, SelfPlayWorker)


@pytest.mark.parametrize(("settings", "count"), [({"cpus_per_worker": 2.0}, 2), ({"threads": 3}, 3)])
def test_an_actor_has_a_tree_thread_for_each_of_its_cpus(settings, count):
    config = small(rollouts={"threads": 0, "games": 4, **settings})
    team = make_player(config, 1)
    assert isinstance(team, Team) and len(team.players) == count
    team.publish(network_weights(network(config)), 2)
    games, counts = team.collect(40 * count)
    assert counts["recorded"] >= 40 * count and (games.versions == 2).all()
    assert len({player.worker.rng.bit_generator.state["state"]["state"] for player in team.players}) == count
