"""What a search's leaves are worth: a network's opinion, or the end of a random game."""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tengen.envs.game import Floats, Game, States
from tengen.envs.rng import make_rng
from tengen.networks.pending import Done, Pending

Playout = Callable[[States, NDArray[np.uint64]], Any]  # finishes games in place by a stream of chance

ROLLOUTS_AT_ONCE = 1024  # bounds the memory of many rollouts a leaf


class ObservationEvaluator(Protocol):
    """A network behind an array interface, as `tengen.networks.evaluator` makes it."""

    def __call__(self, observations: Floats, /) -> tuple[Floats, Floats]:
        """Policy logits [B, A] and values [B] of observations [B, C, H, W]."""


def submitted(evaluator: Any, states: States, observations: Floats) -> Pending:
    """Leaves given to an evaluator, which may answer later where it can."""
    submit = getattr(evaluator, "submit", None)
    if submit is None:
        return Done(evaluator.evaluate(states, observations))
    pending: Pending = submit(states, observations)
    return pending


def forward(network: Any, observations: Floats) -> Pending:
    """Observations given to a network, which may answer later where it can."""
    submit = getattr(network, "submit", None)
    pending: Pending = Done(network(observations)) if submit is None else submit(observations)
    return pending


class NetworkLeaves:
    """Leaves judged by a network from their observation."""

    observes = True

    def __init__(self, network: ObservationEvaluator) -> None:
        self.network = network

    def evaluate(self, states: States, observations: Floats) -> tuple[Floats, Floats]:
        """One batched forward."""
        return self.network(observations)

    def submit(self, states: States, observations: Floats) -> Pending:
        """The same, to be waited for."""
        return forward(self.network, observations)


class RolloutLeaves:
    """Leaves judged by random games to the end, with a flat prior: tree search without a network."""

    observes = False

    def __init__(self, game: Game, seed: int, rollouts: int = 1, playout: Playout | None = None) -> None:
        """playout: how games are finished; uniformly at random unless told."""
        self.game = game
        self._playout = playout or game.playout
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
            self._playout(ends, self._rng)
            results = np.empty((len(ends), 2), np.float32)
            self.game.returns(ends, results)
            total += results[:, 0].reshape(batch, copies).sum(1)
            left -= copies
        return self._logits[:batch], (sign * total / self.rollouts).astype(np.float32)


class MixedLeaves:
    """AlphaGo's leaves (Silver et al. 2016): priors of a policy network; a value that mixes a network's with
    the end of games, (1 - share) * network + share * rollouts.

    The value may be another network's, that sees the positions in planes of its own.
    """

    observes = True

    def __init__(
        self,
        policy: ObservationEvaluator,
        *,
        value: ObservationEvaluator | None = None,
        value_game: Game | None = None,
        rollouts: RolloutLeaves | None = None,
        share: float = 0.0,
    ) -> None:
        """value_game: as the value network sees it. rollouts are needed where share is above 0."""
        self.policy, self.value, self.value_game = policy, value, value_game
        self.rollouts, self.share = rollouts, share
        self._observations = np.zeros((0, 0, 0, 0), np.float32)

    def evaluate(self, states: States, observations: Floats) -> tuple[Floats, Floats]:
        """The policy's logits and the mixed values; plays the states to their end."""
        logits, values = self.policy(observations)
        if self.value is not None and self.share < 1:
            assert self.value_game is not None
            if len(self._observations) < len(states):
                self._observations = self.value_game.new_observation(len(states))
            seen = self._observations[: len(states)]
            self.value_game.observe(states, seen)
            values = self.value(seen)[1]
        if self.rollouts is not None and self.share > 0:
            ends = self.rollouts.evaluate(states, observations)[1]
            values = (1 - self.share) * values + self.share * ends
        return logits, values.astype(np.float32)
