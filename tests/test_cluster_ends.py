"""How training ends when what it stands on is killed: what came is kept, and nothing goes on without it."""

import os
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import psutil
import pytest

from tengen.metrics import read_metrics
from tengen.rundir import checkpoints
from tests.cluster_tools import Watch
from tests.test_train import RECIPE, start, wait_for

pytestmark = pytest.mark.cluster
MANY = "stop.updates=100000"


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "tiny.yaml"
    path.write_text(RECIPE)
    return str(path)


@pytest.fixture(autouse=True)
def leaves_nothing():
    """Processes, shared memory and folders of ours and of Ray's are as they were, in the end."""
    watch = Watch()
    yield watch
    watch.end()


def child(process: subprocess.Popen[str], name: str) -> psutil.Process:
    """A process that training has started."""
    found = psutil.Process(process.pid).children(recursive=True)
    return next(one for one in found if name in " ".join(one.cmdline()[:1]))


def impatient(*arguments: str) -> subprocess.Popen[str]:
    """`tengen train` that looks at its cluster all the time."""
    program = """
        import sys
        from tengen import cli
        from tengen.selfplay import ray_health
        ray_health.PATIENCE_S = 2.0
        sys.exit(cli.main(["train", *sys.argv[1:]]))
    """
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def rows_after(process: subprocess.Popen[str], run: Path, count: int) -> None:
    wait_for(process, lambda: run.exists() and len(read_metrics(run)) >= count)


def test_a_learner_that_is_killed_takes_all_along_and_goes_on_from_its_checkpoint(
    recipe, tmp_path, leaves_nothing
):
    run = tmp_path / "run"
    often = "checkpoint.every_minutes=0.001"
    process = start(recipe, "--run", str(run), "rollouts.workers=2", often, MANY)
    learns = lambda: read_metrics(run)[-1]["learner_steps"] > 0  # noqa: E731
    wait_for(process, lambda: run.exists() and len(checkpoints(run)) >= 2 and learns())
    process.send_signal(signal.SIGKILL)
    process.communicate()
    leaves_nothing.end()
    saved = max(checkpoints(run))
    games = next(row["games"] for row in read_metrics(run) if row["step"] == saved)
    again = start("--resume", str(run), f"stop.updates={saved + 1}")
    _, err = again.communicate(timeout=240)
    assert again.returncode == 0, err
    rows = read_metrics(run)
    assert [row["step"] for row in rows] == list(range(1, saved + 2)) and rows[-1]["games"] > games
    assert rows[-1]["learner_steps"] == rows[-1]["positions"] * 2 // 32  # and the replay was whole


@pytest.mark.parametrize(
    ("killed", "devices", "sentence"),
    [
        ("raylet/raylet", 1, "this machine is no part of the Ray cluster any more"),
        ("raylet/raylet", 2, "this machine is no part of the Ray cluster any more"),
        ("gcs/gcs_server", 1, "the head of the Ray cluster at .* does not answer any more"),
    ],
)
def test_training_that_loses_its_ray_is_saved_and_says_so(recipe, tmp_path, killed, devices, sentence):
    import re

    run = tmp_path / "run"
    several = f"learner.devices={devices}"
    process = impatient(recipe, "--run", str(run), "rollouts.workers=1", several, MANY)
    rows_after(process, run, 3)
    child(process, killed).kill()
    _, err = process.communicate(timeout=120)
    (said,) = [line for line in err.splitlines() if line.startswith("tengen: error: ")]
    assert process.returncode == 1 and re.search(sentence, said) and "--resume" in said
    assert "Traceback" not in err
    assert max(checkpoints(run)) == read_metrics(run)[-1]["step"]  # games that came are kept


def test_shared_memory_that_is_too_small_is_said_and_does_without(recipe, tmp_path):
    if os.geteuid() or not shutil.which("unshare"):
        pytest.skip("needs a mount of its own")
    run = tmp_path / "run"
    train = f"{sys.executable} -m tengen train {recipe} --run {run} rollouts.workers=1 stop.updates=2"
    small = "mount -t tmpfs -o size=32m tmpfs /dev/shm"
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", f"{small} && {train}"], capture_output=True, text=True, timeout=240
    )
    if "Operation not permitted" in done.stderr:
        pytest.skip("may not mount")
    assert done.returncode == 0, done.stderr
    assert "/dev/shm has 32 MiB free, too little for Ray's objects" in done.stderr
    assert len(read_metrics(run)) == 2
