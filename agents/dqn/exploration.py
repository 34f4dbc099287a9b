"""How often an actor tries something else than what it thinks best."""

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tengen.config import ConfigModel

Fraction = Annotated[float, Field(ge=0, le=1)]


class ExplorationConfig(ConfigModel):
    """Epsilon of the epsilon-greedy actors."""

    start: Fraction = 1.0
    """Epsilon at first,"""
    end: Fraction = 0.01
    """and after `steps` environment steps, linearly in between."""
    steps: Annotated[int, Field(ge=0)] = 100_000
    ladder: bool = False
    """Ape-X: each world keeps an epsilon of its own, base ** (1 + exponent * i / (worlds - 1))."""
    ladder_base: Fraction = 0.4
    ladder_exponent: Annotated[float, Field(ge=0)] = 7.0


def epsilons(config: ExplorationConfig, step: int, worlds: int) -> NDArray[np.float32]:
    """Epsilon of each world [worlds] after `step` steps of the run.

    The ladder is that of Horgan et al., Distributed prioritized experience replay (ICLR 2018, section 4).
    """
    if config.ladder:
        place = np.arange(worlds) / max(1, worlds - 1)
        return (config.ladder_base ** (1 + config.ladder_exponent * place)).astype(np.float32)
    done = min(1.0, step / config.steps) if config.steps else 1.0
    return np.full(worlds, config.start + (config.end - config.start) * done, np.float32)
