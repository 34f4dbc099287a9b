"""Uniformly random legal actions."""

import numpy as np
from numpy.typing import NDArray

from tengen.agents.base import Agent
from tengen.envs.game import Game, Ints, States


class RandomAgent(Agent):
    """Plays any legal action with equal probability (in Go a pass among them)."""

    def __init__(self, game: Game, seed: int) -> None:
        self.name = "random"
        self.game = game
        self._rng = np.random.default_rng(seed)

    def choose(self, states: States, slots: Ints) -> NDArray[np.int32]:
        legal = self.game.new_mask(len(states))
        self.game.legal_mask(states, legal)
        return np.where(legal, self._rng.random(legal.shape), -1.0).argmax(1).astype(np.int32)
