"""A network's policy without any search."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tengen.agents.base import Agent
from tengen.agents.mcts.evaluators import ObservationEvaluator
from tengen.envs.game import Game, Ints, States


def sharpen(logits: NDArray[Any], temperature: float) -> NDArray[np.float64]:
    """Logits [B, A] over a temperature above 0, the largest at 0 so that it stays finite at any.

    The argmax of these with Gumbel noise is a sample of their softmax (Gumbel-max).
    """
    above = logits - logits.max(1, keepdims=True)
    with np.errstate(over="ignore"):
        return np.divide(above, temperature, dtype=np.float64)


class PolicyAgent(Agent):
    """Plays the network's likeliest legal action, or samples at a temperature."""

    def __init__(
        self, name: str, game: Game, network: ObservationEvaluator, temperature: float, seed: int
    ) -> None:
        self.name = name
        self.game = game
        self.planes = game.planes  # that the network sees, whatever set the game comes with later
        self.network = network
        self.temperature = temperature
        self._rng = np.random.default_rng(seed)

    def batch(self, waiting: int) -> int:
        """Batches are padded to a few sizes: not to waste a tenth on padding, some boards may wait."""
        from tengen.networks.evaluator import BATCH_SIZES, padded_size

        full = max(size for size in BATCH_SIZES if size <= waiting)
        return waiting if waiting >= 0.9 * padded_size(waiting) else full

    def choose(self, states: States, slots: Ints) -> NDArray[np.int32]:
        game = self.game.seeing(self.planes)
        legal = game.new_mask(len(states))
        observations = game.new_observation(len(states))
        game.legal_mask(states, legal)
        game.observe(states, observations)
        logits, self.last_values = self.network(observations)
        scores = np.where(legal, logits, -np.inf)
        if self.temperature > 0:
            scores = sharpen(scores, self.temperature) + self._rng.gumbel(size=scores.shape)
        return scores.argmax(1).astype(np.int32)
