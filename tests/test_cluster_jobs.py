"""`tengen cluster` from its first word to its last, as docs/cluster.md has it."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from tengen._runtime import cache_root
from tengen.metrics import read_metrics
from tengen.rundir import checkpoints
from tests.test_train import RECIPE

pytestmark = pytest.mark.cluster

SCRIPT = """
set -eu
tengen() { "$PYTHON" -m tengen "$@"; }
tengen cluster up --port $PORT --jobs-port $JOBS --cpus 2
tengen cluster submit $RECIPE --run $RUN stop.updates=100000 rollouts.workers=1 --address $ADDRESS > submitted
job=$(sed -n 's/^job \\([^;]*\\);.*/\\1/p' submitted)
while [ ! -e $RUN/metrics.jsonl ] || [ $(wc -l < $RUN/metrics.jsonl) -lt 2 ]; do
    tengen cluster jobs --address $ADDRESS | grep -q 'PENDING\\|RUNNING' || break
    sleep 1
done
tengen cluster stop $job --address $ADDRESS
tengen cluster logs $job --follow --address $ADDRESS || echo "ended with $?"
tengen cluster jobs --address $ADDRESS
tengen cluster down
"""


def free_port() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])


def test_a_job_goes_up_runs_is_stopped_saved_and_its_cluster_goes_down(tmp_path):
    pytest.importorskip("aiohttp_cors", reason="Ray's job service is an extra")
    if os.geteuid() or not shutil.which("unshare"):
        pytest.skip("'ray stop' ends every Ray of this user: needs a view of processes of its own")
    recipe, run = tmp_path / "tiny.yaml", tmp_path / "run"
    recipe.write_text(RECIPE)
    short = tempfile.mkdtemp(prefix="tg", dir="/tmp")  # sockets' paths have 107 characters
    jobs = free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")} | {
        "HOME": str(tmp_path),
        "XDG_CACHE_HOME": str(cache_root().parent),
        "RAY_TMPDIR": short,
        "PYTHON": sys.executable,
        "PORT": free_port(),
        "JOBS": jobs,
        "ADDRESS": f"http://127.0.0.1:{jobs}",
        "RECIPE": str(recipe),
        "RUN": str(run),
    }
    began = time.monotonic()
    try:
        done = subprocess.run(
            ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child", "sh", "-c", SCRIPT],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=500,
        )
    finally:
        shutil.rmtree(short, ignore_errors=True)
    if "Operation not permitted" in done.stderr and time.monotonic() - began < 5:
        pytest.skip("may not have a view of its own")
    assert done.returncode == 0, done.stderr + done.stdout
    assert "a cluster is up" in done.stdout and "Ray has ended on this machine" in done.stdout
    assert "is asked to stop" in done.stdout and "STOPPED" in done.stdout
    assert f"{run}: connect4" in done.stdout  # what it printed
    rows = read_metrics(run)
    assert len(rows) >= 2 and max(checkpoints(run)) == rows[-1]["step"]  # it was saved before it ended
    token = Path(tmp_path, ".ray", "auth_token")
    assert token.stat().st_mode & 0o777 == 0o600
