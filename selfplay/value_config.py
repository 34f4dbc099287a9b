"""What a run that learns a value network from self-play positions may be told."""

from typing import Annotated, Literal

from pydantic import Field

from tengen.config import ConfigModel
from tengen.networks.stack_config import BoardNetworkConfig, StackConfig
from tengen.selfplay.config import Count, Fraction, RunConfig
from tengen.selfplay.init_config import Init
from tengen.selfplay.supervised_config import (
    HeldOutConfig,
    SupervisedConfig,
    SupervisedLearnerConfig,
    SupervisedStopConfig,
)


class ValueGamesConfig(ConfigModel):
    """Games of policies, one position of each to learn from."""

    policy: Annotated[str, Field(min_length=1)]
    """The checkpoint that plays from the position on; its result is what is learned."""
    opening: str = ""
    """The checkpoint that plays up to the position; empty: the same."""
    count: Count = 20_000
    """Games; those that end before their position came give none."""
    latest_ply: Annotated[int, Field(ge=0)] = 0
    """The position is after 1 to so many plies; 0 is 1.25 times the points of the board, as in the paper."""
    at_once: Count = 256
    """Games side by side."""
    threads: Annotated[int, Field(ge=0, le=1024)] = 0
    """Cores of the networks; 0 is all."""
    temperature: Annotated[float, Field(gt=0, le=100)] = 1.0
    passes_last: bool = True
    """Go: no move fills an own eye, and none passes while there is another."""
    max_plies: Annotated[int, Field(ge=0)] = 0
    """Games longer than this count as draws; 0 leaves the end to the rules."""
    test: Fraction = 0.05
    """Share of the games that is kept for the test."""


class ValueConfig(RunConfig):
    """A whole run of AlphaGo's third stage: games of policies, then regression on their results."""

    kind: Literal["value"] = "value"
    games: ValueGamesConfig
    network: BoardNetworkConfig = StackConfig(architecture="alphago-value")
    init: Init = None
    """Another network to start from."""
    learner: SupervisedLearnerConfig = SupervisedLearnerConfig(policy_weight=0.0, value_weight=1.0)
    steps_per_update: Count = 50
    """Steps of the optimizer between two lines of the log."""
    evaluation: HeldOutConfig = HeldOutConfig()
    stop: SupervisedStopConfig = SupervisedStopConfig(epochs=10.0)

    def as_supervised(self, data: str) -> SupervisedConfig:
        """The second part of the run, over a data set of the games."""
        return SupervisedConfig(
            game=self.game,
            seed=self.seed,
            checkpoint=self.checkpoint,
            data=data,
            positions="valued",
            network=self.network,
            init=self.init,
            learner=self.learner.model_copy(update={"policy_weight": 0.0, "value_weight": 1.0}),
            steps_per_update=self.steps_per_update,
            evaluation=self.evaluation,
            stop=self.stop,
        )
