"""What a run of policy-gradient self-play may be told."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tengen.config import ConfigModel
from tengen.networks.stack_config import BoardNetworkConfig
from tengen.selfplay.config import Count, RunConfig, StopConfig
from tengen.selfplay.init_config import Init


class PoolConfig(ConfigModel):
    """The opponents: earlier versions of the policy itself."""

    every: Count = 20
    """Updates after which the policy of the time joins them; the first one is there from the start."""
    keep: Annotated[int, Field(ge=0)] = 0
    """At most so many, the first and the newest; 0 is all."""
    weighting: Literal["uniform", "hard", "variance"] = "uniform"
    """Whom to meet: anybody (AlphaGo); hard: who is not beaten; variance: who is as strong."""
    power: Annotated[float, Field(ge=0, le=100)] = 2.0
    """Of hard: odds are (1 - win rate) ** power."""


class PolicyGradientConfig(ConfigModel):
    """One step of the optimizer for each update, over all moves of all its games."""

    optimizer: Literal["sgd", "adam"] = "sgd"
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """SGD only."""
    gradient_clip: Annotated[float, Field(gt=0)] = 10.0
    baseline: str = "none"
    """Taken off the result: none, mean (of the update's results), or the checkpoint of a value network."""
    batch_size: Count = 1024
    """Positions in memory together; changes nothing else."""
    symmetries: bool = True
    """Turn and mirror each position at random."""
    threads: Annotated[int, Field(ge=0, le=1024)] = 0
    """Cores; 0 is all."""


class PolicyTestConfig(ConfigModel):
    """Games against the policy that the run began with, moves drawn on both sides."""

    every: Count = 20
    """Updates."""
    games: Count = 100


class ReinforceConfig(RunConfig):
    """A whole run of AlphaGo's second stage: REINFORCE against a pool of one's own past."""

    kind: Literal["reinforce"] = "reinforce"
    network: BoardNetworkConfig | None = None
    """null: as that of `init`."""
    init: Init = None
    """The policy to start from."""
    games_per_update: Count = 128
    temperature: Annotated[float, Field(gt=0, le=100)] = 1.0
    """Of the policies that play."""
    passes_last: bool = True
    """Go: no move fills an own eye, and none passes while there is another."""
    max_plies: Annotated[int, Field(ge=0)] = 0
    """Games longer than this count as draws; 0 leaves the end to the rules."""
    pool: PoolConfig = PoolConfig()
    learner: PolicyGradientConfig = PolicyGradientConfig()
    evaluation: PolicyTestConfig = PolicyTestConfig()
    stop: StopConfig = StopConfig()

    @model_validator(mode="after")
    def _has_network(self) -> "ReinforceConfig":
        if self.network is None and self.init is None:
            raise ValueError("init: missing; give the policy to start from, or a network to begin anew with")
        return self
