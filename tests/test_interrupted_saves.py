"""A save cut short anywhere, by a kill, a power cut or a full disk: every kind of run goes on."""

import hashlib
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pytest
import torch

from tengen import cli
from tengen.agents.dqn.learner import DqnLearner
from tengen.agents.dqn.learner_config import LearnerConfig
from tengen.agents.dqn.replay_shards import ReplayShards
from tengen.agents.dqn.replay_shards import shards as step_shards
from tengen.envs import make_game
from tengen.errors import MachineError
from tengen.league.manager import League, Member
from tengen.league.store import Store, StoredGame
from tengen.metrics import read_metrics
from tengen.networks.checkpoint import load_checkpoint
from tengen.networks.q import QNetwork
from tengen.networks.q_config import QNetworkConfig
from tengen.rundir import RunDir, checkpoints
from tengen.selfplay import dqn_resume, evolution_checkpoint, resume, supervised
from tengen.selfplay.clock import RunClock
from tengen.selfplay.config import StopConfig
from tengen.selfplay.evolution import genome_size
from tengen.selfplay.evolution_config import EvolutionConfig
from tengen.selfplay.hall import Champion, Hall
from tengen.selfplay.learner import Learner
from tengen.selfplay.replay import Replay
from tengen.selfplay.shards import shards as game_shards
from tengen.selfplay.strategies import make_strategy
from tests.crash_tools import FullDisk, Recorder, lay_out
from tests.replay_tools import Lives, replay_of, world
from tests.selfplay_tools import network, played, small

CONFIG = "kind: any\n"


class Kind(Protocol):
    """A run of some kind, reduced to what its checkpoints hold."""

    clock: RunClock

    def turn(self, run: RunDir) -> None:
        """Learn something, save it and tell it, in the order of the kind's loop."""

    def restore(self, run: RunDir) -> None:
        """Take up the newest checkpoint."""

    def print(self, run: RunDir) -> str:
        """Alike for runs that know the same; fails where files are left that no checkpoint needs."""


class Quiet:
    """Players who have nothing to tell."""

    def state(self) -> list[dict[str, Any]]:
        """Nothing."""
        return []

    def restore(self, states: list[dict[str, Any]]) -> None:
        """Nothing."""


def digest(*values: Any) -> str:
    """Of arrays, tensors and what JSON holds."""
    found = hashlib.blake2b(digest_size=8)
    for value in values:
        if isinstance(value, dict):
            value = repr([(key, digest(inner)) for key, inner in sorted(value.items())])
        if isinstance(value, torch.Tensor | np.ndarray):
            value = np.asarray(value).tobytes()
        found.update(value if isinstance(value, bytes) else repr(value).encode())
    return found.hexdigest()


GAMES = small(replay={"base": 16, "growth": 0.0, "min_positions": 4})  # a window that moves with every turn
PLAYED = [played(GAMES, 60, seed) for seed in range(4)]


class Boards:
    """Self-play: weights, moments, a window of whole games."""

    def __init__(self, run: RunDir) -> None:
        torch.manual_seed(3)
        learner = Learner(network(GAMES), GAMES.learner)
        self.clock = RunClock(StopConfig(), 9.0, 9.0)
        replay = Replay(make_game(GAMES.game), GAMES.replay, value_from_search=0.5, symmetries=True)
        self.saved = resume.Saved(GAMES, learner, replay, np.random.default_rng(3), self.clock)

    def turn(self, run: RunDir) -> None:
        """See `Kind.turn`."""
        saved = self.saved
        saved.replay.add(PLAYED[self.clock.update % len(PLAYED)])
        saved.learner.step(saved.replay.sample(16, saved.rng), 0.5)
        self.clock.count(1)
        resume.save(saved, run, Quiet(), mark=False)  # type: ignore[arg-type]
        run.append_metrics({"step": self.clock.update})

    def restore(self, run: RunDir) -> None:
        """See `Kind.restore`."""
        resume.restore(self.saved, run, Quiet())  # type: ignore[arg-type]

    def print(self, run: RunDir) -> str:
        """See `Kind.print`."""
        saved = self.saved
        numbers = [chunk.number for chunk in saved.replay.chunks]
        assert [number for number, _ in game_shards(run.path / "replay")] == numbers
        games = [digest(chunk.games.arrays()) for chunk in saved.replay.chunks]
        return digest(saved.learner.tensors(), saved.replay.state(), games, saved.rng.bit_generator.state)


