"""What a run that learns a rollout policy may be told."""

from typing import Annotated, Literal

from pydantic import Field

from tengen.config import ConfigModel
from tengen.selfplay.config import Count, RunConfig
from tengen.selfplay.supervised_config import SupervisedStopConfig


class PatternLearnerConfig(ConfigModel):
    """How the weights of patterns are learned, a step a position."""

    learning_rate: Annotated[float, Field(gt=0, le=10)] = 0.1
    """AdaGrad's."""
    decay: Annotated[float, Field(ge=0, le=1)] = 1e-5
    """L2, of the weights of patterns that a position shows."""


class PatternTestConfig(ConfigModel):
    """The test: positions of the data set's test games, the same ones every time."""

    every_minutes: Annotated[float, Field(gt=0)] = 1.0
    positions: Count = 20_000
    """At most."""


class RolloutPolicyConfig(RunConfig):
    """A whole run of learning a rollout policy of Go from a data set of `tengen records import`."""

    kind: Literal["rollout"] = "rollout"
    data: str
    """The data set's folder."""
    skip_plies: Annotated[int, Field(ge=0, le=10_000)] = 0
    """Of each game, not learned from."""
    learner: PatternLearnerConfig = PatternLearnerConfig()
    positions_per_update: Count = 16_384
    """Between two lines of the log."""
    evaluation: PatternTestConfig = PatternTestConfig()
    stop: SupervisedStopConfig = SupervisedStopConfig(epochs=3.0)
