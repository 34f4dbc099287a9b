"""What all rollouts by a pool of actors share."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tengen.errors import TengenError
from tengen.selfplay.ray_pool import ActorPool


def sound(weights: Mapping[str, NDArray[np.generic]]) -> dict[str, NDArray[np.generic]]:
    """The weights, ready to be put. Raises TengenError where they are no numbers any more."""
    for name, array in weights.items():
        if np.issubdtype(array.dtype, np.inexact) and not np.isfinite(array).all():
            raise TengenError(  # which is not worth saving, as what machines fail at is
                f"weights {name} are not all numbers any more; go on from the last checkpoint with a smaller "
                "learner.learning_rate"
            )
    return dict(weights)


class Pooled:
    """What rollouts by a pool of actors leave to it."""

    pool: ActorPool

    def state(self) -> list[dict[str, Any]]:
        """See `ActorPool.state`."""
        return self.pool.state()

    def restore(self, states: list[dict[str, Any]]) -> None:
        """See `ActorPool.restore`."""
        self.pool.restore(states)

    def close(self) -> None:
        """See `ActorPool.close`."""
        self.pool.close()
