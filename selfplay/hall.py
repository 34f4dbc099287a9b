"""The hall of fame: champions of earlier generations, who stay as opponents (Rosin and Belew 1997)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tengen.selfplay.evolution_config import HallConfig
from tengen.selfplay.strategies import Arrays, Population


@dataclass(frozen=True)
class Champion:
    """The best individual of a generation."""

    weights: NDArray[np.float32]  # [N]
    king: float
    score: float
    generation: int


class Hall:
    """At most `size` former champions, the oldest first."""

    def __init__(self, config: HallConfig, size: int) -> None:
        self.config = config
        self.weights = np.empty((0, size), np.float32)
        self.kings = np.empty(0, np.float32)
        self.generations: list[int] = []

    def __len__(self) -> int:
        return len(self.weights)

    def consider(self, champion: Champion) -> None:
        """Take in the champion of a generation when one is due."""
        if not self.config.every or champion.generation % self.config.every:
            return
        keep = slice(-self.config.size, None)
        self.weights = np.concatenate([self.weights, champion.weights[None]])[keep]
        self.kings = np.append(self.kings, np.float32(champion.king))[keep]
        self.generations = [*self.generations, champion.generation][keep]

    def beside(self, population: Population) -> Population:
        """The population, and after it the hall."""
        return Population(
            np.concatenate([population.weights, self.weights]), np.concatenate([population.kings, self.kings])
        )

    def arrays(self) -> Arrays:
        """For the checkpoint."""
        return {"weights": self.weights, "kings": self.kings}

    def restore(self, arrays: Arrays, generations: list[int]) -> None:
        """Be what a checkpoint told."""
        self.weights, self.kings, self.generations = arrays["weights"], arrays["kings"], list(generations)
