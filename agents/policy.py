"""A network's policy without any search."""

import numpy as np
from numpy.typing import NDArray

from tengen.agents.base import Agent
from tengen.agents.mcts.evaluators import ObservationEvaluator
from tengen.envs.game import Game, Ints, States


class PolicyAgent(Agent):
    """Plays the network's likeliest legal action, or samples at a temperature."""

    def __init__(
        self, name: str, game: Game, network: ObservationEvaluator, temperature: float, seed: int
    ) -> None:
        self.name = name
        self.game = game
        self.network = network
        self.temperature = temperature
        self._rng = np.random.default_rng(seed)

    def choose(self, states: States, slots: Ints) -> NDArray[np.int32]:
        legal = self.game.new_mask(len(states))
        observations = self.game.new_observation(len(states))
        self.game.legal_mask(states, legal)
        self.game.observe(states, observations)
        logits, _ = self.network(observations)
        if self.temperature > 0:
            # Gumbel-max: the argmax of perturbed logits is a sample of the softmax.
            noise = self._rng.gumbel(size=logits.shape)
            logits = (logits / self.temperature + noise).astype(np.float32)
        return np.where(legal, logits, -np.inf).argmax(1).astype(np.int32)
