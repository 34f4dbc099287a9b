"""The processes of one learner as torch knows them: found by a store, joined, and left whatever happened.

Every wait has an end. A process that dies or hangs makes the others' collective operations raise: at once
where its connections break (gloo), else after the group's patience.
"""

import contextlib
import datetime
import os
import socket
import sys
from typing import NamedTuple

import torch
import torch.distributed as dist

from tengen.errors import TengenError

LOOPBACK = "127.0.0.1"


class Meeting(NamedTuple):
    """Where the processes of a group find one another."""

    host: str
    port: int
    world: int  # processes
    patience_s: float


def backend_for(device: torch.device) -> str:
    """nccl on GPUs, gloo on CPUs. Raises TengenError where this torch has neither."""
    name = "nccl" if device.type == "cuda" else "gloo"
    has = dist.is_available() and (dist.is_nccl_available() if name == "nccl" else dist.is_gloo_available())
    if not has:
        raise TengenError(
            f"learner.devices: this torch cannot join devices (it lacks {name}); learn with "
            "learner.devices=1, or on Linux"
        )
    return name


def convene(host: str, world: int, patience_s: float) -> tuple[Meeting, dist.TCPStore]:
    """Open the store at which `world` processes meet. It listens at this address of the machine only."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as listening:
        listening.bind((host, 0))
        listening.listen(world + 8)
        port = listening.getsockname()[1]
        store = dist.TCPStore(
            host,
            port,
            world,
            is_master=True,
            timeout=datetime.timedelta(seconds=patience_s),
            wait_for_workers=False,
            master_listen_fd=listening.detach(),
        )
    return Meeting(host, port, world, patience_s), store


def join(
    meeting: Meeting, rank: int, device: torch.device, own_ip: str, store: dist.TCPStore | None = None
) -> None:
    """Become process `rank` of the group; returns when all are there."""
    leave()
    backend = backend_for(device)
    if interface := interface_of(own_ip):  # the machine's name may lead elsewhere
        os.environ.setdefault("GLOO_SOCKET_IFNAME", interface)
    # A dead peer should raise here, as it does with gloo; NCCL's own habit is to end the process.
    os.environ.setdefault("TORCH_NCCL_BLOCKING_WAIT", "1")
    os.environ.setdefault("TORCH_NCCL_ASYNC_ERROR_HANDLING", "0")
    patience = datetime.timedelta(seconds=meeting.patience_s)
    store = store or dist.TCPStore(
        meeting.host, meeting.port, meeting.world, is_master=False, timeout=patience, wait_for_workers=False
    )
    hook = sys.excepthook
    dist.init_process_group(backend, store=store, rank=rank, world_size=meeting.world, timeout=patience)
    sys.excepthook = hook  # torch puts a rank before every line


def leave() -> None:
    """Leave the group, if there is one; the others' operations under way then fail."""
    if not (dist.is_available() and dist.is_initialized()):
        return
    if dist.get_backend() == "nccl":  # destroying it would wait for operations that never end
        with contextlib.suppress(Exception):
            dist.distributed_c10d._abort_process_group()
    if dist.is_initialized():
        with contextlib.suppress(Exception):
            dist.destroy_process_group()


def interface_of(ip: str) -> str | None:
    """Name of the network interface that has this address, None where there is none."""
    import psutil

    return next(
        (
            name
            for name, addresses in psutil.net_if_addrs().items()
            if any(found.address == ip for found in addresses)
        ),
        None,
    )
