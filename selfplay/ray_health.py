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


class Health:
    """Looks at the head of the cluster, and at our own machine in it."""

    def __init__(self, ray: Any) -> None:
        # Ray's client has no head: its server would tell.
        self._head = getattr(ray.get_runtime_context(), "gcs_address", None)
        self._own = own_address(ray) if self._head else None
        self._looked = time.monotonic()
        self._lost: float | None = None  # when the head was first found not to answer

    def check(self) -> None:
        """Raises MachineError where our own machine has dropped out of the cluster, or its head has gone."""
        if self.is_cut_off:
            raise MachineError(
                "this machine is no part of the Ray cluster any more (its raylet has ended, for want of "
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
            socket.create_connection(self._own, CONNECT_S).close()
        except ConnectionRefusedError:
            return True
        except OSError:
            return False  # busy
        return False


def own_address(ray: Any) -> tuple[str, int] | None:
    """Where the raylet of this machine listens."""
    own = ray.get_runtime_context().get_node_id()
    for node in ray.nodes():
        if node["NodeID"] == own:
            return str(node["NodeManagerAddress"]), int(node["NodeManagerPort"])
    return None
