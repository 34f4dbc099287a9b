"""What the learners of action values may be told, and which networks they can teach."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tengen.config import ConfigModel
from tengen.errors import TengenError
from tengen.networks.q_config import QNetworkConfig

Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1, le=1_000_000_000)]
Precision = Literal["auto", "float32", "bfloat16"]


class MunchausenConfig(ConfigModel):
    """The scaled log-policy as a bonus on rewards; values of Vieillard et al. 2020, table 1."""

    temperature: Positive = 0.03
    """Of the softmax policy, tau of the paper."""
    alpha: Fraction = 0.9
    """Share of the log-policy that is added to the reward."""
    clip: Annotated[float, Field(le=0)] = -1.0
    """Least bonus before `alpha`, l0 of the paper."""


class RmspropConfig(ConfigModel):
    """Centred RMSProp; values of Mnih et al. 2015, extended data table 1."""

    decay: Annotated[float, Field(ge=0, lt=1)] = 0.95
    """Of the averages of gradients and of their squares."""
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Of the steps. The table's "gradient momentum" is the average of gradients; there was no other."""
    epsilon: Positive = 0.01 / 32**2
    """Added to the variance, inside the root. The table's 0.01 ("min squared gradient") is for gradients that
    are summed over a batch of 32; here they are means, and squares of those 32 ** 2 times smaller."""


class OptimizerConfig(ConfigModel):
    """How weights follow gradients; shared by both learners."""

    optimizer: Literal["adam", "adamw", "radam", "rmsprop"] = "adam"
    learning_rate: Positive = 1e-4
    final_learning_rate: NotNegative | None = None
    """Reached in a straight line at the end of the run; null: constant."""
    adam_eps: Positive = 1e-8
    """Added to the root of Adam's second moment; Rainbow has 1.5e-4."""
    rmsprop: RmspropConfig = RmspropConfig()
    weight_decay: NotNegative = 0.0
    """adamw only, on matrices and kernels."""
    gradient_clip: NotNegative = 10.0
    """Greatest norm of the whole gradient; 0 sets no bound."""
    threads: Annotated[int, Field(ge=0, le=1024)] = 1
    """Cores of the learner; 0 is all."""
    precision: Precision = "auto"
    """Of forward and backward passes; auto is bfloat16 where the hardware is made for it."""

    @model_validator(mode="after")
    def _decay_is_adamws(self) -> "OptimizerConfig":
        if self.weight_decay and self.optimizer != "adamw":
            raise ValueError(
                f"weight_decay {self.weight_decay:g} needs optimizer adamw, not {self.optimizer}; "
                "for decay in the loss set l2 of the network"
            )
        return self


class LearnerConfig(OptimizerConfig):
    """How a network learns action values from a replay."""

    batch_size: Annotated[int, Field(ge=1, le=1_000_000)] = 32
    """Transitions a gradient step."""
    steps_per_update: Annotated[int, Field(ge=1, le=1_000_000)] = 4
    """Steps of the worlds, all together, for each gradient step."""
    n_step: Annotated[int, Field(ge=1, le=1000)] = 1
    """Rewards summed before the value of what they led to is taken."""
    gamma: Fraction = 0.99
    """Discount a step."""
    double: bool = False
    """The learning network chooses the action whose value the target network gives."""
    munchausen: MunchausenConfig | None = None
    """Munchausen-DQN or -IQN; null is off."""
    loss: Literal["huber", "mse"] = "huber"
    """Of head q: half the squared error, with huber linear beyond 1."""
    kappa: NotNegative = 1.0
    """Of heads qr and iqn: where the quantile loss turns from square to linear; 0 is linear throughout."""
    compile: bool | Literal["auto"] = "auto"
    """Use torch.compile for the losses and their gradients; auto does not, since a CPU gains nothing."""
    target_period: Annotated[int, Field(ge=1, le=1_000_000_000)] | None = 2_000
    """Gradient steps between two copies to the target network."""
    target_polyak: Annotated[float, Field(gt=0, le=1)] | None = None
    """Instead: share of the new weights that is mixed into the target network at every gradient step.
    Both null: no target network, as in Mnih et al. 2013."""

    @model_validator(mode="after")
    def _fits_together(self) -> "LearnerConfig":
        if self.munchausen and self.double:
            raise ValueError(
                "double chooses an action for the target, and munchausen averages over all; use one of them"
            )
        if self.target_polyak is not None and self.target_period is not None:
            raise ValueError(
                f"target_polyak {self.target_polyak:g} and target_period {self.target_period} both move the "
                "target network; set one of them to null"
            )
        return self


class PqnLearnerConfig(OptimizerConfig):
    """How a network learns action values from what many worlds just did (Gallici et al. 2024, table 6)."""

    optimizer: Literal["adam", "adamw", "radam", "rmsprop"] = "radam"
    learning_rate: Positive = 2.5e-4
    minibatches: Annotated[int, Field(ge=1, le=100_000)] = 32
    """Gradient steps an epoch; divides rollouts.steps times the number of worlds."""
    epochs: Annotated[int, Field(ge=1, le=1000)] = 2
    """Passes over each rollout."""
    gamma: Fraction = 0.99
    """Discount a step."""
    return_lambda: Fraction = 0.65
    """Weight of longer returns: 0 looks one step ahead, 1 to the end of the rollout."""


def check_combination(network: QNetworkConfig, learner: LearnerConfig | PqnLearnerConfig) -> None:
    """Raise TengenError, with the reason, where the learner cannot teach the network."""
    if fault := _fault(network, learner):
        raise TengenError(fault)


def _fault(network: QNetworkConfig, learner: LearnerConfig | PqnLearnerConfig) -> str | None:
    head = network.head
    if isinstance(learner, PqnLearnerConfig):
        if head != "q":
            return f"PQN learns expected returns, and network.head is {head}; set network.head to q"
        if network.noisy:
            return "PQN explores by epsilon, not by noise in the weights; set network.noisy to false"
        if network.normalisation != "layer":
            return (
                "PQN has no target network and is stable by layer normalisation; network.normalisation is "
                f"{network.normalisation}; set it to layer"
            )
        return None
    if learner.munchausen and head == "c51":
        return (
            "learner.munchausen adds a log-policy to rewards, which leaves the fixed support of network.head "
            "c51; use head q, qr or iqn, or set learner.munchausen to null"
        )
    if learner.loss == "mse" and head != "q":
        return f"learner.loss mse is for network.head q; {head} has its own: set learner.loss to huber"
    if learner.kappa != 1 and head not in ("qr", "iqn"):
        return f"learner.kappa {learner.kappa:g} is for network.head qr or iqn, not {head}; leave it at 1"
    return None
