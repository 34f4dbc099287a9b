"""`tengen cluster`: what it refuses, what it sends, and what becomes of a job."""

import json
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from ray.exceptions import AuthenticationError

import tengen
from tengen import cli
from tengen.cluster import jobs, nodes
from tengen.errors import MachineError, TengenError

TOKEN = "t" * 64
VERSION = {"version": "4", "ray_version": "2.60.0", "ray_commit": "x", "session_name": "s"}


class Service:
    """An HTTP server that answers as Ray's job service does to those who ask for its version."""

    def __init__(self, status: int = 200, body: Any = VERSION) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status)
                self.end_headers()
                self.wfile.write(body if isinstance(body, bytes) else json.dumps(body).encode())

            def log_message(self, *arguments: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def serve() -> Iterator[Any]:
    """Starts job services that end with the test."""
    made: list[Service] = []

    def start(*arguments: Any) -> str:
        made.append(Service(*arguments))
        return made[-1].address

    yield start
    for service in made:
        service.close()


def fault(capsys: Any, code: int, *arguments: str) -> str:
    """The one sentence of a command that ends with this code."""
    assert cli.main(["cluster", *arguments]) == code
    out, err = capsys.readouterr()
    (line,) = err.splitlines()
    assert not out
    return str(line.removeprefix("tengen: error: "))


# --- who is asked -----------------------------------------------------------------------------------------


def test_a_service_that_asks_for_no_token_is_refused_and_it_is_said_why(serve):
    address = serve()
    with pytest.raises(
        TengenError, match=r"asks for no token.*CVE-2023-48022.*--open sends the job"
    ) as found:
        jobs.check(address)
    assert not isinstance(found.value, MachineError) and "tengen cluster up" in str(found.value)
    assert not jobs.check(address, allow_open=True)


@pytest.mark.parametrize("status", [401, 403])
def test_a_service_that_asks_who_we_are_is_taken(serve, status):
    assert jobs.check(serve(status))


@pytest.mark.parametrize(
    ("status", "body"), [(404, {}), (500, {}), (200, {"hello": 1}), (200, b"<html>"), (200, b"\xff\xfe")]
)
def test_what_is_no_job_service_is_said(serve, status, body):
    address = serve(status, body)
    with pytest.raises(MachineError, match=f"{address}: (is )?no job service of Ray"):
        jobs.check(address)


def test_nobody_answers(capsys):
    said = fault(capsys, 1, "jobs", "--address", "http://127.0.0.1:1")
    assert said.startswith("http://127.0.0.1:1: no job service of Ray answers (")
    assert "tengen cluster up" in said and "ssh -L 8265" in said
    assert "has an address such as http" in fault(capsys, 2, "jobs", "--address", "ray://127.0.0.1:10001")


# --- tokens -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", [lambda: nodes.start_head(6379, 8265, 1), lambda: nodes.join("h:1", 2)])
def test_machines_start_with_a_token_that_only_this_user_reads(tmp_path, monkeypatch, action):
    for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("tengen.selfplay.ray_cluster.probe", lambda address: None)
    asked: list[Any] = []

    def run(words: list[str], **more: Any) -> Any:
        asked.append((words, more["env"]))
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr(nodes.subprocess, "run", run)
    before = os.umask(0)
    try:
        action()
    finally:
        os.umask(before)
    token = tmp_path / ".ray" / "auth_token"
    assert stat.S_IMODE(token.stat().st_mode) == 0o600 and len(token.read_text()) == 64
    ((words, environment),) = asked
    assert environment["RAY_AUTH_MODE"] == "token"
    assert "start" in words and "--disable-usage-stats" in words
    if "--head" in words:  # the job service is for this machine only
        assert "--dashboard-host=127.0.0.1" in words and "--num-cpus=1" in words


def test_what_ray_says_of_a_start_that_fails_is_one_sentence(monkeypatch):
    said = "noise\nConnectionError: Ray is trying to start at 1:6379, but is already running\nmore noise\n"
    done = SimpleNamespace(returncode=1, stdout="", stderr=said)
    monkeypatch.setattr(nodes, "ensure_token", lambda: None)
    monkeypatch.setattr(nodes.subprocess, "run", lambda *a, **k: done)
    with pytest.raises(MachineError, match=r"^'ray start' failed: ConnectionError: .* is already running$"):
        nodes.start_head(6379, 8265)

    def late(*a: Any, **k: Any) -> None:
        raise subprocess.TimeoutExpired("ray", 120)

    monkeypatch.setattr(nodes.subprocess, "run", late)
    with pytest.raises(MachineError, match="'ray stop' did not end within 120 s"):
        nodes.stop()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["up", "--port", "0"], "--port 0 is no port; 1 to 65535 are"),
        (["up", "--jobs-port", "70000"], "--jobs-port 70000 is no port"),
        (["up", "--cpus", "-1"], "--cpus -1 is out of range"),
        (["submit", "demo", "--run", " "], "--run is empty"),
        (["submit", "demo", "--run", "runs/x"], "--run runs/x would be in a passing folder of Ray's"),
        (["submit", "demo", "--run", "~/x"], "as in --run /shared/runs/mine, or by a URL"),
        (["submit", "no-such-recipe", "--run", "/x"], "no-such-recipe"),
        (["submit", "demo", "rollouts.wrokers=2", "--run", "s3://b/x"], "did you mean rollouts.workers"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anybody_is_asked(capsys, arguments, said):
    assert said in fault(capsys, 2, *arguments)


def test_a_machine_joins_only_what_is_there(capsys):
    assert "no Ray cluster answers at 127.0.0.1:1" in fault(capsys, 1, "up", "--join", "127.0.0.1:1")


# --- jobs -------------------------------------------------------------------------------------------------


class Client:
    """Ray's client of the job service: keeps what it is sent."""

    def __init__(self, address: str) -> None:
        self.sent: dict[str, Any] = {}
        self.files: dict[str, set[str]] = {}
        self.recipe: dict[str, Any] = {}
        self.stopped: list[str] = []
        self.fault: Exception | None = None
        self.states = ["RUNNING", "SUCCEEDED"]
        self.printed = ["one\n", "one\ntwo\n"]

    def submit_job(self, entrypoint: str, runtime_env: dict[str, Any]) -> str:
        if self.fault:
            raise self.fault
        self.sent = {"entrypoint": entrypoint, **runtime_env}
        self.recipe = yaml.safe_load((Path(runtime_env["working_dir"]) / jobs.RECIPE).read_text())
        for module in map(Path, runtime_env.get("py_modules", [])):
            self.files[module.name] = {str(f.relative_to(module)) for f in module.rglob("*")}
            assert not any(f.is_symlink() for f in module.rglob("*"))
        return "job-1"

    def get_job_info(self, name: str) -> Any:
        if self.fault:
            raise self.fault
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        message = "Job failed\ndetails" if state == "FAILED" else None
        return SimpleNamespace(status=SimpleNamespace(value=state), message=message)

    def get_job_logs(self, name: str) -> str:
        return self.printed.pop(0) if len(self.printed) > 1 else self.printed[0]

    def stop_job(self, name: str) -> None:
        self.stopped.append(name)

    def list_jobs(self) -> list[Any]:
        state = SimpleNamespace(value="RUNNING")
        named = SimpleNamespace(submission_id="job-1", status=state, entrypoint="python -m tengen train")
        return [named, SimpleNamespace(submission_id=None, status=state, entrypoint="a driver")]


@pytest.fixture
def client(monkeypatch):
    """The client that the commands talk to, of a service that asks for a token."""
    made = Client("")

    def connected(address: str) -> Client:
        assert not {"RAY_ADDRESS", "RAY_API_SERVER_ADDRESS"} & os.environ.keys()  # they would win over it
        return made

    monkeypatch.setenv("RAY_ADDRESS", "http://elsewhere:8265")
    stand_in = SimpleNamespace(JobSubmissionClient=connected)
    monkeypatch.setitem(sys.modules, "ray.job_submission", stand_in)
    monkeypatch.setattr(jobs, "check", lambda address, allow_open: not allow_open)
    monkeypatch.setattr(jobs, "ensure_token", lambda: None)
    monkeypatch.setattr("tengen.cli.cluster.LOOK_S", 0.0)
    return made


def cluster(*arguments: str) -> int:
    return cli.main(["cluster", *arguments])


def test_a_job_carries_its_recipe_and_this_tengen_with_every_room(client, capsys):
    assert cluster("submit", "demo", "seed=7", "--run", "/shared/runs/a b") == 0
    assert capsys.readouterr().out.startswith("job job-1; tengen cluster logs job-1")
    assert client.sent["entrypoint"] == "python -m tengen train recipe.yaml --run '/shared/runs/a b'"
    assert client.recipe["seed"] == 7
    assert client.recipe["rollouts"]["address"] == "auto" and client.recipe["rollouts"]["workers"] == "auto"
    assert client.sent["env_vars"]["RAY_AUTH_MODE"] == "token"
    files = client.files["tengen"]
    rooms = ("envs", "networks", "agents", "selfplay", "league", "benchmarks", "configs")
    for room in rooms:  # links in a checkout: what is sent is what they lead to
        there = Path(tengen.__file__).parent / room
        for file in there.rglob("*.py"):
            assert f"{room}/{file.relative_to(there)}" in files
    assert "errors.py" in files and "configs/demo.yaml" in files
    assert not any("__pycache__" in name for name in files)


def test_a_recipe_that_says_how_many_and_where_is_left_alone(client):
    assert cluster("submit", "demo", "rollouts.workers=3", "rollouts.address=h:1", "--run", "/x") == 0
    assert client.recipe["rollouts"]["workers"] == 3 and client.recipe["rollouts"]["address"] == "h:1"


def test_the_installed_tengen_is_used_where_that_is_wanted(client):
    assert cluster("submit", "demo", "--run", "/x", "--installed") == 0
    assert "py_modules" not in client.sent


def test_what_a_job_prints_is_followed_to_its_end(client, capsys):
    assert cluster("logs", "job-1", "--follow") == 0
    assert capsys.readouterr().out == "one\ntwo\njob job-1: succeeded\n"
    client.states = ["FAILED"]
    assert cluster("logs", "job-1", "--follow") == 1
    assert capsys.readouterr().out == "one\ntwo\njob job-1: failed (Job failed)\n"
    assert cluster("logs", "job-1") == 0
    assert capsys.readouterr().out == "one\ntwo\n"


def test_jobs_are_listed_and_stopped(client, capsys):
    assert cluster("jobs") == 0
    out = capsys.readouterr().out
    assert "job-1" in out and "a driver" not in out
    assert cluster("stop", "job-1") == 0
    assert client.stopped == ["job-1"]


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (RuntimeError("Request failed with status code 401: Unauthorized"), 1, "does not take our token"),
        (RuntimeError("Request failed with status code 403"), 1, "copy ~/.ray/auth_token"),
        (RuntimeError("Request failed with status code 404: Job x does not exist"), 2, "has no job 'x'"),
        (RuntimeError("Request failed with status code 500: no token of seed 401"), 1, "code 500: no token"),
        (RuntimeError("Request failed with status code 500: port 40404"), 1, "status code 500: port 40404"),
        (AuthenticationError("Authentication failed: 403"), 1, "does not take our token"),
        (ConnectionError("refused\nTraceback of Ray's"), 1, "http://127.0.0.1:8265: refused"),
    ],
)
def test_what_the_service_answers_is_one_sentence(client, capsys, error, code, said):
    client.fault = error
    assert said in fault(capsys, code, "logs", "x", "--follow")
