"""What a search's leaves are worth: a network's opinion, or the end of a random game."""

from typing import Protocol

import numpy as np

from tengen.envs.game import Floats, Game, States
from tengen.envs.rng import make_rng

ROLLOUTS_AT_ONCE = 1024  # bounds the memory of many rollouts a leaf


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
        sign = np.where(states["to_play"] == 0, 1.0, -1.0)
        total = np.zeros(batch)  # player 0's
        left = self.rollouts
        while left:
            copies = min(left, max(1, ROLLOUTS_AT_ONCE // batch))
            ends = states if left == 1 else np.repeat(states, copies)
            self.game.playout(ends, self._rng)
            results = np.empty((len(ends), 2), np.float32)
            self.game.returns(ends, results)
            total += results[:, 0].reshape(batch, copies).sum(1)
            left -= copies
        return self._logits[:batch], (sign * total / self.rollouts).astype(np.float32)
