"""Runs kept at a URL: what a reader finds there, who may write, what goes on when the store does not."""

import contextlib
import itertools
import json
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from tengen import cli
from tengen.errors import MachineError, TengenError
from tengen.metrics import read_metrics
from tengen.remote import lease as leases
from tengen.remote import mirror as mirrors
from tengen.remote.fetch import fetch
from tengen.remote.lease import Lease
from tengen.remote.manifest import Manifest, manifests
from tengen.remote.place import Place, as_url
from tengen.remote.session import RemoteRun
from tengen.rundir import RunDir, checkpoints

CONFIG = "game: go5\n"
NUMBERS = itertools.count()


class Faulty(MemoryFileSystem):
    """A store in memory that fails: from a write on, for so many, half of the object being there."""

    protocol = "faulty"
    cachable = False
    writes = 0
    fails: range = range(0)
    lock = threading.Lock()

    def pipe_file(self, path, value, mode="overwrite", **kwargs):
        """See fsspec."""
        self._count(path, value)
        super().pipe_file(path, value, mode=mode, **kwargs)

    def put_file(self, lpath, rpath, callback=None, **kwargs):
        """See fsspec."""
        data = Path(lpath).read_bytes()
        self._count(rpath, data)
        super().pipe_file(rpath, data)

    def _count(self, path: str, data: bytes) -> None:
        with Faulty.lock:
            Faulty.writes += 1
            number = Faulty.writes
        if number in Faulty.fails:
            super().pipe_file(path, data[: len(data) // 2])
            raise OSError(f"the line is cut at write {number}")


fsspec.register_implementation("faulty", Faulty, clobber=True)


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """A place of its own in a store that can be made to fail, and this machine's folders."""
    machine(monkeypatch, tmp_path / "here")
    monkeypatch.setattr(leases, "HEARTBEAT_S", 3600.0)
    monkeypatch.setattr("tengen.metrics.MetricsLog._add_scalars", lambda *row: None)  # TensorBoard's
    monkeypatch.setattr(mirrors, "FIRST_RETRY_S", 0.001)
    Faulty.fails, Faulty.writes = range(0), 0
    yield f"faulty://runs{next(NUMBERS)}/go5"
    Faulty.fails = range(0)


def machine(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Be another machine, whose folders are here."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))


def save(run: RunDir, step: int, mark: bool = False) -> None:
    """One turn of a run: a shard of the replay, a checkpoint that needs it and the one before, metrics."""
    (run.path / "replay" / f"shard-{step:08d}.safetensors").write_text(f"games {step}" * 50)
    (run.path / "replay" / f"shard-{step - 2:08d}.safetensors").unlink(missing_ok=True)
    run.append_metrics({"step": step, "note": "no scalars"})
    with run.new_checkpoint(step, mark) as folder:
        (folder / "weights.safetensors").write_text(f"weights {step}" * 100)
        (folder / "state.json").write_text(json.dumps({"shards": [s for s in (step - 1, step) if s > 0]}))


def check(run: Path) -> int:
    """That a run's newest checkpoint and the replay are of one save; its step."""
    step, folder = list(checkpoints(run).items())[-1]
    assert (folder / "weights.safetensors").read_text() == f"weights {step}" * 100
    for shard in json.loads((folder / "state.json").read_text())["shards"]:
        assert (run / "replay" / f"shard-{shard:08d}.safetensors").read_text() == f"games {shard}" * 50
    return step


@contextlib.contextmanager
def training(url: str, resume: bool = False) -> Iterator[RunDir]:
    """A run at a URL."""
    with RemoteRun(url, resume=resume) as remote:
        make = RunDir.open(remote.path) if resume else RunDir.create(remote.path, CONFIG)
        with make as run, remote.mirrored(run):
            yield run


def fetched(url: str, folder: Path) -> int:
    """The newest save as a reader finds it, into a new folder; the step of its newest checkpoint, or 0."""
    manifest = fetch(Place(url), folder)
    assert manifest.step == max(checkpoints(folder), default=0)
    return check(folder) if manifest.step else 0


def objects(url: str) -> set[str]:
    return set(Place(url).names("data"))


# --- what is there ------------------------------------------------------------------------------------


def test_another_machine_goes_on_where_the_first_stopped(url, monkeypatch, tmp_path):
    with training(url) as run:
        for step in (1, 2, 3, 4, 5):
            save(run, step, mark=step == 1)
        (run.path / "tensorboard" / "events").write_text("drawn again by whoever goes on")
    machine(monkeypatch, tmp_path / "there")
    with training(url, resume=True) as run:
        assert str(run.path).startswith(str(tmp_path / "there")) and run.name == url
        assert check(run.path) == 5 and list(checkpoints(run.path)) == [1, 3, 4, 5]
        assert [row["step"] for row in read_metrics(run.path)] == [1, 2, 3, 4, 5]
        assert (run.path / "config.yaml").read_text() == CONFIG
        save(run, 6)
    assert fetched(url, tmp_path / "read") == 6
    machine(monkeypatch, tmp_path / "here")
    with training(url, resume=True) as run:  # the first has an older state, and no unknown one
        assert check(run.path) == 6
    assert not list((tmp_path / "here").rglob("*.left-*"))


def test_nothing_is_kept_that_no_save_names(url):
    with training(url) as run:
        for step in range(1, 12):
            save(run, step)
    named = {entry.object for manifest in manifests(Place(url)) for entry in manifest.files.values()}
    assert objects(url) == named
    assert len(manifests(Place(url))) == 2
    paths = {path for path in manifests(Place(url))[0].files if path.startswith("checkpoints")}
    assert {path.split("/")[1] for path in paths} == {f"step-{step:08d}" for step in (9, 10, 11)}


def test_a_file_is_copied_once(url, monkeypatch):
    copied = []
    upload = Place.upload
    monkeypatch.setattr(
        Place, "upload", lambda self, file, name: (copied.append(name), upload(self, file, name))
    )
    with training(url) as run:
        for step in (1, 2, 3):
            save(run, step)
    weights = [name for name in copied if "weights" in name or "shard" in name]
    assert len(weights) == len(set(weights))


def test_games_of_the_league_are_copied_whole_while_another_has_the_store_open(url, tmp_path):
    with training(url) as run:
        base = sqlite3.connect(run.path / "league.sqlite")
        base.execute("PRAGMA journal_mode = WAL")
        base.execute("CREATE TABLE games (number)")
        base.executemany("INSERT INTO games VALUES (?)", [(n,) for n in range(100)])
        base.commit()
        save(run, 1)
    base.close()
    fetched(url, tmp_path / "read")
    with contextlib.closing(sqlite3.connect(tmp_path / "read" / "league.sqlite")) as copy:
        assert copy.execute("SELECT count(*) FROM games").fetchone() == (100,)


def test_a_reader_finds_a_whole_save_whichever_write_fails(url, tmp_path, capsys):
    """Every write in turn is the one at which the line is cut, and it stays cut."""
    with training(url) as run:
        for step in (1, 2):
            save(run, step)
    first = Faulty.writes
    for cut in itertools.count(first + 1):
        Faulty.fails = range(cut, 10**9)
        Faulty.writes = first
        try:
            with RemoteRun(url, resume=True) as remote, RunDir.open(remote.path) as run:
                with contextlib.suppress(MachineError), remote.mirrored(run):
                    save(run, list(checkpoints(run.path))[-1] + 1)
                newest = check(run.path)
        except TengenError as error:
            assert "the line is cut" in str(error)  # the lease was not to be had: nothing is begun
            newest = 0
        is_over = Faulty.writes < cut
        Faulty.fails = range(0)
        found = fetched(url, tmp_path / str(cut))
        assert found == newest if is_over else 2 <= found <= max(newest, found)
        if is_over:
            break
    assert cut > first + 10  # the lease, shard, checkpoint, metrics, log, manifest, twice
    assert "training goes on, and what is saved is copied there as soon" in capsys.readouterr().err
    with training(url, resume=True) as run:
        newest = check(run.path)
    assert fetched(url, tmp_path / "last") == newest
    named = {entry.object for manifest in manifests(Place(url)) for entry in manifest.files.values()}
    assert objects(url) == named


def test_what_a_store_could_not_take_is_copied_when_it_can(url, tmp_path, capsys):
    with training(url) as run:
        save(run, 1)
        Faulty.fails = range(Faulty.writes + 1, Faulty.writes + 8)
        save(run, 2)
        save(run, 3)
        while Faulty.writes < Faulty.fails.stop:
            threading.Event().wait(0.001)
    said = capsys.readouterr().err
    assert said.count("training goes on") == 1 and "takes the run's saves again" in said
    assert fetched(url, tmp_path / "read") == 3


def test_a_run_whose_end_is_not_copied_says_so_and_goes_on_from_here(url, tmp_path, capsys):
    expected = pytest.raises(MachineError, match=r"saved last is in .* only \(.*the line is cut")
    with expected as fault, training(url) as run:
        save(run, 1)
        Faulty.fails = range(Faulty.writes + 1, 10**9)
        save(run, 2)
    assert str(run.path) in str(fault.value)
    Faulty.fails = range(0)
    with training(url, resume=True) as run:
        assert check(run.path) == 2
    assert fetched(url, tmp_path / "read") == 2


def test_work_that_never_got_there_is_kept_when_another_machine_has_gone_on(
    url, monkeypatch, tmp_path, capsys
):
    with pytest.raises(MachineError), training(url) as run:
        save(run, 1)
        while not (manifests(Place(url)) and manifests(Place(url))[0].step):
            threading.Event().wait(0.001)
        Faulty.fails = range(Faulty.writes + 1, 10**9)
        save(run, 2)
    Faulty.fails = range(0)
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # the minute until a silent owner is dead
    machine(monkeypatch, tmp_path / "there")
    with training(url, resume=True) as run:
        assert check(run.path) == 1
        save(run, 2)
        save(run, 3)
    machine(monkeypatch, tmp_path / "here")
    capsys.readouterr()
    with training(url, resume=True) as run:
        assert check(run.path) == 3
        (aside,) = run.path.parent.glob("go5.left-*")
        assert check(aside) == 2
    assert f"not copied there is in {aside}" in capsys.readouterr().err


def test_a_damaged_object_is_noticed_and_the_save_before_is_taken(url, tmp_path):
    with training(url) as run:
        save(run, 1)
    place = Place(url)
    good = manifests(place)[0]
    weights = "checkpoints/step-00000001/weights.safetensors"
    damaged = replace(good.files[weights], object="data/damaged")
    place.write("data/damaged", b"w" * damaged.size)
    later = Manifest(good.lease, good.number + 1, "aa", {**good.files, weights: damaged})
    place.write(later.name, later.to_bytes())
    said: list[str] = []
    assert fetch(place, tmp_path / "read", say=said.append) == good
    assert "its newest save cannot be read, the one before it is taken" in said[0]
    assert "data/damaged is damaged; it is not what was written there" in said[0]
    for manifest in manifests(place)[1:]:
        place.remove(manifest.name)
    with pytest.raises(MachineError, match="data/damaged is damaged"):
        fetch(place, tmp_path / "elsewhere")


def test_a_manifest_that_is_half_there_or_points_elsewhere_counts_for_nothing(url, tmp_path):
    with training(url) as run:
        save(run, 1)
    place = Place(url)
    good = manifests(place)[0]
    data = good.to_bytes()
    place.write("manifests/00000009-00000001.json", data[: len(data) // 2])
    place.write("manifests/00000009-00000002.json", data.replace(b"state.json", b"stale.json"))
    entry = next(iter(good.files.values()))
    evil = Manifest(9, 3, "x", {"../../outside": entry, "/etc/outside": entry})
    place.write(evil.name, evil.to_bytes())
    assert manifests(place)[0] == good and fetched(url, tmp_path / "read") == 1


# --- who may write ------------------------------------------------------------------------------------


def test_a_second_machine_is_refused_while_the_first_lives(url):
    first = Lease.take(Place(url), "aa")
    with pytest.raises(TengenError, match=rf"{url}: is in use by process \d+ on .*; wait for it to end or"):
        Lease.take(Place(url), "bb", wait=lambda seconds: first._write())
    first.release()
    assert Lease.take(Place(url), "bb", wait=pytest.fail).number == 2


def test_the_dead_are_succeeded_after_a_minute_and_their_late_writes_count_for_nothing(url):
    place, waited = Place(url), []
    first = Lease.take(place, "aa")
    second = Lease.take(place, "bb", wait=waited.append)
    assert sum(waited) == leases.LAPSE_S and second.number > first.number
    assert second.holds() and not first.holds() and "process" in (first.lost_to or "")
    late, new = Manifest(first.number, 99, "aa", {}), Manifest(second.number, 1, "bb", {})
    for manifest in (new, late):
        place.write(manifest.name, manifest.to_bytes())
    assert manifests(place)[0] == new


def test_who_was_killed_takes_its_own_up_at_once(url):
    Lease.take(Place(url), "aa")
    assert Lease.take(Place(url), "aa", wait=pytest.fail).number == 2


class Turns(Place):
    """A place each of whose requests waits for its turn."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.mine, self.back, self.is_done = threading.Semaphore(0), threading.Semaphore(0), False

    def step(self) -> None:
        """Say that a request would come now, and wait until it may."""
        self.back.release()
        self.mine.acquire()

    def go(self) -> None:
        """Let one request through, and what follows up to the next."""
        if not self.is_done:
            self.mine.release()
            self.back.acquire()

    def read(self, name):
        self.step()
        return super().read(name)

    def names(self, folder=""):
        self.step()
        return super().names(folder)

    def write(self, name, data):
        self.step()
        super().write(name, data)


def test_of_two_that_claim_at_once_in_whatever_order_one_holds_the_place(url):
    """The first eight requests in every order; then the one goes on to its end, and then the other."""
    for order in itertools.product((0, 1), repeat=8):
        place = f"{url}{''.join(map(str, order))}"
        turns, taken = [Turns(place), Turns(place)], []

        def claim(me: int, turns: list[Turns] = turns, taken: list[Lease] = taken) -> None:
            with contextlib.suppress(TengenError):
                taken.append(Lease.take(turns[me], "ab"[me], wait=lambda seconds: turns[me].step()))
            turns[me].is_done = True
            turns[me].back.release()

        threads = [threading.Thread(target=claim, args=(me,), daemon=True) for me in (0, 1)]
        for thread, turn in zip(threads, turns, strict=True):
            thread.start()
            turn.back.acquire()
        for me in order:
            turns[me].go()
        for turn in turns:
            while not turn.is_done:
                turn.go()
        for lease in taken:
            lease.place = Place(place)
        assert sum(lease.holds() for lease in taken) == 1, order


def test_a_run_that_was_taken_over_leaves_the_place_alone(url, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # the minute until a silent owner is dead
    with pytest.raises(MachineError, match="was taken over by process"), training(url) as run:
        save(run, 1)
        while not (manifests(Place(url)) and manifests(Place(url))[0].step):
            threading.Event().wait(0.001)
        machine(monkeypatch, tmp_path / "there")
        with training(url, resume=True) as other:  # the first has hung for a minute, and comes back
            assert check(other.path) == 1
            save(other, 2)
        before = objects(url)
        save(run, 7)
    assert "its saves stay in" in capsys.readouterr().err
    named = {entry.object for manifest in manifests(Place(url)) for entry in manifest.files.values()}
    assert named <= before and manifests(Place(url))[0].step == 2
    assert fetched(url, tmp_path / "read") == 2


def test_two_processes_of_a_machine_are_told_apart_by_its_lock(url):
    with training(url) as run:
        save(run, 1)
        with pytest.raises(TengenError, match=rf"{url}: is in use by process \d+; wait for it"):
            RemoteRun(url, resume=True).__enter__()


# --- names and sentences --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("s3://bucket/runs/go9/", "s3://bucket/runs/go9"),
        ("S3://bucket/x", "s3://bucket/x"),
        ("file:///shared/go9", "file:///shared/go9"),
        ("runs/go9", None),
        ("/a:/b", None),
        ("s3:/bucket", None),
        (Path("s3://bucket/runs/go9"), "s3://bucket/runs/go9"),
        (Path("file:///shared/go9"), "file:///shared/go9"),
        (Path("runs/go9"), None),
    ],
)
def test_urls_are_told_from_paths(text, url):
    assert as_url(text) == url


def fault(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 2) -> str:
    """The one sentence that a command ends with."""
    assert cli.main([*arguments]) == code
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("tengen: error: ")
    return line.removeprefix("tengen: error: ")


RECIPE = """
game: connect4
network: {blocks: 1, channels: 8, head_channels: 4, value_hidden: 8}
search: {simulations: 4, considered: 4}
rollouts: {games: 16, threads: 1, positions_per_update: 64, opening_plies: 2}
replay: {base: 500, min_positions: 32}
learner: {batch_size: 32, threads: 1, warmup_steps: 2}
evaluation: {every_minutes: 60, games: 2, simulations: 2, opponents: [random]}
stop: {updates: 2}
"""


@pytest.fixture
def recipe(tmp_path: Path) -> str:
    path = tmp_path / "tiny.yaml"
    path.write_text(RECIPE)
    return str(path)


def test_what_is_wrong_with_a_place_is_said_before_training(recipe, url, tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("")
    for place, sentence in {
        "fille:///x/y": "fille:// is no store that Tengen knows; did you mean file://?",
        "nonsense://bucket/x": "nonsense:// is no store that Tengen knows; s3://, gs://, file:// are",
        "s3://": "names no bucket or folder; write it as s3://BUCKET/FOLDER",
        f"file://{tmp_path}/file/x": "cannot be ",
        "file:///proc/nowhere/x": "cannot be ",
    }.items():
        assert sentence in fault(capsys, "train", recipe, "--run", place)
    assert "is not a run; one is begun with 'tengen train CONFIG --run" in fault(
        capsys, "train", "--resume", url
    )
    assert "is not a run" in fault(capsys, "ratings", url)
    Faulty.fails = range(10**9)
    assert "cannot be written (the line is cut" in fault(capsys, "train", recipe, "--run", url)
    assert not checkpoints(RemoteRun(url, resume=False).path)


def test_what_is_not_a_runs_is_never_touched(recipe, url, tmp_path, capsys):
    """A place in which other things are is refused, and what looks like none of ours is never removed."""
    shared = tmp_path / "shared"
    (shared / "data" / "00000001").mkdir(parents=True)
    mine = [
        shared / "data" / "photo.jpg",
        shared / "data" / "00000001" / "x.csv",
        shared / "lease" / "flat.pdf",
    ]
    for file in mine:
        file.parent.mkdir(exist_ok=True)
        file.write_text("dear to somebody")
    with training(f"file://{shared}") as run:
        for step in range(1, 6):
            save(run, step)
    assert all(file.read_text() == "dear to somebody" for file in mine)
    (tmp_path / "full" / "letters").mkdir(parents=True)
    full = f"file://{tmp_path}/full"
    assert "has other things in it (letters); a run needs a place of its own" in fault(
        capsys, "train", recipe, "--run", full
    )
    with RunDir.create(tmp_path / "plain", CONFIG):
        pass
    assert "holds a run as plain files; name its folder as a path" in fault(
        capsys, "train", "--resume", f"file://{tmp_path}/plain"
    )


def test_a_missing_package_is_named_with_its_remedy(monkeypatch, capsys, recipe):
    def missing(url):
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr("fsspec.core.url_to_fs", missing)
    assert "needs a package that is not here: pip install 'tengen[s3]'" in fault(
        capsys, "train", recipe, "--run", "s3://bucket/x"
    )
    assert "pip install 'tengen[gcs]'" in fault(capsys, "train", "--resume", "gs://bucket/x")


def test_training_at_a_url_from_the_command_line(recipe, url, tmp_path, monkeypatch, capsys):
    shared = f"file://{tmp_path}/shared/run"
    assert cli.main(["train", recipe, "--run", shared]) == 0
    assert "already holds a run; resume it with" in fault(capsys, "train", recipe, "--run", shared)
    machine(monkeypatch, tmp_path / "there")
    assert cli.main(["train", "--resume", shared, "stop.updates=3"]) == 0
    assert manifests(Place(shared))[0].step == 3
    (run,) = (tmp_path / "there").glob("tengen/runs/*/run")
    assert [row["step"] for row in read_metrics(run)] == [1, 2, 3]
    machine(monkeypatch, tmp_path / "reader")
    capsys.readouterr()
    assert cli.main(["ratings", shared]) == 0
    assert "update 3" in capsys.readouterr().out
    assert cli.main(["league", shared]) == 0
    for opponent in (shared, f"{shared}/latest", f"{shared}/checkpoints/step-00000002"):
        assert cli.main(["match", f"policy:{opponent}", "random", "--game", "connect4", "--games", "2"]) == 0
    assert "there is no such checkpoint; there are checkpoints/step-" in fault(
        capsys, "match", f"policy:{shared}/checkpoints/step-77", "random", "--game", "connect4"
    )
    assert "there is no run" in fault(capsys, "match", f"policy:{url}", "random", "--game", "connect4")
    assert "which only the run writes to" in fault(capsys, "league", "import", shared, recipe)
