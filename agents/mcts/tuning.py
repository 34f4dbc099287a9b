"""Tree search whose constants are not the written ones but those times exp of some numbers, for evolution."""

import numpy as np
from numpy.typing import NDArray

from tengen.agents.mcts.agent import MctsAgent
from tengen.agents.mcts.config import SearchConfig
from tengen.envs.game import Game
from tengen.errors import TengenError

#: What can be tuned; a rule of selection uses some of them, and the others drift.
CONSTANTS = ("c_uct", "c_init", "c_base", "fpu_reduction", "c_visit", "c_scale")
TUNED = (*CONSTANTS, "temperature")  # that of an agent's first plies; 0 stays 0


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
    changed = {
        name: getattr(config, name) * float(factor)
        for name, factor in zip(CONSTANTS, factors_of(weights), strict=False)
    }
    return config.model_copy(update=changed)


def factors_of(weights: NDArray[np.floating]) -> NDArray[np.float64]:
    """By what each of TUNED is multiplied. Raises TengenError for more or fewer weights."""
    if weights.shape != (len(TUNED),):
        raise TengenError(f"tree search has {len(TUNED)} constants, got {weights.shape}")
    return np.exp(np.clip(np.asarray(weights, np.float64), -20, 20))


def tuned_agent(
    agent: str, game: Game, weights: NDArray[np.floating], seed: int, name: str | None = None
) -> MctsAgent:
    """The agent of a string with its constants tuned. Raises TengenError."""
    made = middle_of(agent, game, seed)
    made.config = tuned(made.config, weights)
    made.temperature *= float(factors_of(weights)[-1])
    made.name = name or made.name
    return made
