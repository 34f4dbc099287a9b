"""What every kind of rollouts may be told about Ray actors."""

from typing import Annotated, Literal

from pydantic import Field

from tengen.config import ConfigModel

AUTO = "auto"


class ActorsConfig(ConfigModel):
    """How many actors, where, and what each takes of a machine."""

    workers: Annotated[int, Field(ge=0, le=10_000)] | Literal["auto"] = 0
    """Ray actors; 0 plays in this process, auto fills the machine or the cluster and follows it."""
    address: str | None = None
    """Ray cluster to join; none starts one here."""
    cpus_per_worker: Annotated[float, Field(ge=0)] = 1.0
    gpus_per_worker: Annotated[float, Field(ge=0)] = 0.0
    placement: Literal["pack", "spread"] = "pack"
    """Fill one machine after the other, or spread over all."""
    in_flight: Annotated[int, Field(ge=1, le=100)] = 2
    """Calls outstanding at each actor."""
