"""What a search may be told."""

from typing import Literal

from pydantic import Field

from tengen.agents.mcts.arrays import GUMBEL, PUCT, UCT, Rule
from tengen.config import ConfigModel


class SearchConfig(ConfigModel):
    """Settings of a tree search; defaults suit self-play on a small budget."""

    rule: Literal["gumbel", "puct", "uct"] = "gumbel"
    simulations: int = Field(16, ge=0, le=1_000_000)
    leaves: int = Field(1, ge=1, le=256, description="leaves of one game evaluated together")
    virtual_loss: float = Field(1.0, ge=0, description="only felt where leaves > 1")
    # Gumbel
    considered: int = Field(8, ge=1, le=1_000_000, description="actions considered at the root")
    c_visit: float = Field(50.0, ge=0)
    c_scale: float = Field(0.5, ge=0, description="for values in [-1, 1]; the paper's 1.0 is for [0, 1]")
    # UCT
    c_uct: float = Field(1.0, ge=0, description="for values in [-1, 1]")
    # PUCT
    c_init: float = Field(1.25, ge=0)
    c_base: float = Field(19652.0, gt=0)
    fpu_reduction: float = Field(0.25, ge=0)
    dirichlet_alpha: float = Field(10.0, gt=0, description="divided by the number of legal actions")
    noise_fraction: float = Field(0.25, ge=0, le=1)
    forced_playouts: float = Field(2.0, ge=0)

    def constants(self, noisy: bool) -> Rule:
        """The constants as kernels take them; without noise for play, with it for self-play."""
        return Rule(
            kind={"gumbel": GUMBEL, "puct": PUCT, "uct": UCT}[self.rule],
            considered=self.considered,
            c_visit=self.c_visit,
            c_scale=self.c_scale,
            c_init=self.c_init,
            c_base=self.c_base,
            c_uct=self.c_uct,
            fpu_reduction=self.fpu_reduction,
            noise_fraction=self.noise_fraction if noisy else 0.0,
            forced_playouts=self.forced_playouts if noisy else 0.0,
            virtual_loss=self.virtual_loss if self.leaves > 1 else 0.0,
        )
