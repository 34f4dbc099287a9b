"""Tournaments whose games are played in other processes and in Ray actors; clocks of searchers."""

import os
import signal
import threading
from pathlib import Path

import numpy as np
import pytest

from tengen.agents.mcts.agent import MctsAgent
from tengen.agents.registry import make_agent
from tengen.agents.timing import seconds_to_think
from tengen.envs.registry import make_game
from tengen.errors import MachineError, TengenError
from tengen.league import remote_jobs
from tengen.league.store import Store
from tengen.league.tournament import Tournament
from tengen.league.tournament_config import TimeConfig, TournamentConfig


def config(**more: object) -> TournamentConfig:
    values = {"game": "connect4", "players": ["random", "random"], "games": 8, "parallel": 4}
    return TournamentConfig(**(values | more))  # type: ignore[arg-type]


def children() -> set[int]:
    found = set()
    for task in Path("/proc/self/task").iterdir():
        found |= {int(pid) for pid in (task / "children").read_text().split()}
    return found


@pytest.mark.parametrize("where", ["processes", "ray"])
def test_every_game_is_played_once_wherever_it_is(tmp_path: Path, where: str) -> None:
    before = children()
    with Store.open(tmp_path / "s") as store:
        tournament = Tournament(config(where=where, concurrency=2, games=12, parallel=2), store)
        assert tournament.play()
        assert len({game.key for game in store.games()}) == tournament.done == 12
    if where == "processes":
        left = {pid for pid in children() - before if b"spawn_main" in cmdline(pid)}
        assert not left  # nobody stays behind


def cmdline(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def test_a_process_that_is_killed_costs_no_game(tmp_path: Path) -> None:
    given = config(where="processes", concurrency=1, games=400, parallel=2, players=["random", "mcts?sims=8"])
    killed = []

    def kill_the_first(tournament: Tournament) -> None:
        if not killed and tournament.done:
            ours = [pid for pid in children() if b"spawn_main" in cmdline(pid)]
            assert ours
            os.kill(ours[0], signal.SIGKILL)
            killed.extend(ours)

    with Store.open(tmp_path / "s") as store:
        tournament = Tournament(given, store)
        assert tournament.play(told=kill_the_first)
        assert killed and len({game.key for game in store.games()}) == len(store) == 400


def test_a_tournament_stops_though_a_process_is_thinking(tmp_path: Path) -> None:
    given = config(where="processes", concurrency=1, players=["mcts?sims=20000", "random"])
    stop = threading.Event()
    with Store.open(tmp_path / "s") as store:
        tournament = Tournament(given, store)
        assert not tournament.play(stop.is_set, lambda _: stop.set())


def test_what_cannot_be_played_is_said_by_the_parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = tmp_path / "network"
    import shutil

    from tengen.networks.paths import find_checkpoint

    shutil.copytree(find_checkpoint("models/go9"), network)
    given = config(game="go9", where="processes", concurrency=1, players=["random", f"policy:{network}"])
    with Store.open(tmp_path / "s") as store:
        tournament = Tournament(given, store)
        for file in network.iterdir():
            file.write_bytes(b"")  # after the agents were tried
        with pytest.raises(TengenError, match="network"):
            tournament.play()


def test_processes_that_die_at_once_end_it_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_jobs, "_serve", os._exit)  # its first argument is no status: it fails to start
    with Store.open(tmp_path / "s") as store:
        tournament = Tournament(config(where="processes", concurrency=1), store)
        with pytest.raises(MachineError, match=r"process that plays 'random' .* died 3 times in a row"):
            tournament.play()


def test_an_address_without_ray_is_refused() -> None:
    with pytest.raises(ValueError, match="set where=ray"):
        config(address="auto")


# --- clocks -----------------------------------------------------------------------------------------------


def test_a_share_of_the_clock_is_never_all_of_it() -> None:
    assert seconds_to_think() is None
    assert seconds_to_think(move_s=1.0) == pytest.approx(0.85)
    assert seconds_to_think(left_s=(100.0, 1.0)) == pytest.approx(4.0)
    for left in (0.02, 0.5, 3.0, 600.0):
        for increment in (0.0, 1.0, 30.0):
            seconds = seconds_to_think(left_s=(left, 9.0), increment_s=increment)
            assert seconds is not None and 0 < seconds < left


@pytest.mark.parametrize("agent", ["mcts?sims=100000", "minimax?depth=40"])
def test_searchers_keep_to_the_clock(tmp_path: Path, agent: str) -> None:
    time_limit = TimeConfig(kind="move", move_s=0.04, margin_s=2.0)
    with Store.open(tmp_path / "s") as store:
        tournament = Tournament(config(players=[agent, "random"], games=2, time=time_limit), store)
        assert tournament.play()
        found = list(store.games())
        assert {game.reason for game in found} == {"rules"}  # neither lost on time


def test_time_that_was_told_is_for_one_move() -> None:
    game = make_game("connect4")
    agent = make_agent("mcts?sims=300", game, seed=1)
    assert isinstance(agent, MctsAgent)
    agent.start(game, 1)
    state, slot = game.new_states(1), np.zeros(1, np.int64)
    agent.tell_time(0, move_s=1e-9)
    agent.choose(state, slot)
    assert agent.search is not None and agent.search.tree.simulations[0] < 300
    agent.start(game, 1)
    agent.choose(state, slot)
    assert agent.search.tree.simulations[0] == 300
