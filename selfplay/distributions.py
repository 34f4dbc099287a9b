"""Strategies that move a distribution: OpenAI-ES, PGPE, SNES and separable CMA-ES.

Small enough to be kept here: the libraries (cma, evotorch, nevergrad) keep their state as pickles, which
Tengen neither writes nor reads, so that no run could be taken up exactly. Fitness counts by rank alone, since
scores of games among individuals have no scale. The king's value is one more coordinate, in the unit of the
weights.
"""

import numpy as np
from numpy.typing import NDArray

from tengen.errors import MachineError
from tengen.selfplay.evolution_config import EvolutionConfig
from tengen.selfplay.strategies import Arrays, Floats, Population, Strategy

ADAM = (0.9, 0.999, 1e-8)


def centred_ranks(fitness: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks in [-0.5, 0.5], the mean of their ranks for equal scores (Salimans et al. 2017)."""
    order = np.argsort(fitness, kind="stable")
    ranks = np.empty(len(fitness))
    ranks[order] = np.arange(len(fitness))
    _, group = np.unique(fitness, return_inverse=True)
    means = np.bincount(group, ranks) / np.bincount(group)
    return means[group] / max(1, len(fitness) - 1) - 0.5


def rank_utilities(fitness: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights of the better half by log rank, 0 for the others, summing to 1 (Wierstra et al. 2014)."""
    count = len(fitness)
    by_place = np.maximum(0.0, np.log(count / 2 + 1) - np.log(np.arange(1, count + 1)))
    out = np.empty(count)
    out[np.argsort(-fitness, kind="stable")] = by_place / by_place.sum()
    return out


class Distribution:
    """What the four share: a centre and step sizes [N + 1], samples, and a king's value at the end."""

    mirrored = False
    state: tuple[str, ...] = ("centre", "sigma")

    def __init__(self, config: EvolutionConfig, size: int, rng: np.random.Generator) -> None:
        self.config = config
        spread = config.strategy.spread
        self.centre = np.append(rng.uniform(-spread, spread, size), 0.0)
        self.sigma = np.full(size + 1, config.strategy.sigma)

    def ask(self, rng: np.random.Generator) -> Population:
        """Samples about the centre; mirrored ones are the second half."""
        count = self.config.population
        if self.mirrored:
            half = rng.standard_normal((count // 2, len(self.centre)))
            self._steps = np.concatenate([half, -half])
        else:
            self._steps = rng.standard_normal((count, len(self.centre)))
        return self.population(self.centre + self.sigma * self._steps)

    def population(self, points: NDArray[np.float64]) -> Population:
        """Points [P, N + 1] as individuals."""
        king = self.config.king
        kings = np.clip(king.start + points[:, -1], king.low, king.high)
        with np.errstate(over="ignore", invalid="ignore"):
            return Population(points[:, :-1].astype(np.float32), kings.astype(np.float32))

    def tell(self, fitness: NDArray[np.float64], rng: np.random.Generator) -> None:
        """Move the distribution; individuals that were not played count as the worst."""
        if not np.isfinite(fitness).any():
            raise MachineError(
                "no individual of the population has finite weights; strategy.sigma is too large"
            )
        self.learn(fitness)

    def learn(self, fitness: NDArray[np.float64]) -> None:
        """The strategy's own step."""
        raise NotImplementedError

    def champion(self, population: Population, fitness: NDArray[np.float64]) -> tuple[Floats, float, float]:
        """The centre: among samples the best is mostly the luckiest. Its score is the mean of theirs."""
        centre = self.population(self.centre[None])
        return centre.weights[0], float(centre.kings[0]), float(fitness[np.isfinite(fitness)].mean())

    def arrays(self) -> Arrays:
        """Centre, step sizes and what else the strategy remembers."""
        return {name: np.atleast_1d(np.asarray(getattr(self, name), np.float64)) for name in self.state}

    def restore(self, arrays: Arrays) -> None:
        """See `Strategy.restore`."""
        for name in self.state:
            value = arrays[name]
            setattr(self, name, value if np.ndim(getattr(self, name)) else float(value[0]))

    def stats(self) -> dict[str, float]:
        """Step sizes."""
        return {
            "sigma_mean": float(self.sigma.mean()),
            "sigma_min": float(self.sigma.min()),
            "sigma_max": float(self.sigma.max()),
        }


class OpenAiEs(Distribution):
    """Mirrored samples, centred ranks, Adam, a constant step size (Salimans et al. 2017)."""

    mirrored = True
    state = ("centre", "sigma", "first", "second", "updates")

    def __init__(self, config: EvolutionConfig, size: int, rng: np.random.Generator) -> None:
        super().__init__(config, size, rng)
        self.first, self.second = np.zeros(size + 1), np.zeros(size + 1)
        self.updates = 0.0

    def learn(self, fitness: NDArray[np.float64]) -> None:
        self.climb(self._steps.T @ centred_ranks(fitness) / (len(fitness) * self.sigma))

    def climb(self, gradient: NDArray[np.float64]) -> None:
        """One step of Adam upwards (Kingma and Ba 2015)."""
        b1, b2, epsilon = ADAM
        self.updates += 1
        self.first = b1 * self.first + (1 - b1) * gradient
        self.second = b2 * self.second + (1 - b2) * gradient**2
        first = self.first / (1 - b1**self.updates)
        second = self.second / (1 - b2**self.updates)
        strategy = self.config.strategy
        step = strategy.learning_rate * first / (np.sqrt(second) + epsilon)
        self.centre = (1 - strategy.decay) * self.centre + step


class Pgpe(OpenAiEs):
    """Parameter-exploring policy gradients: mirrored samples, step sizes learn too (Sehnke et al. 2010)."""

    SIGMA_RATE, SIGMA_CHANGE = 0.1, 0.2

    def learn(self, fitness: NDArray[np.float64]) -> None:
        ranks = centred_ranks(fitness)
        half = len(ranks) // 2
        steps = self._steps[:half]
        towards = (ranks[:half] - ranks[half:]) / 2
        goodness = (ranks[:half] + ranks[half:]) / 2 - ranks.mean()
        change = self.SIGMA_RATE * self.sigma * (goodness @ (steps**2 - 1)) / half
        change = np.clip(change, -self.SIGMA_CHANGE * self.sigma, self.SIGMA_CHANGE * self.sigma)
        self.climb(self.sigma * (towards @ steps) / half)
        self.sigma = self.sigma + change


class Snes(Distribution):
    """Separable natural evolution strategies (Schaul, Glasmachers and Schmidhuber 2011)."""

    def learn(self, fitness: NDArray[np.float64]) -> None:
        count, size = self._steps.shape
        utilities = rank_utilities(fitness) - 1.0 / count
        rate = (3 + np.log(size)) / (5 * np.sqrt(size))
        self.centre = self.centre + self.sigma * (utilities @ self._steps)
        self.sigma = self.sigma * np.exp(rate / 2 * (utilities @ (self._steps**2 - 1)))


class SepCmaEs(Distribution):
    """CMA-ES with a diagonal covariance (Ros and Hansen 2008), as long vectors of weights need."""

    state = ("centre", "sigma", "scale", "path", "scale_path", "diagonal", "updates")

    def __init__(self, config: EvolutionConfig, size: int, rng: np.random.Generator) -> None:
        super().__init__(config, size, rng)
        self.scale = config.strategy.sigma
        self.path, self.scale_path = np.zeros(size + 1), np.zeros(size + 1)
        self.diagonal = np.ones(size + 1)
        self.updates = 0.0

    def learn(self, fitness: NDArray[np.float64]) -> None:
        n, weights = len(self.centre), rank_utilities(fitness)
        effective = 1.0 / (weights**2).sum()
        c_scale = (effective + 2) / (n + effective + 5)
        damping = 1 + 2 * max(0.0, np.sqrt((effective - 1) / (n + 1)) - 1) + c_scale
        c_path = (4 + effective / n) / (n + 4 + 2 * effective / n)
        c_one = 2 / ((n + 1.3) ** 2 + effective) * (n + 2) / 3
        c_rank = 2 * (effective - 2 + 1 / effective) / ((n + 2) ** 2 + effective) * (n + 2) / 3
        c_rank = min(1 - c_one, c_rank)
        expected = np.sqrt(n) * (1 - 1 / (4 * n) + 1 / (21 * n * n))  # of the norm of a normal vector

        self.updates += 1
        root = np.sqrt(self.diagonal)
        step = weights @ self._steps
        self.centre = self.centre + self.scale * root * step
        self.scale_path = (1 - c_scale) * self.scale_path + np.sqrt(
            c_scale * (2 - c_scale) * effective
        ) * step
        length = np.linalg.norm(self.scale_path)
        grown = np.sqrt(1 - (1 - c_scale) ** (2 * self.updates))
        steady = length / grown < (1.4 + 2 / (n + 1)) * expected
        self.path = (1 - c_path) * self.path
        if steady:
            self.path = self.path + np.sqrt(c_path * (2 - c_path) * effective) * root * step
        stalled = 0.0 if steady else c_path * (2 - c_path)
        self.diagonal = (
            (1 - c_one - c_rank + c_one * stalled) * self.diagonal
            + c_one * self.path**2
            + c_rank * self.diagonal * (weights @ self._steps**2)
        )
        self.scale = self.scale * float(np.exp(c_scale / damping * (length / expected - 1)))
        self.sigma = self.scale * np.sqrt(self.diagonal)


SEARCHES: dict[str, type[Distribution]] = {
    "openai-es": OpenAiEs,
    "pgpe": Pgpe,
    "snes": Snes,
    "sep-cma-es": SepCmaEs,
}


def make_search(config: EvolutionConfig, size: int, rng: np.random.Generator) -> Strategy:
    """The strategy of a configuration, of those that move a distribution."""
    return SEARCHES[config.strategy.name](config, size, rng)
