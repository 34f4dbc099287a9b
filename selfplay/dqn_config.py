"""What a training run in single-player worlds may be told."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tengen.agents.dqn.exploration import ExplorationConfig
from tengen.agents.dqn.learner_config import LearnerConfig, PqnLearnerConfig
from tengen.agents.dqn.replay_config import ReplayConfig
from tengen.config import ConfigModel
from tengen.envs.worlds_config import WorldsConfig
from tengen.networks.q_config import QNetworkConfig
from tengen.selfplay.actors_config import ActorsConfig
from tengen.selfplay.config import RunConfig

Count = Annotated[int, Field(ge=1, le=1_000_000_000)]


class CollectConfig(ActorsConfig):
    """Who plays the worlds, and how."""

    worlds: Annotated[int, Field(ge=1, le=100_000)] = 8
    """Side by side in this process or in each actor."""
    steps: Count = 32
    """Of every world between two turns of the learner; weights that act are that old, or twice that."""
    beside_learning: bool = True
    """Play in a thread of its own while the learner learns; false takes turns, and is exact on resuming."""
    threads: Annotated[int, Field(ge=1, le=1024)] = 1
    """Cores of the network that acts, in each actor."""


class WorldEvaluationConfig(ConfigModel):
    """Episodes in worlds of their own, from time to time; raw scores."""

    every_minutes: Annotated[float, Field(gt=0)] = 5.0
    episodes: Annotated[int, Field(ge=1, le=1_000_000)] = 10
    epsilon: Annotated[float, Field(ge=0, le=1)] = 0.001
    """Share of actions at random (Hessel et al. 2018, Rainbow, table 1)."""
    worlds: Annotated[int, Field(ge=1, le=1024)] = 10
    """Side by side."""
    final_episodes: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    """At the end of the run; 0 is none."""


class WorldStopConfig(ConfigModel):
    """The run ends at the first of these that is reached; 0 is no limit."""

    minutes: Annotated[float, Field(ge=0)] = 0.0
    """Of wall time, over all resumptions, evaluations included."""
    steps: Annotated[int, Field(ge=0)] = 0
    """Of the worlds together; a step of an Atari game is four frames."""
    updates: Annotated[int, Field(ge=0)] = 0
    """Turns of the loop."""


class WorldRunConfig(RunConfig):
    """What all runs in worlds have in common; `game` is as atari/Pong or gym/CartPole-v1."""

    worlds: WorldsConfig = WorldsConfig()
    network: QNetworkConfig = QNetworkConfig()
    exploration: ExplorationConfig = ExplorationConfig()
    rollouts: CollectConfig = CollectConfig()
    evaluation: WorldEvaluationConfig = WorldEvaluationConfig()
    stop: WorldStopConfig = WorldStopConfig()


class DqnTrainConfig(WorldRunConfig):
    """Learning from a replay: DQN and its descendants."""

    kind: Literal["dqn"] = "dqn"
    replay: ReplayConfig = ReplayConfig()
    learner: LearnerConfig = LearnerConfig()


class PqnTrainConfig(WorldRunConfig):
    """Learning from what is just seen, without replay or target network."""

    kind: Literal["pqn"] = "pqn"
    network: QNetworkConfig = QNetworkConfig(normalisation="layer")
    learner: PqnLearnerConfig = PqnLearnerConfig()

    @model_validator(mode="after")
    def _minibatches_divide_a_rollout(self) -> "PqnTrainConfig":
        steps = self.rollouts.steps * self.rollouts.worlds
        if steps % self.learner.minibatches:
            raise ValueError(
                f"learner.minibatches {self.learner.minibatches} does not divide a rollout of {steps} steps "
                f"({self.rollouts.steps} of {self.rollouts.worlds} worlds)"
            )
        return self
