"""Training as a job of a Ray cluster: its code goes along, and nobody without the token can send one."""

import contextlib
import http.client
import json
import logging
import os
import re
import shutil
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tengen
from tengen.errors import MachineError, TengenError
from tengen.selfplay.ray_cluster import ensure_token, first_line

PATIENCE_S = 10.0
SAVING_S = 120  # that a job has to save itself when it is stopped, before it is killed
RECIPE = "recipe.yaml"
OVERRIDING = ("RAY_API_SERVER_ADDRESS", "RAY_ADDRESS")  # by which Ray's client would go to another cluster
UNNEEDED = ("__pycache__", "*.pyc")
WHY = (
    "whoever reaches its port can run any program on the cluster's machines (CVE-2023-48022: Ray's job "
    "service does so by design); start it by 'tengen cluster up', or set RAY_AUTH_MODE=token for 'ray start'"
)


def check(address: str, *, allow_open: bool = False) -> bool:
    """Whether the job service at an http address asks who we are; where it does not, allow_open must be set.

    Raises MachineError where nobody answers, or somebody else; TengenError where the address is none, and
    where the service is open to everybody.
    """
    if not _is_address(address):
        hint = " ('ray://' is for other uses)" if address.startswith("ray://") else ""
        shown = address if address.isprintable() else ascii(address)
        raise TengenError(
            f"address {shown}: a job service has an address such as http://127.0.0.1:8265{hint}"
        )
    try:
        with urllib.request.urlopen(f"{address.rstrip('/')}/api/version", timeout=PATIENCE_S) as answer:
            found = json.load(answer)
    except urllib.error.HTTPError as error:
        if error.code in (401, 403):
            return True
        raise MachineError(f"{address}: is no job service of Ray (it answered {error.code})") from error
    except http.client.HTTPException as error:
        raise MachineError(f"{address}: is no job service of Ray (what answers speaks no HTTP)") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise MachineError(
            f"{address}: no job service of Ray answers ({first_line(Exception(reason))}); start one with "
            "'tengen cluster up', or forward its port with 'ssh -L 8265:127.0.0.1:8265 HOST'"
        ) from error
    if not isinstance(found, dict) or "ray_version" not in found:
        raise MachineError(f"{address}: is no job service of Ray")
    if not allow_open:
        raise TengenError(f"{address}: asks for no token, and {WHY}; --open sends the job all the same")
    return False


def _is_address(address: str) -> bool:
    """Whether it is the URL of a server."""
    if not address.startswith(("http://", "https://")) or not address.isprintable() or " " in address:
        return False
    try:
        parts = urllib.parse.urlsplit(address)
        (parts.hostname or "").encode("idna")
        return bool(parts.hostname) and parts.port != 0 and parts.path.isascii()
    except ValueError:  # of the port, the brackets, the name
        return False


@contextlib.contextmanager
def _without(*variables: str) -> Iterator[None]:
    """Environment variables are not there inside."""
    hidden = {name: os.environ.pop(name) for name in variables if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(hidden)


class Jobs:
    """The jobs of a cluster."""

    def __init__(self, address: str, *, allow_open: bool = False) -> None:
        """Raises TengenError, MachineError."""
        self._asks = check(address, allow_open=allow_open)
        if self._asks:
            ensure_token()
        try:
            from ray.job_submission import JobSubmissionClient
        except ImportError as error:
            raise MachineError(
                "jobs need more of Ray than is installed; pip install 'tengen[cluster]'"
            ) from error
        self.address = address
        # It tells of every file that it sends.
        logging.getLogger("ray.dashboard.modules.dashboard_sdk").setLevel(logging.WARNING)
        with self._explained(), _without(*OVERRIDING):
            try:
                self._client = JobSubmissionClient(address)
            except ImportError as error:
                raise MachineError(
                    "jobs need more of Ray than is installed; pip install 'tengen[cluster]'"
                ) from error

    def submit(self, recipe: str, run: str, *, ship: bool = True) -> str:
        """Train by a recipe (YAML) into a folder of the cluster's; the job's name.

        ship: send this Tengen along, in place of the one that is installed there.
        """
        with tempfile.TemporaryDirectory(prefix="tengen-job-") as folder:
            work = Path(folder) / "work"
            work.mkdir()
            (work / RECIPE).write_text(recipe, encoding="utf-8")
            variables = {"RAY_JOB_STOP_WAIT_TIME_S": str(SAVING_S)}
            if self._asks:
                variables["RAY_AUTH_MODE"] = "token"
            environment: dict[str, Any] = {"working_dir": str(work), "env_vars": variables}
            if ship:
                environment["py_modules"] = [str(packed(Path(folder)))]
            words = ["python", "-m", "tengen", "train", RECIPE, "--run", run]
            with self._explained():
                name: str = self._client.submit_job(
                    entrypoint=" ".join(_quoted(word) for word in words), runtime_env=environment
                )
        return name

    def state(self, name: str) -> tuple[str, str]:
        """PENDING, RUNNING, SUCCEEDED, FAILED or STOPPED; and what the cluster says of it."""
        with self._explained(name):
            found = self._client.get_job_info(name)
        return str(found.status.value), found.message or ""

    def logs(self, name: str) -> str:
        """All that a job has printed."""
        with self._explained(name):
            text: str = self._client.get_job_logs(name)
        return text

    def stop(self, name: str) -> None:
        """Ask a job to end; a run saves itself and can be resumed."""
        with self._explained(name):
            self._client.stop_job(name)

    def all(self) -> list[tuple[str, str, str]]:
        """Name, state and command of every job."""
        with self._explained():
            return [
                (str(job.submission_id), str(job.status.value), job.entrypoint)
                for job in self._client.list_jobs()
                if job.submission_id
            ]

    @contextlib.contextmanager
    def _explained(self, name: str = "") -> Iterator[None]:
        from ray.exceptions import RayError

        try:
            yield
        except (RayError, RuntimeError, ConnectionError, ValueError, OSError) as error:
            status = _status(error)
            if status in (401, 403):
                raise MachineError(
                    f"{self.address}: does not take our token; copy ~/.ray/auth_token of the machine that "
                    "the cluster was started on"
                ) from error
            if name and status == 404:
                raise TengenError(f"{self.address}: has no job '{name}'") from error
            raise MachineError(f"{self.address}: {first_line(error)}") from error


def _status(error: Exception) -> int | None:
    """The HTTP status that an error of Ray's client stands for; None where it stands for none."""
    from ray import exceptions

    if isinstance(error, getattr(exceptions, "AuthenticationError", ())):  # older releases lack it
        return 401
    response = getattr(error, "response", None)  # of requests
    if response is not None:
        return int(response.status_code)
    found = re.match(r"Request failed with status code (\d{3})\b", str(error))
    return int(found[1]) if found else None


def packed(folder: Path) -> Path:
    """A copy of the package in which links are files, to be sent; the folder that is named tengen."""
    source = Path(tengen.__file__).parent
    target = folder / "tengen"
    shutil.copytree(source, target, symlinks=False, ignore=shutil.ignore_patterns(*UNNEEDED))
    return target


def _quoted(word: str) -> str:
    import shlex

    return shlex.quote(word)
