"""Whether the cluster that we work in is still there.

Ray itself would wait, or end this process without a word.
"""

import time
from typing import Any

from tengen.errors import MachineError
from tengen.selfplay.ray_cluster import probe

PATIENCE_S = 20.0  # that the head may be out of reach; after 60 s Ray ends this process


class Health:
    """Looks at the head of the cluster, and at our own machine in it."""

    def __init__(self, ray: Any) -> None:
        self._ray = ray
        self._lost: float | None = None  # when the head was first found not to answer

    def look(self) -> None:
        """Raises MachineError once the head has been silent for long, or our machine is no part any more."""
        context = self._ray.get_runtime_context()
        address = getattr(context, "gcs_address", None)
        if address is None:
            return  # Ray's client, whose server would tell
        try:
            probe(address)
        except MachineError as error:
            self._lost = self._lost or time.monotonic()
            if time.monotonic() - self._lost > PATIENCE_S:
                raise MachineError(
                    f"the head of the Ray cluster at {address} does not answer any more; start the cluster "
                    "again, and go on with --resume"
                ) from error
            return
        self._lost = None
        own = context.get_node_id()
        if not any(node["Alive"] for node in self._ray.nodes() if node["NodeID"] == own):
            raise MachineError(
                "this machine is no part of the Ray cluster any more (its raylet has ended, for want of "
                "memory perhaps); start Ray on it again, and go on with --resume"
            )
