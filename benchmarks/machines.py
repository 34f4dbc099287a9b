"""Clusters of several machines on this one, for benchmarks that kill some of them."""

import contextlib
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator, Mapping
from typing import Any

STORE_BYTES = 128 * 2**20  # of each machine


class MachinesHere:
    """Machines of a cluster beside its head, which takes no actors."""

    def __init__(self, cluster: Any) -> None:
        self._cluster = cluster
        self.address: str = cluster.address

    @property
    def all(self) -> list[Any]:
        """Those that are there."""
        return list(self._cluster.worker_nodes)

    def add(self, cpus: float) -> Any:
        """One more, that Ray believes to have so many cores; from any thread, which it does not outlive."""
        from ray._private.node import Node

        hooks = Node._register_shutdown_hooks
        if threading.current_thread() is not threading.main_thread():
            Node._register_shutdown_hooks = lambda node: None  # only the main thread may handle signals
        try:
            return self._cluster.add_node(num_cpus=cpus, object_store_memory=STORE_BYTES)
        finally:
            Node._register_shutdown_hooks = hooks

    def kill(self, machine: Any) -> None:
        """Kill its raylet, without which it is none; its workers end with it."""
        import psutil

        psutil.Process(machine.all_processes["raylet"][0].process.pid).kill()

    def actors(self, machine: Any) -> list[Any]:
        """The processes of the actors that it has, as psutil's."""
        import psutil

        try:
            children = psutil.Process(machine.all_processes["raylet"][0].process.pid).children()
            names = [(child, " ".join(child.cmdline()[:1])) for child in children]
        except psutil.Error:
            return []
        return [child for child, name in names if name.startswith("ray::") and "IDLE" not in name]

    def clear(self, machine: Any) -> None:
        """Take away what is left of one."""
        self._cluster.remove_node(machine, allow_graceful=False)


@contextlib.contextmanager
def cluster_here(checks: Mapping[str, int]) -> Iterator[MachinesHere]:
    """A head, with these settings of Ray's health checks, that this process has joined."""
    from ray.cluster_utils import Cluster

    from tengen.selfplay.ray_cluster import connect, disconnect, ensure_token

    ensure_token()
    os.environ.setdefault("RAY_raylet_start_wait_time_s", "120")  # where the machine has other work
    folder = tempfile.mkdtemp(prefix="tengen-ray-bench-", dir="/tmp")
    cluster = Cluster(
        initialize_head=True,
        head_node_args={
            "num_cpus": 0,
            "include_dashboard": False,
            "_system_config": dict(checks) or None,
            "temp_dir": folder,
        },
    )
    try:
        connect(cluster.address, 0)
        yield MachinesHere(cluster)
    finally:
        disconnect()
        cluster.shutdown()
        shutil.rmtree(folder, ignore_errors=True)
