"""A run on disk: one writer, whole lines, whole checkpoints."""

import errno
import json
import os
import signal
import subprocess
import sys
import textwrap

import pytest

from tengen.errors import MachineError, TengenError
from tengen.files import atomic_write_bytes
from tengen.metrics import read_metrics
from tengen.rundir import RunDir, checkpoints, free_run_path
from tests.crash_tools import Recorder, lay_out

CONFIG = "game: go5\n"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "runs" / "go5"


def save(run: RunDir, step: int, mark: bool = False) -> None:
    with run.new_checkpoint(step, mark) as folder:
        (folder / "weights").write_text(f"weights {step}")


def test_a_new_run_has_its_rooms_and_its_configuration(path):
    with RunDir.create(path, CONFIG) as run:
        run.log("hello")
        assert run.latest_checkpoint() is None
    assert (path / "config.yaml").read_text() == CONFIG
    assert (path / "log.txt").read_text().endswith(" hello\n")
    for room in ("checkpoints", "replay", "games", "tensorboard"):
        assert (path / room).is_dir()


def test_only_one_process_writes_to_a_run(path):
    with RunDir.create(path, CONFIG):
        for attempt in (RunDir.open, lambda at: RunDir.create(at, CONFIG)):
            with pytest.raises(TengenError, match=f"is in use by process {os.getpid()}"):
                attempt(path)
    RunDir.open(path).close()


def test_a_run_is_not_begun_over_another(path):
    RunDir.create(path, CONFIG).close()
    with pytest.raises(
        TengenError, match=f"already holds a run; resume it with 'tengen train --resume {path}'"
    ):
        RunDir.create(path, "game: go9\n")
    assert (path / "config.yaml").read_text() == CONFIG
    RunDir.open(path).close()  # the refusal left no lock behind


def test_a_run_killed_at_its_very_start_resumes(path):
    path.mkdir(parents=True)
    atomic_write_bytes(path / "config.yaml", CONFIG.encode())
    with RunDir.open(path) as run:
        save(run, 1)
    assert (path / "games").is_dir()


def test_a_run_needs_a_folder_of_its_own(tmp_path):
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(TengenError, match="a folder with other things in it"):
        RunDir.create(tmp_path, CONFIG)
    with pytest.raises(TengenError, match="is a file; a run needs a folder"):
        RunDir.create(tmp_path / "letter.txt", CONFIG)
    assert [entry.name for entry in tmp_path.iterdir()] == ["letter.txt"]


def test_what_is_no_run_cannot_be_opened(path):
    with pytest.raises(TengenError, match=r"is not a run \(it has no config.yaml\)$"):
        RunDir.open(path)
    RunDir.create(path, CONFIG).close()
    with pytest.raises(TengenError, match=r"runs/go6: is not a run .*; runs there: .*runs/go5$"):
        RunDir.open(path.with_name("go6"))


def test_a_free_name_is_found_beside_runs_that_are_there(path):
    assert free_run_path("go5", path.parent) == path
    RunDir.create(path, CONFIG).close()
    assert free_run_path("go5", path.parent).name == "go5-2"


def test_metrics_are_json_whatever_the_numbers(path):
    import numpy as np

    with RunDir.create(path, CONFIG) as run:
        run.append_metrics(
            {"step": 1, "loss": np.float32(0.5), "rate": float("nan"), "best": float("inf"), "note": "x"}
        )
    (line,) = (path / "metrics.jsonl").read_text().splitlines()
    row = json.loads(line)
    assert row.pop("time") > 0
    assert row == {"step": 1, "loss": 0.5, "rate": None, "best": None, "note": "x"}


