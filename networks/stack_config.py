"""What a configuration may say of the papers' networks."""

from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from tengen.networks.spec import NetworkConfig

Architecture = Literal["clark-storkey", "maddison", "alphago-policy", "alphago-value"]


class Layers(NamedTuple):
    """The convolutions of a network, first to last, each (channels, kernel), and how they are made."""

    convolutions: tuple[tuple[int, int], ...]
    is_symmetric: bool = False
    has_point_bias: bool = False


class StackConfig(BaseModel):
    """A network of a paper: convolutions in a row, and one head.

    clark-storkey: Clark & Storkey 2014, 64@7x7, 2x 64@5x5, 2x 48@5x5, 2x 32@5x5, one fully connected layer,
    all with weights tied by symmetry. maddison: Maddison et al. 2014, 5x5 and then 3x3, a bias for each
    place. alphago-policy and alphago-value: Silver et al. 2016, methods, "neural network architecture".
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    architecture: Architecture
    channels: int | None = Field(None, ge=4, le=2048, description="of the convolutions; null as published")
    convolutions: int | None = Field(None, ge=2, le=128, description="how many; null as published")
    norm: Literal["none", "batch"] = Field("none", description="before each ReLU; the papers have none")
    value: bool = Field(False, description="of a policy network: a value head on its last features besides")

    def layers(self) -> Layers:
        """The convolutions before the head."""
        if self.architecture == "clark-storkey":
            published = ((64, 7), (64, 5), (64, 5), (48, 5), (48, 5), (32, 5), (32, 5))
            sizes = (published + published[-1:] * 128)[: self.convolutions or 7]
            return Layers(tuple((self.channels or c, k) for c, k in sizes), is_symmetric=True)
        # Of Maddison's 12 layers and AlphaGo's 13 the last one is the head.
        number, width = {"maddison": (11, 128), "alphago-policy": (12, 192), "alphago-value": (12, 192)}[
            self.architecture
        ]
        channels = self.channels or width
        count = self.convolutions or number
        return Layers(
            ((channels, 5), *[(channels, 3)] * (count - 1)), has_point_bias=self.architecture == "maddison"
        )


def network_config(values: dict[str, Any]) -> NetworkConfig | StackConfig:
    """The configuration that a checkpoint keeps as plain values. Raises pydantic's ValidationError."""
    return StackConfig(**values) if "architecture" in values else NetworkConfig(**values)


def _which(value: Any) -> str:
    if isinstance(value, dict):
        return "paper" if "architecture" in value else "residual"
    return "paper" if isinstance(value, StackConfig) else "residual"


#: A residual tower of ours, or with the key `architecture` a network of a paper.
BoardNetworkConfig = Annotated[
    Annotated[NetworkConfig, Tag("residual")] | Annotated[StackConfig, Tag("paper")], Discriminator(_which)
]
