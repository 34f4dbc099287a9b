"""How well an agent does in a world: the raw scores of whole episodes, their mean and what it is worth."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tengen.agents.dqn.agent import WorldAgent
from tengen.envs.worlds import Episode, Worlds
from tengen.league.atari_scores import human_normalised

RESAMPLES = 10_000


@dataclass(frozen=True)
class Evaluation:
    """Scores of episodes that were played to their end, ordered by world and time."""

    agent: str
    game: str
    returns: tuple[float, ...]
    steps: tuple[int, ...]  # decisions in each episode

    @property
    def episodes(self) -> int:
        """How many were played."""
        return len(self.returns)

    @property
    def mean(self) -> float:
        """Of the returns; NaN where there are none."""
        return float(np.mean(self.returns)) if self.returns else float("nan")

    @property
    def median(self) -> float:
        """Of the returns; NaN where there are none."""
        return float(np.median(self.returns)) if self.returns else float("nan")

    @property
    def interval(self) -> tuple[float, float] | None:
        """95 % interval of the mean; None for fewer than two episodes, which say nothing of the spread."""
        return bootstrap_interval(np.array(self.returns)) if self.episodes > 1 else None

    @property
    def human_normalised(self) -> float | None:
        """Of the mean: 0 plays like chance, 1 like a person; None where no one's score is known."""
        return human_normalised(self.game, self.mean) if self.returns else None

    @property
    def distinct(self) -> int:
        """Episodes that differ in score or length: as many as there were, unless the agent repeats itself."""
        return len(set(zip(self.returns, self.steps, strict=True)))

    def to_json(self) -> dict[str, Any]:
        """What `tengen evaluate --json` prints."""
        return {
            "agent": self.agent,
            "game": self.game,
            "episodes": self.episodes,
            "mean": self.mean,
            "interval": self.interval,
            "median": self.median,
            "human_normalised": self.human_normalised,
            "returns": self.returns,
        }


def evaluate_worlds(
    agent: WorldAgent,
    worlds: Worlds,
    episodes: int,
    *,
    on_step: Callable[[list[Episode]], bool] | None = None,
) -> Evaluation:
    """Play so many episodes in worlds of their own, all worlds side by side.

    Each world plays a share that is settled beforehand, and what it plays beyond it while others are not done
    does not count: taking the episodes that end first would favour short ones. on_step is told after each
    step which episodes that count have ended, and stops the play by answering False.
    """
    shares = [len(part) for part in np.array_split(np.arange(episodes), worlds.count)]
    played: list[list[Episode]] = [[] for _ in shares]
    left = episodes
    observations = worlds.reset()
    while left:
        step = worlds.step(agent.act(observations))
        observations = step.observations
        ended = [one for one in step.episodes if len(played[one.world]) < shares[one.world]]
        for one in ended:
            played[one.world].append(one)
        left -= len(ended)
        if on_step is not None and not on_step(ended):
            break
    counted = [one for world in played for one in world]
    return Evaluation(
        agent.name,
        worlds.spec.name,
        tuple(float(one.score) for one in counted),
        tuple(one.steps for one in counted),
    )


def evaluation_seed(seed: int) -> int:
    """The worlds' seed for an evaluation's, far from the small ones that training begins with."""
    return int(np.random.SeedSequence([seed, 57]).generate_state(1)[0]) % 2**30


def bootstrap_interval(scores: NDArray[np.float64], seed: int = 0) -> tuple[float, float]:
    """95 % interval of the mean of scores [n], from the means of 10,000 samples drawn from them (Efron 1979).

    The percentile method: no assumption on how scores are spread, which in games is seldom evenly.
    """
    rng = np.random.default_rng(seed)
    count = len(scores)
    means = np.empty(RESAMPLES)
    chunk = max(1, 1_000_000 // count)  # of resamples at a time, to bound the memory
    for start in range(0, RESAMPLES, chunk):
        part = means[start : start + chunk]
        part[:] = scores[rng.integers(count, size=(len(part), count))].mean(1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)
