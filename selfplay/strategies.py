"""Evolution strategies with an ask/tell interface: what the next individuals are, given how these did.

A strategy is arrays; all chance comes from the generator that the loop hands in, made anew from seed and
generation, so that the arrays alone are what a checkpoint keeps.
"""

from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from tengen.errors import MachineError
from tengen.selfplay.evolution_config import EvolutionConfig

Floats = NDArray[np.float32]
Arrays = dict[str, NDArray[Any]]


class Population(NamedTuple):
    """P individuals of N weights."""

    weights: Floats  # [P, N]
    kings: Floats  # [P]; the king's value in men, where the game has kings


class Strategy(Protocol):
    """What every strategy can do."""

    def ask(self, rng: np.random.Generator) -> Population:
        """This generation's individuals; those with numbers that are not finite are not played."""

    def tell(self, fitness: NDArray[np.float64], rng: np.random.Generator) -> None:
        """Their scores [P], more is better; -inf for one that was not played."""

    def champion(self, population: Population, fitness: NDArray[np.float64]) -> tuple[Floats, float, float]:
        """Whom to play by after `tell`: weights [N], king and score."""

    def arrays(self) -> Arrays:
        """All that it is, between `tell` and `ask`."""

    def restore(self, arrays: Arrays) -> None:
        """Be what `arrays` told."""

    def stats(self) -> dict[str, float]:
        """For the log."""


def best_first(fitness: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Individuals from the best to the worst, equal ones in random order."""
    return np.lexsort((rng.random(len(fitness)), -fitness))


class SelfAdaptive:
    """Every weight has a step size of its own, that mutates first (Chellapilla and Fogel 1999, 2001).

    sigma' = sigma exp(tau N(0, 1)) with a draw a weight, tau = 1 / sqrt(2 sqrt(N)); w' = w + sigma' N(0, 1).
    """

    def __init__(self, config: EvolutionConfig, size: int, rng: np.random.Generator) -> None:
        self.config = config
        parents = config.population // 2
        self.tau = 1.0 / np.sqrt(2.0 * np.sqrt(size))
        spread = config.strategy.spread
        self.weights = rng.uniform(-spread, spread, (parents, size)).astype(np.float32)
        self.sigmas = np.full((parents, size), config.strategy.sigma, np.float32)
        self.kings = np.full(parents, config.king.start, np.float32)

    def ask(self, rng: np.random.Generator) -> Population:
        """Parents [P / 2] and one child of each."""
        parents, size = self.weights.shape
        weights, sigmas, kings = self.weights, self.sigmas, self.kings
        share = self.config.strategy.crossover
        if share:
            mates = rng.integers(parents, size=parents)
            mixed = rng.random((parents, size)) < 0.5 * (rng.random((parents, 1)) < share)
            weights = np.where(mixed, weights[mates], weights)
            sigmas = np.where(mixed, sigmas[mates], sigmas)
        normal = rng.standard_normal((2, parents, size), np.float32)
        with np.errstate(over="ignore", invalid="ignore"):  # what comes of it is dropped and counted
            sigmas = sigmas * np.exp(np.float32(self.tau) * normal[0])
            weights = weights + sigmas * normal[1]
        king = self.config.king
        steps = np.float32(king.step) * rng.integers(-1, 2, size=parents)
        kings = np.clip(kings + steps, king.low, king.high).astype(np.float32)
        self._sigmas = np.concatenate([self.sigmas, sigmas])
        self._all = Population(np.concatenate([self.weights, weights]), np.concatenate([self.kings, kings]))
        return self._all

    def tell(self, fitness: NDArray[np.float64], rng: np.random.Generator) -> None:
        """The best half become parents."""
        parents = len(self.weights)
        order = best_first(fitness, rng)
        if self.config.strategy.selection == "comma":
            elites = [i for i in order if i < parents][: self.config.strategy.elites]
            order = np.array([*elites, *(i for i in order if i >= parents)])
        kept = order[:parents]
        kept = kept[np.isfinite(fitness[kept])]
        if not len(kept):
            raise MachineError(
                "no individual of the population has finite weights; strategy.sigma is too large"
            )
        kept = np.resize(kept, parents)
        self.weights, self.kings = self._all.weights[kept], self._all.kings[kept]
        self.sigmas = self._sigmas[kept]

    def champion(self, population: Population, fitness: NDArray[np.float64]) -> tuple[Floats, float, float]:
        """The individual with the best score."""
        best = int(fitness.argmax())
        return population.weights[best], float(population.kings[best]), float(fitness[best])

    def arrays(self) -> Arrays:
        """The parents, the best first."""
        return {"weights": self.weights, "sigmas": self.sigmas, "kings": self.kings}

    def restore(self, arrays: Arrays) -> None:
        """See `Strategy.restore`."""
        self.weights, self.sigmas, self.kings = arrays["weights"], arrays["sigmas"], arrays["kings"]

    def stats(self) -> dict[str, float]:
        """Step sizes and kings of the parents."""
        return {
            "sigma_mean": float(self.sigmas.mean()),
            "sigma_min": float(self.sigmas.mean(1).min()),
            "sigma_max": float(self.sigmas.mean(1).max()),
        }


def make_strategy(config: EvolutionConfig, size: int, rng: np.random.Generator) -> Strategy:
    """The strategy that a configuration names, for individuals of `size` weights."""
    if config.strategy.name == "self-adaptive":
        return SelfAdaptive(config, size, rng)
    from tengen.selfplay.distributions import make_search

    return make_search(config, size, rng)
