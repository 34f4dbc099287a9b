"""What a replay of single steps may be told."""

from typing import Annotated

from pydantic import Field, model_validator

from tengen.config import ConfigModel

Fraction = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1, le=1_000_000_000)]


class ReplayConfig(ConfigModel):
    """The newest steps of all worlds, and how the learner draws from them."""

    capacity: Count = 1_000_000
    """Steps kept, all worlds together."""
    min_steps: Count = 20_000
    """Learning starts when there are so many."""
    prioritised: bool = False
    """Draw in proportion to errors (Schaul et al. 2016, proportional variant) instead of evenly."""
    alpha: Fraction = 0.5
    """Power of the priorities; 0 draws evenly."""
    beta_start: Fraction = 0.4
    """Power of the importance weights at the first step of the run..."""
    beta_end: Fraction = 1.0
    """... and at its last; linear in between."""
    floor: Annotated[float, Field(gt=0, le=1)] = 1e-6
    """Added to every error, so that nothing is never drawn again."""
    on_disk: bool = False
    """Keep frames in a file of the run directory, which the system reads ahead and writes behind."""

    @model_validator(mode="after")
    def _can_start(self) -> "ReplayConfig":
        if self.min_steps > self.capacity:
            raise ValueError(
                f"min_steps {self.min_steps} is more than the capacity {self.capacity}: "
                "learning would never start"
            )
        return self

    def beta(self, progress: float) -> float:
        """Power of the importance weights when `progress` (0 to 1) of the run is done."""
        return self.beta_start + (self.beta_end - self.beta_start) * min(max(progress, 0.0), 1.0)
