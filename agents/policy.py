"""A network's policy without any search."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tengen.agents.base import Agent
from tengen.agents.mcts.evaluators import ObservationEvaluator
from tengen.envs.game import Bools, Game, Ints, States
from tengen.envs.go.game import Go
from tengen.envs.go.patterns import sensible_batch


def sharpen(logits: NDArray[Any], temperature: float) -> NDArray[np.float64]:
    """Logits [B, A] over a temperature above 0, the largest at 0 so that it stays finite at any.

    The argmax of these with Gumbel noise is a sample of their softmax (Gumbel-max).
    """
    above = logits - logits.max(1, keepdims=True)
    with np.errstate(over="ignore"):
        return np.divide(above, temperature, dtype=np.float64)


def allowed(game: Game, states: States, passes_last: bool) -> Bools:
    """The moves [B, A] that a policy draws from: the legal ones.

    passes_last: of Go, none that fills an own eye, and the pass where there is no other. Games then go on
    until area counting is right, which games of people, who agree about dead stones, do not.
    """
    mask = game.new_mask(len(states))
    if passes_last and isinstance(game, Go):
        sensible_batch(np.ascontiguousarray(states).view(np.uint8).reshape(len(states), -1), mask)
    else:
        game.legal_mask(states, mask)
    return mask


class PolicyAgent(Agent):
    """Plays the network's likeliest legal action, or samples at a temperature."""

    def __init__(
        self,
        name: str,
        game: Game,
        network: ObservationEvaluator,
        temperature: float,
        seed: int,
        *,
        passes_last: bool = False,
    ) -> None:
        """passes_last: of Go, it fills no own eye, and passes only where there is no other move."""
        self.name = name
        self.game = game
        self.planes = game.planes  # that the network sees, whatever set the game comes with later
        self.network = network
        self.temperature = temperature
        self.passes_last = passes_last
        self._rng = np.random.default_rng(seed)

    def batch(self, waiting: int) -> int:
        """Batches are padded to a few sizes: not to waste a tenth on padding, some boards may wait."""
        from tengen.networks.evaluator import BATCH_SIZES, padded_size

        full = max(size for size in BATCH_SIZES if size <= waiting)
        return waiting if waiting >= 0.9 * padded_size(waiting) else full

    def choose(self, states: States, slots: Ints) -> NDArray[np.int32]:
        game = self.game.seeing(self.planes)
        observations = game.new_observation(len(states))
        legal = allowed(game, states, self.passes_last)
        game.observe(states, observations)
        logits, self.last_values = self.network(observations)
        scores = np.where(legal, logits, -np.inf)
        if self.temperature > 0:
            scores = sharpen(scores, self.temperature) + self._rng.gumbel(size=scores.shape)
        return scores.argmax(1).astype(np.int32)