class Steps:
    """Action values: weights, moments, a ring of steps in shards."""

    def __init__(self, run: RunDir) -> None:
        torch.manual_seed(3)
        spec = world()
        config = LearnerConfig(batch_size=8)
        net = QNetwork(QNetworkConfig(torso="mlp", hidden=8), spec)
        self.replay = replay_of(spec, 2, capacity=120)
        shards = ReplayShards(run.path / "replay", self.replay)
        shards.shard_steps = 30
        self.clock = RunClock(StopConfig(), 9.0, 9.0)
        learner = DqnLearner(net, config, torch.device("cpu"), compile=False, seed=3)
        self.saved = dqn_resume.SavedWorlds(net, learner, shards, np.random.default_rng(3), self.clock)

    def turn(self, run: RunDir) -> None:
        """See `Kind.turn`."""
        saved = self.saved
        assert saved.shards is not None
        self.replay.add(Lives(world(), 2, seed=self.clock.update).live(25))
        batch = self.replay.sample(8, saved.rng, 0.5)
        _, errors = saved.learner.step(batch, 0.5)  # type: ignore[arg-type,misc]
        self.replay.update_priorities(batch.indices, errors)  # type: ignore[arg-type]
        saved.shards.write_filled()
        self.clock.count(1)
        dqn_resume.save(saved, run, Quiet())  # type: ignore[arg-type]
        run.append_metrics({"step": self.clock.update})

    def restore(self, run: RunDir) -> None:
        """See `Kind.restore`."""
        dqn_resume.restore(self.saved, run, Quiet())  # type: ignore[arg-type]

    def print(self, run: RunDir) -> str:
        """See `Kind.print`."""
        state, tensors = self.replay.snapshot()
        numbers = {number for number, _ in step_shards(run.path / "replay")}
        assert self.saved.shards is not None and numbers == set(self.saved.shards._spans)
        drawn = self.replay.sample(64, np.random.default_rng(1), 0.5)
        return digest(self.saved.learner.tensors(), state, tensors, vars(drawn))


BREED = EvolutionConfig.model_validate(
    {"population": 4, "seed": 3, "network": {"name": "blondie1999"}, "hall": {"every": 1, "size": 2}}
)


class Bred:
    """Evolution: the population, its step sizes, the hall of fame."""

    def __init__(self, run: RunDir) -> None:
        size = genome_size(BREED)
        rng = np.random.default_rng(3)
        self.clock = RunClock(BREED.stop, 9.0, 9.0)
        strategy, hall = make_strategy(BREED, size, rng), Hall(BREED.hall, size)
        self.saved = evolution_checkpoint.SavedEvolution(BREED, strategy, hall, self.clock)

    def turn(self, run: RunDir) -> None:
        """See `Kind.turn`."""
        saved = self.saved
        generation = self.clock.update + 1
        rng = np.random.default_rng(generation)
        population = saved.strategy.ask(rng)
        fitness = rng.random(len(population.weights))
        saved.strategy.tell(fitness, rng)
        saved.champion = Champion(*saved.strategy.champion(population, fitness), generation)
        saved.hall.consider(saved.champion)
        self.clock.count(1)
        run.append_metrics({"step": generation})
        evolution_checkpoint.save(saved, run)

    def restore(self, run: RunDir) -> None:
        """See `Kind.restore`."""
        evolution_checkpoint.restore(self.saved, run)

    def print(self, run: RunDir) -> str:
        """See `Kind.print`."""
        saved = self.saved
        assert saved.champion is not None
        return digest(
            saved.strategy.arrays(), saved.hall.arrays(), saved.champion.weights, self.clock.collected
        )


