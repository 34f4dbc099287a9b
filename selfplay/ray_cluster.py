"""Joining a Ray cluster, or starting one on this machine, with token authentication on."""

import contextlib
import fcntl
import logging
import os
import re
import secrets
import socket
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from tengen.errors import MachineError, TengenError
from tengen.selfplay import ray_session

PROBE_TIMEOUT_S = 5.0
# Every HTTP/2 server, and so gRPC's, answers this with its own SETTINGS frame (RFC 9113, section 3.4).
HTTP2_HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
HTTP2_SETTINGS = b"\x04"
OBJECT_STORE_BYTES = 512 * 2**20  # weights and a few answers; Ray's default is a third of the memory


def connect(address: str | None, cpus: float) -> None:
    """Join the cluster at `address`, or start one here with room for the actors. Raises MachineError."""
    if address:
        probe(address)
    elif os.environ.get("RAY_AUTH_MODE") == "token":
        ensure_token()
    import ray

    options: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    if not address:
        options |= {
            "num_cpus": max(1, int(np.ceil(cpus))),
            "include_dashboard": False,
            "object_store_memory": ray_session.store_bytes(OBJECT_STORE_BYTES),
            **ray_session.begin(),
        }
    ray_session.quiet(ray)
    os.environ.setdefault("RAY_IGNORE_UNHANDLED_ERRORS", "1")  # of calls that nobody waits for any more
    try:
        ray.init(address=address or "local", **options)
    except (ConnectionError, RuntimeError, ValueError, OSError, ray.exceptions.RayError) as error:
        where = f"cannot join the Ray cluster at {address}" if address else "cannot start Ray on this machine"
        raise MachineError(f"{where}: {_reason(error)}") from error


def disconnect() -> None:
    """Leave the cluster; one that was started here ends."""
    import ray

    ray.shutdown()
    ray_session.end()


def _reason(error: BaseException) -> str:
    """Why we cannot join, in a line that says what would help."""
    said = str(error)
    versions = re.findall(r"(?:Ray|Python): (\S+)", said)
    if "ersion mismatch" in said and len(versions) == 4:
        ray_there, python_there, ray_here, python_here = versions
        return (
            f"it runs Ray {ray_there} and Python {python_there}, and this is Ray {ray_here} and Python "
            f"{python_here}; all machines need the same"
        )
    if "ailed to connect to Ray" in said:  # though a server answered us
        return (
            "it does not talk to us; is the token the same on both machines? Copy ~/.ray/auth_token of the "
            "one that the cluster was started on"
        )
    if "nitialization failure from server" in said:  # what Ray's client hands on from there
        lines = [line.strip() for line in said.splitlines() if line.strip()]
        return f"its server says: {lines[-1]}; is it just starting, or out of memory? Try again"
    return first_line(error)


def probe(address: str) -> None:
    """Raise MachineError unless a gRPC server answers at "host:port"; Ray itself would try for minutes.

    Raises TengenError where it is no address.
    """
    place = address.removeprefix("ray://")
    if place in ("auto", "local") or "://" in place:
        return  # which Ray answers at once
    host, colon, port = place.rpartition(":")
    if not (host and colon and port.isdecimal()):
        raise TengenError(
            f"rollouts.address: '{address}' is no address of a Ray cluster; HOST:PORT (as 'ray start --head' "
            "tells it, 6379 by default), ray://HOST:10001 or auto would be"
        )
    try:
        with socket.create_connection((host.strip("[]"), int(port)), PROBE_TIMEOUT_S) as connection:
            if os.environ.get("RAY_USE_TLS", "0") == "0":
                connection.sendall(HTTP2_HELLO)
                if connection.recv(4)[3:] != HTTP2_SETTINGS:
                    raise OSError("what listens there is something else")
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise MachineError(
            f"rollouts.address: no Ray cluster answers at {address} ({reason}); "
            "start one there with 'ray start --head', or leave the address out"
        ) from error


def ensure_token() -> None:
    """Make the token that Ray's processes know one another by, readable by this user alone.

    Ray would make one too, but readable by everybody on the machine where the umask allows it, and its ports
    listen on every interface.
    """
    if os.environ.get("RAY_AUTH_TOKEN") or os.environ.get("RAY_AUTH_TOKEN_PATH"):
        return
    path = Path.home() / ".ray" / "auth_token"
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        while not _has_token(path):
            _make_token(path)
    except OSError:  # no home to write to: a token for this process and its children
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)


def _has_token(path: Path) -> bool:
    """Whether there is more than an empty file; others who may read it may not any more."""
    try:
        if not path.read_bytes().strip():
            return False
        if path.stat().st_mode & 0o077:
            with contextlib.suppress(OSError):  # it is somebody else's, such as a mounted secret
                path.chmod(0o600)
    except FileNotFoundError:
        return False
    except PermissionError:  # which Ray will tell
        return True
    return True


def _make_token(path: Path) -> None:
    """Put a token where there is none; it appears whole, and never in place of another's.

    Who else makes one meanwhile waits at the empty file, and finds it replaced. Raises OSError.
    """
    with open(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "rb") as empty:
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(empty, fcntl.LOCK_EX)
        if empty.read().strip() or not _is_at(path, empty.fileno()):
            return
        descriptor, name = tempfile.mkstemp(prefix=".auth_token-", dir=path.parent)  # mode 600
        try:
            with open(descriptor, "w") as file:
                file.write(secrets.token_hex(32))
            os.replace(name, path)
        except BaseException:
            os.unlink(name)
            raise


def _is_at(path: Path, descriptor: int) -> bool:
    """Whether an open file is still the one of this name."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def own_gpus_only() -> None:
    """Inside an actor that asked for no GPU: let none be seen, before torch looks for them. Else nothing.

    Ray sets CUDA_VISIBLE_DEVICES for actors that have GPUs; for the others its newer releases leave it alone,
    and they would all take the machine's first.
    """
    import ray

    if getattr(ray, "get_runtime_context", None) is None or not ray.is_initialized():
        return
    if ray.get_runtime_context().get_actor_id() is not None and not ray.get_gpu_ids():
        os.environ["CUDA_VISIBLE_DEVICES"] = ""


def first_line(error: BaseException) -> str:
    """What an exception says, in a line."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
