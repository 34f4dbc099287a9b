"""What a Ray that is started here leaves behind: nothing, however this process ends."""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

LEAST_STORE_BYTES = 96 * 2**20  # Ray takes no less than 75 MiB
SPARE = 0.9  # of /dev/shm, so that others have some of it
FOLDER = "tengen-ray-"
# Reads until the other end of its input is closed, by us or by our death. Ray's processes then die with us,
# but for agents that try to tell of it for another minute: they are known by their files in the folder.
WARDEN = r"""
read _
for wait in 0 1 2 4 8; do
    sleep $wait
    left=
    for process in $(ls -l /proc/[0-9]*/fd 2>/dev/null | awk -v folder="-> $0/" '
        /^\/proc/ { split($0, part, "/"); process = part[3] }
        index($0, folder) { print process }' | sort -u); do
        case $(cat /proc/$process/comm 2>/dev/null) in
        ray*|gcs_server*) left="$left $process" ;;
        esac
    done
    [ -z "$left" ] || kill -9 $left
    rm -rf "$0"
    [ $wait = 0 ] || [ -n "$left" ] || [ -e "$0" ] || exit
done
"""


class Session:
    """The folder for Ray's logs, sockets and spilled objects, which a warden removes if we cannot."""

    def __init__(self) -> None:
        self.path = tempfile.mkdtemp(prefix=f"{FOLDER}{os.getpid()}-", dir="/tmp")  # sockets' paths are short
        try:
            self._warden: subprocess.Popen[bytes] | None = subprocess.Popen(
                ["sh", "-c", WARDEN, self.path],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is not for it
            )
        except OSError:
            self._warden = None

    def close(self) -> None:
        """Remove the folder, Ray having ended."""
        shutil.rmtree(self.path, ignore_errors=True)
        if self._warden is None:
            return
        with contextlib.suppress(OSError):
            assert self._warden.stdin is not None
            self._warden.stdin.close()  # now it sees to those that are still writing
        self._warden = None


_session: Session | None = None


def begin() -> dict[str, Any]:
    """Options of `ray.init` for a new Ray: a folder of its own for its files, unless RAY_TMPDIR is set."""
    global _session
    if os.environ.get("RAY_TMPDIR"):
        return {}
    if _session is None:
        _session = Session()
    return {"_temp_dir": _session.path}


def end() -> None:
    """Ray has ended: remove what it left."""
    global _session
    if _session is not None:
        _session.close()
        _session = None


def store_bytes(wanted: int, shm: Path = Path("/dev/shm")) -> int:
    """The size of an object store that fits into shared memory; says so where there is too little."""
    try:
        free = shutil.disk_usage(shm).free
    except OSError:
        return wanted  # not Linux
    if free >= wanted:
        return wanted
    if free * SPARE >= LEAST_STORE_BYTES:
        return int(free * SPARE)
    print(
        f"{shm} has {free / 2**20:.0f} MiB free, too little for Ray's objects, which go to the disk instead "
        "and are slower; more of it helps (Docker: --shm-size=1g)",
        file=sys.stderr,
    )
    return wanted


def quiet(ray: Any) -> None:
    """Let Ray's messages about its machines go to standard error, one line each; standard output is ours."""
    worker = getattr(getattr(ray, "_private", None), "worker", None)
    if worker is None or not hasattr(worker, "print_to_stdstream"):
        return
    show: Callable[..., None] = one_line_each
    worker.print_to_stdstream = show


def one_line_each(data: dict[str, Any], ignore_prefix: bool = False) -> None:
    """What Ray would print of a process; of its own processes only the first line."""
    for text in data.get("lines", [])[:1]:
        first = (str(text).strip().splitlines() or [""])[0]
        print(f"Ray: {first[:200]}", file=sys.stderr, flush=True)
