"""What a run may be told of the network that it starts from."""

from typing import Annotated, Any

from pydantic import AliasChoices, BeforeValidator, Field

from tengen.config import ConfigModel


class InitConfig(ConfigModel):
    """A network to start from, and how its lower layers go on."""

    path: Annotated[str, Field(min_length=1, validation_alias=AliasChoices("from", "path"))]
    """A run, a checkpoint or a network that ships; written `from`, or alone as init=PATH."""
    freeze: Annotated[int, Field(ge=0)] = 0
    """So many of the lowest layers stay as they are: the stem or first convolution, then block by block."""
    slower: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Factor of the learning rate for the other layers below the heads."""


def _section(value: Any) -> Any:
    return {"from": value} if isinstance(value, str) else value


#: `init: PATH` or `init: {from: PATH, freeze: N, slower: F}`.
Init = Annotated[InitConfig | None, BeforeValidator(_section)]
