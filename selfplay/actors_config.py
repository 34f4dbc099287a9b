"""What every kind of rollouts may be told about Ray actors."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

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
    """As Ray places by itself, which leaves machines free as long as others have room, or spread over all."""
    in_flight: Annotated[int, Field(ge=1, le=100)] = 2
    """Calls outstanding at each actor."""

    @model_validator(mode="before")
    @classmethod
    def _as_many_as_fit(cls, data: Any) -> Any:
        """A cluster is joined by actors, whose number need not be told."""
        is_told = not isinstance(data, dict) or "workers" in data or not data.get("address")
        return data if is_told else {**data, "workers": AUTO}

    @model_validator(mode="after")
    def _on_ray(self) -> "ActorsConfig":
        for name in ("address", "gpus_per_worker"):
            if self.workers == 0 and (value := getattr(self, name)):
                raise ValueError(
                    f"{name}={value} is for Ray actors, and workers is 0; say workers=auto, or how many"
                )
        return self
