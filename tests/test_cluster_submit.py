"""`tengen cluster submit` of every kind of recipe, to whatever answers, and the token that it goes with."""

import os
import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tengen.selfplay import ray_cluster
from tests.test_cluster_command import client, cluster, fault  # noqa: F401

# --- recipes ----------------------------------------------------------------------------------------------


def test_learning_from_games_learns_on_the_devices_of_the_cluster(client):  # noqa: F811
    assert cluster("submit", "kgs-policy", "--run", "/runs/kgs") == 0
    assert client.recipe["learner"]["address"] == "auto" and "rollouts" not in client.recipe
    assert cluster("submit", "kgs-policy", "learner.address=h:1", "--run", "/runs/kgs") == 0
    assert client.recipe["learner"]["address"] == "h:1"


def test_a_pipeline_is_sent_as_it_is(client):  # noqa: F811
    assert cluster("submit", "alphago-9x9", "--run", "s3://bucket/runs/go9") == 0
    assert list(client.recipe["stages"]) == ["policy", "rollout", "reinforce", "value", "match"]
    assert client.sent["entrypoint"].endswith(" --run s3://bucket/runs/go9")


def test_a_job_is_told_of_a_token_where_the_cluster_asks_for_one(client):  # noqa: F811
    assert cluster("submit", "demo", "--run", "/x", "--open") == 0
    assert "RAY_AUTH_MODE" not in client.sent["env_vars"]
    assert cluster("submit", "demo", "--run", "/x") == 0
    assert client.sent["env_vars"]["RAY_AUTH_MODE"] == "token"


def test_a_long_log_is_fetched_less_often(client, capsys, monkeypatch):  # noqa: F811
    waits: list[float] = []
    monkeypatch.setattr("tengen.cli.cluster.LOOK_S", 1.0)
    monkeypatch.setattr("tengen.cli.cluster.time.sleep", waits.append)
    client.states = [*["RUNNING"] * 4, "SUCCEEDED"]
    client.printed = ["move\n" * lines for lines in (1, 20_000, 59_999, 1_000_000, 1_000_001)]
    assert cluster("logs", "job-1", "--follow") == 0
    assert waits == [1, 2, 3, 10]
    assert capsys.readouterr().out == "move\n" * 1_000_001 + "job job-1: succeeded\n"


# --- addresses --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        *(
            "http://",
            "http:///jobs",
            "http://[",
            "http://[::1",
            "http://a b:80",
            "http://a..b",
            "http://a\nb",
        ),
        *("http://127.0.0.1:abc", "http://127.0.0.1:99999", "http://127.0.0.1:0", "127.0.0.1:8265", ""),
    ],
)
def test_what_is_no_address_is_the_users_fault(capsys, address):
    said = fault(capsys, 2, "jobs", "--address", address)
    assert said.endswith(": a job service has an address such as http://127.0.0.1:8265")


@pytest.fixture
def other_service() -> Iterator[str]:
    """The address of a server that greets whoever comes as SSH does."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"SSH-2.0-OpenSSH_9.6\r\n")

        thread = threading.Thread(target=greet, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        thread.join(10)


def test_a_port_that_speaks_something_else(capsys, other_service):
    said = fault(capsys, 1, "jobs", "--address", other_service)
    assert said == f"{other_service}: is no job service of Ray (what answers speaks no HTTP)"


# --- the token --------------------------------------------------------------------------------------------


@pytest.fixture
def token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a user's token is; the folder is there, the token is not."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.setenv(name, "so that it is put back in the end")
        monkeypatch.delenv(name)
    path = tmp_path / ".ray" / "auth_token"
    path.parent.mkdir()
    return path


@pytest.mark.parametrize("before", [None, "", "\n"])
def test_processes_that_begin_at_once_have_one_token(token, before):
    if before is not None:
        token.write_text(before)
        token.chmod(0o644)
    found: list[str] = []
    start = threading.Barrier(8)

    def begin() -> None:
        start.wait()
        ray_cluster.ensure_token()
        found.append(token.read_text())

    threads = [threading.Thread(target=begin) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8 and len(set(found)) == 1 and len(found[0]) == 64
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    assert [file.name for file in token.parent.iterdir()] == ["auth_token"]


def test_the_token_of_who_was_quicker_stays(token, monkeypatch):
    def wait(*arguments: Any) -> None:
        other = token.with_name("other")
        other.write_text("t" * 64)
        os.replace(other, token)

    monkeypatch.setattr(ray_cluster.fcntl, "flock", wait)
    ray_cluster.ensure_token()
    assert token.read_text() == "t" * 64


def test_a_token_that_others_may_read_they_may_not_any_more(token):
    token.write_text("mine")
    token.chmod(0o644)
    ray_cluster.ensure_token()
    assert token.read_text() == "mine" and stat.S_IMODE(token.stat().st_mode) == 0o600
