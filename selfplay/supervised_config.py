"""What a run that learns from recorded games may be told."""

from typing import Annotated, Literal

from pydantic import Field

from tengen.config import ConfigModel
from tengen.networks.spec import NetworkConfig
from tengen.networks.stack_config import BoardNetworkConfig
from tengen.selfplay.config import Count, DevicesConfig, Fraction, LearnerConfig, RunConfig
from tengen.selfplay.init_config import Init


class SupervisedLearnerConfig(DevicesConfig):
    """How the network learns; the learner is that of self-play."""

    address: str | None = None
    """Ray cluster whose devices learn, where there are several; none is this machine."""
    batch_size: Annotated[int, Field(ge=1, le=1_000_000)] = 512
    optimizer: Literal["adamw", "sgd"] = "adamw"
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    final_learning_rate: Annotated[float, Field(gt=0)] = 1e-5
    """Reached at the end of the run by a cosine of the run's progress; equal to learning_rate: constant."""
    warmup_steps: Annotated[int, Field(ge=0)] = 200
    momentum: Fraction = 0.9
    """SGD only."""
    weight_decay: Annotated[float, Field(ge=0)] = 1e-4
    gradient_clip: Annotated[float, Field(gt=0)] = 5.0
    average_decay: Annotated[float, Field(ge=0, lt=1)] = 0.999
    """Per step, of the moving average of the weights that is tested, played and saved; 0 is off."""
    policy_weight: Annotated[float, Field(ge=0)] = 1.0
    value_weight: Annotated[float, Field(ge=0)] = 0.2
    """Of the game's result, where it is known."""
    symmetries: bool = True
    """Turn and mirror each position at random."""
    threads: Annotated[int, Field(ge=0, le=1024)] = 0
    """Cores of the learner, of each device's process where there are several; 0 is all that there are."""
    compile: bool = False
    """Use torch.compile for its steps: a third faster on a CPU, after a minute or two."""

    def as_learner(self) -> LearnerConfig:
        """What the learner is told."""
        own = self.model_dump(exclude={"address", "compile"})
        return LearnerConfig(**own, compile=self.compile)


class HeldOutConfig(ConfigModel):
    """The test: positions of the data set's test games, the same ones every time."""

    every_minutes: Annotated[float, Field(gt=0)] = 10.0
    positions: Count = 8192
    """At most; drawn once from all of them."""
    patience: Annotated[int, Field(ge=0)] = 0
    """End the run after so many tests in a row without a lower cross entropy of moves; 0 is never."""


class SupervisedStopConfig(ConfigModel):
    """The run ends at the first of these that is reached; 0 is no limit."""

    minutes: Annotated[float, Field(ge=0)] = 0.0
    """Of wall time, over all resumptions."""
    positions: Annotated[int, Field(ge=0)] = 0
    """Learned from, each time that one is."""
    epochs: Annotated[float, Field(ge=0)] = 0.0
    """Times that every position is learned from."""
    updates: Annotated[int, Field(ge=0)] = 0


class SupervisedConfig(RunConfig):
    """A whole run of learning moves, and who won, from a data set of `tengen records import`."""

    kind: Literal["supervised"] = "supervised"
    data: str
    """The data set's folder."""
    skip_plies: Annotated[int, Field(ge=0, le=10_000)] = 0
    """Of each game, not learned from."""
    positions: Literal["all", "one", "valued"] = "all"
    """Of each game: all, one that is drawn by the seed, or those that carry a value."""
    network: BoardNetworkConfig = NetworkConfig()
    init: Init = None
    """Another network to start from."""
    learner: SupervisedLearnerConfig = SupervisedLearnerConfig()
    steps_per_update: Count = 50
    """Steps of the optimizer between two lines of the log."""
    evaluation: HeldOutConfig = HeldOutConfig()
    stop: SupervisedStopConfig = SupervisedStopConfig()
