"""What a search's leaves are worth: a network's opinion, or the end of a random game."""

from typing import Protocol

import numpy as np

from tengen.envs.game import Floats, Game, States
from tengen.envs.rng import make_rng


class ObservationEvaluator(Protocol):
    """A network behind an array interface, as `tengen.networks.evaluator` makes it."""

    def __call__(self, observations: Floats, /) -> tuple[Floats, Floats]:
        """Policy logits [B, A] and values [B] of observations [B, C, H, W]."""


class NetworkLeaves:
    """Leaves judged by a network from their observation."""

    observes = True

    def __init__(self, network: ObservationEvaluator) -> None:
        self.network = network

    def evaluate(self, states: States, observations: Floats) -> tuple[Floats, Floats]:
        """One batched forward."""
        return self.network(observations)


class RolloutLeaves:
    """Leaves judged by random games to the end, with a flat prior: tree search without a network."""

    observes = False

    def __init__(self, game: Game, seed: int, rollouts: int = 1) -> None:
        self.game = game
        self.rollouts = rollouts
        self._rng = make_rng(seed)
        self._logits = np.zeros((1, game.num_actions), np.float32)

    def evaluate(self, states: States, observations: Floats) -> tuple[Floats, Floats]:
        """The mean result of `rollouts` random games from each state, for the side to move."""
        batch = len(states)
        if len(self._logits) < batch:
            self._logits = np.zeros((batch, self.game.num_actions), np.float32)
        side = states["to_play"].copy()
        ends = np.repeat(states, self.rollouts) if self.rollouts > 1 else states
        self.game.playout(ends, self._rng)
        results = np.empty((len(ends), 2), np.float32)
        self.game.returns(ends, results)
        values = results.reshape(batch, self.rollouts, 2).mean(1)[np.arange(batch), side]
        return self._logits[:batch], values.astype(np.float32)