class Recorded:
    """Learning from recorded games: weights, moments, what was best."""

    def __init__(self, run: RunDir) -> None:
        torch.manual_seed(3)
        self.clock = RunClock(StopConfig(), 9.0, 9.0)
        learner = Learner(network(GAMES), GAMES.learner)
        self.saved = supervised.Saved(make_game(GAMES.game), learner, self.clock)
        self.replay = Replay(make_game(GAMES.game), GAMES.replay, value_from_search=0.5, symmetries=True)
        self.replay.add(PLAYED[0])

    def turn(self, run: RunDir) -> None:
        """See `Kind.turn`."""
        batch = self.replay.sample(16, np.random.default_rng(self.clock.update))
        self.saved.learner.step(batch, 0.5)
        self.clock.count(1)
        supervised.note_best(self.saved, 9.0 - self.clock.update, run)
        supervised.save(self.saved, run)
        run.append_metrics({"step": self.clock.update})

    def restore(self, run: RunDir) -> None:
        """See `Kind.restore`."""
        supervised.restore(self.saved, run)

    def print(self, run: RunDir) -> str:
        """See `Kind.print`."""
        _, meta = load_checkpoint(run.path / "best", self.saved.game)
        assert meta.step >= self.clock.update
        return digest(self.saved.learner.tensors(), self.saved.best, self.saved.tests_since_best)


KINDS = (Boards, Steps, Bred, Recorded)


@pytest.fixture(autouse=True)
def without_tensorboard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tengen.metrics.MetricsLog._add_scalars", lambda *row: None)


def begun(kind: Callable[[RunDir], Kind], path: Path, turns: int) -> tuple[RunDir, Kind, dict[int, str]]:
    """A run after so many turns, and what it knew after each."""
    run = RunDir.create(path, CONFIG, keep=1)
    one, known = kind(run), {}
    for _ in range(turns):
        one.turn(run)
        known[one.clock.update] = one.print(run)
    return run, one, known


def taken_up(
    kind: Callable[[RunDir], Kind], path: Path, known: dict[int, str], how: str, *, on: bool = False
) -> int:
    """Take up what was found, and go on; the step it was at. Nothing may be lost, stale or made up."""
    with RunDir.open(path, keep=1) as run:
        again = kind(run)
        again.restore(run)
        step = again.clock.update
        assert again.print(run) == known[step], how
        rows = [row["step"] for row in read_metrics(path)]
        told = list(range(1, step + 1))
        assert rows == told or (rows == told[:-1] and not isinstance(again, Bred)), how  # whose row is first
        hidden = {p.relative_to(path).as_posix() for p in path.rglob("*") if p.name.startswith(".")}
        assert hidden <= {".lock"}, how
        if on:
            again.turn(run)
            assert list(checkpoints(path))[-1] == step + 1, how
    return step


@pytest.mark.parametrize("kind", KINDS)
def test_a_save_cut_short_anywhere_leaves_the_one_before_or_the_new_one(kind, tmp_path, monkeypatch):
    run, one, known = begun(kind, tmp_path / "run", 4)
    recorder = Recorder(run.path)
    with run, recorder.watching(monkeypatch):
        one.turn(run)
    known[5] = one.print(run)
    found = set()
    for number, (how, tree) in enumerate(recorder.states()):
        found.add(taken_up(kind, lay_out(tree, tmp_path / f"{number}"), known, how, on=number % 5 == 0))
        shutil.rmtree(tmp_path / f"{number}")
    for number, (how, tree) in enumerate(recorder.states(done=True)):
        assert taken_up(kind, lay_out(tree, tmp_path / f"done-{number}"), known, how) == 5, how
    recorder.close()
    assert found == {4, 5}


def test_a_run_whose_beginning_is_cut_short_begins_anew_or_goes_on(tmp_path, monkeypatch):
    (tmp_path / "runs").mkdir()
    recorder = Recorder(tmp_path / "runs")
    with recorder.watching(monkeypatch):
        run, _, known = begun(Bred, tmp_path / "runs" / "run", 1)
        run.close()
    found = set()
    for number, (how, tree) in enumerate([*recorder.states(), *recorder.states(done=True)]):
        path = lay_out(tree, tmp_path / f"{number}") / "run"
        if not (path / "config.yaml").exists():
            found.add(None)
            RunDir.create(path, CONFIG).close()
        elif not checkpoints(path):
            found.add(0)
            RunDir.open(path).close()
        else:
            found.add(taken_up(Bred, path, known, how))
        assert number < len(recorder.states()) or checkpoints(path), how
        shutil.rmtree(tmp_path / f"{number}")
    recorder.close()
    assert found == {None, 0, 1}