def test_scalars_reach_tensorboard(path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    with RunDir.create(path, CONFIG) as run:
        for step in (1, 2):
            run.append_metrics({"step": step, "loss": 1 / step})
    events = EventAccumulator(str(path / "tensorboard"))
    events.Reload()
    assert [(event.step, event.value) for event in events.Scalars("loss")] == [(1, 1.0), (2, 0.5)]


def test_resuming_forgets_what_came_after_the_checkpoint(path):
    with RunDir.create(path, CONFIG) as run:
        run.append_metrics({"note": "begun"})
        for step in range(1, 6):
            run.append_metrics({"step": step})
            if step == 3:
                save(run, step)
    with open(path / "metrics.jsonl", "a") as file:
        file.write('{"step": 6, "lo')  # torn by a kill
    with RunDir.open(path) as run:
        assert [row.get("step") for row in read_metrics(path)] == [None, 1, 2, 3]
        run.append_metrics({"step": 4})
        run.rewind(2)
        run.append_metrics({"step": 3})
    assert [row.get("step") for row in read_metrics(path)] == [None, 1, 2, 3]


def test_a_torn_line_alone_is_cut(path):
    with RunDir.create(path, CONFIG) as run:
        run.append_metrics({"step": 1})
        save(run, 1)
    whole = (path / "metrics.jsonl").read_bytes()
    (path / "metrics.jsonl").write_bytes(whole + b"\x00\x00{")
    RunDir.open(path).close()
    assert (path / "metrics.jsonl").read_bytes() == whole


def test_the_newest_and_the_marked_checkpoints_stay(path):
    with RunDir.create(path, CONFIG, keep=2) as run:
        for step in (10, 20, 30, 40, 12000):
            save(run, step, mark=step == 20)
        assert list(checkpoints(path)) == [20, 40, 12000]
        step, folder = run.latest_checkpoint()
        assert (step, folder.name) == (12000, "step-00012000")
        assert (folder / "weights").read_text() == "weights 12000"
    assert sorted(entry.name for entry in (path / "checkpoints").iterdir())[0] == "step-00000020"


def test_a_checkpoint_of_the_same_step_takes_the_place_of_the_old(path):
    with RunDir.create(path, CONFIG) as run:
        save(run, 7)
        with run.new_checkpoint(7) as folder:
            (folder / "weights").write_text("better")
        assert (checkpoints(path)[7] / "weights").read_text() == "better"
    assert [entry.name for entry in (path / "checkpoints").iterdir()] == ["step-00000007"]


@pytest.mark.parametrize(
    "fault", [RuntimeError("no"), KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left")]
)
def test_a_checkpoint_that_fails_leaves_nothing(path, fault):
    with RunDir.create(path, CONFIG) as run:
        save(run, 1)
        expected = MachineError if isinstance(fault, OSError) else type(fault)
        with pytest.raises(expected), run.new_checkpoint(2) as folder:
            (folder / "weights").write_text("half")
            raise fault
        assert [entry.name for entry in (path / "checkpoints").iterdir()] == ["step-00000001"]


def test_a_checkpoint_of_the_same_step_is_the_old_or_the_new_one_wherever_it_is_cut_short(path, monkeypatch):
    run = RunDir.create(path, CONFIG)
    save(run, 7)
    recorder = Recorder(path)
    with run, recorder.watching(monkeypatch), run.new_checkpoint(7) as folder:
        (folder / "weights").write_text("better")
    found = set()
    for number, (how, tree) in enumerate(recorder.states()):
        again = lay_out(tree, path.parent / f"{number}")
        RunDir.open(again).close()
        found.add((checkpoints(again)[7] / "weights").read_text())
        assert [entry.name for entry in (again / "checkpoints").iterdir()] == ["step-00000007"], how
    recorder.close()
    assert found == {"weights 7", "better"}


def test_a_file_system_without_locks_is_one_sentence(path, monkeypatch):
    def none(descriptor, operation):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", none)
    with pytest.raises(
        MachineError, match=r"cannot be locked \(No locks available\), .*; mount its file system"
    ):
        RunDir.create(path, CONFIG)


def test_the_holder_on_another_machine_is_named(path):
    with RunDir.create(path, CONFIG):
        (path / ".lock").write_text("77 far-away\n")
        with pytest.raises(TengenError, match="is in use by process 77 on far-away; wait for it"):
            RunDir.open(path)


def test_a_killed_writer_leaves_a_run_that_resumes(path):
    program = f"""
        import os, signal
        from pathlib import Path
        from tengen.rundir import RunDir
        run = RunDir.create(Path({str(path)!r}), {CONFIG!r})
        for step in (1, 2, 3):
            run.append_metrics({{"note": "no scalars", "step": step}})
            with run.new_checkpoint(step) as folder:
                (folder / "weights").write_text("w")
                if step == 3:
                    os.kill(os.getpid(), signal.SIGKILL)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], timeout=120)
    assert done.returncode == -signal.SIGKILL
    assert any(entry.name.startswith(".tmp-") for entry in (path / "checkpoints").iterdir())
    with RunDir.open(path) as run:
        assert run.latest_checkpoint()[0] == 2
        assert [row["step"] for row in read_metrics(path)] == [1, 2]
        assert sorted(entry.name for entry in (path / "checkpoints").iterdir()) == [
            "step-00000001",
            "step-00000002",
        ]


def test_a_full_disk_is_one_sentence_and_no_half_line(path, monkeypatch):
    with RunDir.create(path, CONFIG) as run:
        run.append_metrics({"note": "fits"})
        whole = (path / "metrics.jsonl").read_bytes()

        class FullDisk:
            def __init__(self, file):
                self.file = file

            def write(self, data):
                return self.file.write(data[:5])  # what a nearly full disk takes

            def __getattr__(self, name):
                return getattr(self.file, name)

        run._metrics._file = FullDisk(run._metrics._file)
        with pytest.raises(MachineError, match=r"metrics\.jsonl: cannot write: No space left on device"):
            run.append_metrics({"note": "does not"})
        assert (path / "metrics.jsonl").read_bytes() == whole


def test_no_permission_is_the_machines_fault(path, monkeypatch):
    def refuse(*args, **kwargs):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("pathlib.Path.mkdir", refuse)
    with pytest.raises(MachineError, match="cannot make the run directory: Permission denied"):
        RunDir.create(path, CONFIG)
    assert not path.exists()


def test_an_atomic_write_that_fails_keeps_the_old_file(tmp_path, monkeypatch):
    file = tmp_path / "state.json"
    atomic_write_bytes(file, b"old")

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(MachineError, match="No space left"):
        atomic_write_bytes(file, b"new")
    assert file.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["state.json"]


def test_a_link_stays_a_link_and_a_device_a_device(tmp_path):
    file, link, pipe = tmp_path / "file", tmp_path / "link", tmp_path / "pipe"
    link.symlink_to(file)
    atomic_write_bytes(link, b"new")
    assert link.is_symlink() and file.read_bytes() == b"new"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    atomic_write_bytes(pipe, b"said")
    assert os.read(reader, 9) == b"said" and pipe.is_fifo()
    os.close(reader)
