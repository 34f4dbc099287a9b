"""Whether the cluster that we work in is still there.

Ray itself would wait, or end this process without a word: a minute after the head has gone, and with the next
call that needs the raylet of our own machine, once that has.
"""

import contextlib
import socket
import time
from typing import Any

from tengen.errors import MachineError
from tengen.selfplay.ray_cluster import probe

LOOK_S = 2.0  # between looks at the head
PATIENCE_S = 20.0  # that it may be out of reach
CONNECT_S = 5.0
CLIENT = "ray://"


class Health:
    """Looks at the head of the cluster, and at our own machine in it."""

    def __init__(self, ray: Any, address: str | None = None) -> None:
        """address: by which the cluster was joined."""
        self._looked = time.monotonic()
        self._lost: float | None = None  # when the head was first found not to answer
        self._head = getattr(ray.get_runtime_context(), "gcs_address", None)
        self._own = own_address(ray) if self._head else None
        self._where = "this machine"
        if address and address.startswith(CLIENT):  # the context is that of the machine that serves us
            self._head = address.removeprefix(CLIENT)
            self._where = f"the machine at {self._head}"
            if self._own is not None and not _is_in_reach(self._own):
                self._own = None  # a firewall is between us, perhaps

    def check(self) -> None:
        """Raises MachineError where our own machine has dropped out of the cluster, or its head has gone."""
        if self.is_cut_off:
            raise MachineError(
                f"{self._where} is no part of the Ray cluster any more (its raylet has ended, for want of "
                "memory perhaps); start Ray on it again, and go on with --resume"
            )
        if self._head is None or time.monotonic() - self._looked < LOOK_S:
            return
        self._looked = time.monotonic()
        with contextlib.suppress(MachineError):
            probe(self._head)
            self._lost = None
            return
        self._lost = self._lost or time.monotonic()
        if time.monotonic() - self._lost > PATIENCE_S:
            raise MachineError(
                f"the head of the Ray cluster at {self._head} does not answer any more; start the cluster "
                "again, and go on with --resume"
            )

    @property
    def is_cut_off(self) -> bool:
        """Whether nobody listens where the raylet of this machine did: a call to Ray may end this process."""
        if self._own is None:
            return False
        try:
            return not _answers(self._own)
        except OSError:
            return False  # busy


def _answers(place: tuple[str, int]) -> bool:
    """Whether somebody listens there. Raises OSError where that cannot be told."""
    try:
        socket.create_connection(place, CONNECT_S).close()
    except ConnectionRefusedError:
        return False
    return True


def _is_in_reach(place: tuple[str, int]) -> bool:
    try:
        return _answers(place)
    except OSError:
        return False


def own_address(ray: Any) -> tuple[str, int] | None:
    """Where the raylet of this machine listens."""
    own = ray.get_runtime_context().get_node_id()
    for node in ray.nodes():
        if node["NodeID"] == own:
            return str(node["NodeManagerAddress"]), int(node["NodeManagerPort"])
    return None
