"""A machine of a cluster: Ray's processes on it, with token authentication."""

import os
import subprocess
import sys
from pathlib import Path

from tengen.errors import MachineError
from tengen.selfplay.ray_cluster import ensure_token, first_line

START_S = 120.0
RAY = (sys.executable, "-m", "ray.scripts.scripts")


def start_head(port: int, dashboard_port: int, cpus: int | None = None) -> None:
    """Start a cluster here. Its job service listens on this machine only. Raises MachineError."""
    options = [f"--port={port}", "--include-dashboard=true"]
    options += ["--dashboard-host=127.0.0.1", f"--dashboard-port={dashboard_port}"]
    _start(["--head", *options], cpus)


def join(address: str, cpus: int | None = None) -> None:
    """Make this machine one of a cluster's. Raises MachineError."""
    from tengen.selfplay.ray_cluster import probe

    probe(address)
    _start([f"--address={address}"], cpus)


def stop() -> None:
    """End all of Ray's processes of this user on this machine."""
    _run(["stop", "--force"])


def _start(options: list[str], cpus: int | None) -> None:
    ensure_token()
    more = [f"--num-cpus={cpus}"] if cpus is not None else []
    _run(["start", *options, *more, "--disable-usage-stats"])


def _path() -> str:
    """Jobs are told to run `python`: this one."""
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])


def _run(arguments: list[str]) -> None:
    try:
        done = subprocess.run(
            [*RAY, *arguments],
            env=os.environ | {"RAY_AUTH_MODE": "token", "PATH": _path()},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=START_S,
        )
    except subprocess.TimeoutExpired as error:
        raise MachineError(f"'ray {arguments[0]}' did not end within {START_S:.0f} s") from error
    if done.returncode:
        lines = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        said = next((line for line in reversed(lines) if "Error" in line or "error" in line), "")
        raise MachineError(
            f"'ray {arguments[0]}' failed: {first_line(Exception(said or (lines or [''])[-1]))}"
        )
