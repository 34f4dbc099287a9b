"""Tree search whose constants are not the written ones but those times exp of some numbers, for evolution."""

import numpy as np
from numpy.typing import NDArray

from tengen.agents.mcts.agent import MctsAgent
from tengen.agents.mcts.config import SearchConfig
from tengen.envs.game import Game
from tengen.errors import TengenError

#: What can be tuned; a rule of selection uses some of them, and the others drift.
CONSTANTS = ("c_uct", "c_init", "c_base", "fpu_reduction", "c_visit", "c_scale")


def middle_of(agent: str, game: Game, seed: int = 0) -> MctsAgent:
    """The agent of a string, which must be one of tree search. Raises TengenError."""
    from tengen.agents.registry import make_agent

    made = make_agent(agent, game, seed=seed)
    if not isinstance(made, MctsAgent):
        made.close()
        raise TengenError(f"agent '{agent}' has no constants of tree search; take one such as mcts?sims=100")
    return made


def tuned(config: SearchConfig, weights: NDArray[np.floating]) -> SearchConfig:
    """A search's configuration with each of CONSTANTS times exp of a weight; 0 leaves it as it was."""
    if weights.shape != (len(CONSTANTS),):
        raise TengenError(f"tree search has {len(CONSTANTS)} constants, got {weights.shape}")
    factors = np.exp(np.clip(np.asarray(weights, np.float64), -20, 20))
    changed = {name: getattr(config, name) * float(f) for name, f in zip(CONSTANTS, factors, strict=True)}
    return config.model_copy(update=changed)


def tuned_agent(
    agent: str, game: Game, weights: NDArray[np.floating], seed: int, name: str | None = None
) -> MctsAgent:
    """The agent of a string with its constants tuned. Raises TengenError."""
    made = middle_of(agent, game, seed)
    made.config = tuned(made.config, weights)
    made.name = name or made.name
    return made