@pytest.mark.parametrize("kind", KINDS)
def test_a_disk_that_is_full_from_any_operation_on_is_one_sentence(kind, tmp_path, monkeypatch):
    run, _, known = begun(kind, tmp_path / "run", 3)
    run.close()
    for after in range(1000):
        path = tmp_path / f"{after}"
        shutil.copytree(run.path, path)
        disk = FullDisk(after)
        with RunDir.open(path, keep=1) as opened:
            one = kind(opened)
            one.restore(opened)
            with disk.full(monkeypatch):
                try:
                    one.turn(opened)
                except MachineError as error:
                    assert "No space left on device" in str(error) and "\n" not in str(error)
                else:
                    assert 4 in checkpoints(path)
            if not disk.was_full:
                break
        left = {p.name for p in path.rglob("*") if p.name.startswith(".")}
        assert left <= {".lock", ".tmp-replaced-best"}, after
        known.setdefault(4, one.print(opened) if 4 in checkpoints(path) else "")
        if not known[4]:
            del known[4]
        taken_up(kind, path, known, f"full after {after}", on=after % 5 == 0)
        shutil.rmtree(path)
    assert after > 8


def test_members_of_a_league_are_the_old_or_the_new_ones(tmp_path, monkeypatch):
    folder = tmp_path / "run"
    folder.mkdir()
    league = League(folder, "connect4")
    league.add(Member("one", "id1", "main", "checkpoints/step-1", 1))
    recorder = Recorder(folder)
    with recorder.watching(monkeypatch):
        league.add(Member("two", "id2", "main", "checkpoints/step-2", 2))
    found = []
    for number, (_, tree) in enumerate(recorder.states()):
        found.append([m.name for m in League(lay_out(tree, tmp_path / f"{number}"), "connect4").members])
    for number, (_, tree) in enumerate(recorder.states(done=True)):
        last = League(lay_out(tree, tmp_path / f"done-{number}"), "connect4").members
        assert [m.name for m in last] == ["one", "two"]
    recorder.close()
    assert {tuple(names) for names in found} == {("one",), ("one", "two")}


def test_games_of_a_store_whose_log_is_torn_anywhere_are_the_first_ones(tmp_path):
    path = tmp_path / "league.sqlite"
    with Store.open(path) as store:
        for number in range(6):
            store.add(StoredGame(f"key {number}", "league", "connect4", "a", "b", "1", "2", 1, actions=(1,)))
        log = path.with_name("league.sqlite-wal").read_bytes()
        main = path.read_bytes()
    found = []
    for end in range(0, len(log) + 1, 1031):
        copy = tmp_path / f"{end}" / "league.sqlite"
        copy.parent.mkdir()
        copy.write_bytes(main)
        copy.with_name("league.sqlite-wal").write_bytes(log[:end])
        with Store.open(copy) as store:
            keys = [game.key for game in store.games()]
            assert keys == [f"key {number}" for number in range(len(keys))]
            found.append(len(keys))
            store.add(StoredGame("more", "league", "connect4", "a", "b", "1", "2", 0))
    assert found == sorted(found) and {0, 3, 5} <= set(found)


RECIPE = """
game: connect4
network: {blocks: 1, channels: 64, head_channels: 4, value_hidden: 8}
search: {simulations: 4, considered: 4}
rollouts: {games: 16, threads: 1, positions_per_update: 64, opening_plies: 2}
replay: {base: 500, min_positions: 32}
learner: {batch_size: 32, threads: 1, warmup_steps: 2}
checkpoint: {keep: 1, every_minutes: 0.00001}
evaluation: {every_minutes: 60, opponents: []}
stop: {updates: 20}
"""


def test_a_run_on_a_small_disk_ends_with_a_sentence_and_goes_on_with_more_room(tmp_path, capsys):
    room = tmp_path / "room"
    room.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1100k", "tmpfs", str(room)]).returncode:
        pytest.skip("no right to mount a file system")
    try:
        recipe = tmp_path / "tiny.yaml"
        recipe.write_text(RECIPE)
        assert cli.main(["train", str(recipe), "--run", str(room / "run")]) == 1
        sentence = capsys.readouterr().err.splitlines()[-1]
        assert sentence.startswith("tengen: error: ") and "No space left on device" in sentence
        assert not list((room / "run" / "checkpoints").glob(".tmp*"))
        subprocess.run(["mount", "-o", "remount,size=9m", str(room)], check=True)
        reached = list(checkpoints(room / "run"))[-1]
        assert cli.main(["train", "--resume", str(room / "run"), f"stop.updates={reached + 1}"]) == 0
        assert [row["step"] for row in read_metrics(room / "run")][-1] == reached + 1
    finally:
        subprocess.run(["umount", str(room)])
