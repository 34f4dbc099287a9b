"""The rollout policy: a softmax that is linear in 3x3 patterns; what it is, how it is kept, and an agent."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tengen.agents.base import Agent
from tengen.agents.policy import sharpen
from tengen.envs.game import Floats, Game, Ints, States
from tengen.envs.go.game import Go
from tengen.envs.go.pattern_learning import weigh_batch
from tengen.envs.go.patterns import AWAY, BESIDE, DIAGONAL, SCRATCH, pattern_classes, playout_by_patterns
from tengen.errors import TengenError

KIND = "patterns-3x3"
LEAST = 1e-6  # of a weight, so that no legal move is impossible


class RolloutPolicy:
    """Moves of Go by patterns, for any size of board. One thread at a time may use it."""

    def __init__(self, weights: Floats) -> None:
        """weights [3, K]: of each class of patterns; of it next to the last move; [2, 0] beside that,
        [2, 1] at its corner."""
        classes = pattern_classes()
        away, near = weights[0][classes], (weights[0] + weights[1])[classes]
        table = np.empty((3, len(classes)), np.float32)
        table[AWAY], table[BESIDE], table[DIAGONAL] = away, near + weights[2, 0], near + weights[2, 1]
        self.table = np.maximum(np.exp(np.clip(table, -30, 30)), LEAST).astype(np.float32)
        self._liberties, self._status = np.zeros((2, SCRATCH), np.uint8)
        self._weights = np.zeros(SCRATCH, np.float32)

    def playout(self, states: States, rng: NDArray[np.uint64]) -> int:
        """Finish every game, in place; returns how many moves that took. Advances rng [1]."""
        whole = states if states.flags.c_contiguous else states.copy()
        raw = whole.view(np.uint8).reshape(len(whole), -1)
        played = playout_by_patterns(raw, self.table, rng, self._liberties, self._status, self._weights)
        if whole is not states:
            states[...] = whole
        return int(played)

    def weights(self, states: States) -> Floats:
        """The weight [B, A] of every move, 0 where it is not legal or fills an own eye."""
        found = np.empty((len(states), int(states["size"][0]) ** 2 + 1), np.float32)
        raw = np.ascontiguousarray(states).view(np.uint8).reshape(len(states), -1)
        weigh_batch(raw, self.table, found, self._liberties, self._status)
        return found


def load_rollout_policy(path: Path | str, game: Game) -> RolloutPolicy:
    """The rollout policy of a checkpoint or run. Raises TengenError where there is none for the game."""
    from tengen.networks.checkpoint_files import check_tensors, read_state, read_weights
    from tengen.networks.paths import STATE, WEIGHTS, find_checkpoint

    folder = find_checkpoint(path)
    state: dict[str, Any] = read_state(folder / STATE)
    if state.get("rollout") != KIND:
        raise TengenError(
            f"{folder}: holds no rollout policy, but a network or something else; "
            "a recipe of kind: rollout trains one"
        )
    if not isinstance(game, Go):
        raise TengenError(f"{folder}: is a rollout policy for Go, and cannot play {game.name}")
    tensors = read_weights(folder / WEIGHTS, str(state.get("weights_blake2b")))
    import torch

    check_tensors(folder / WEIGHTS, tensors, {"weights": torch.zeros(3, int(pattern_classes().max()) + 1)})
    return RolloutPolicy(tensors["weights"].numpy())


class RolloutAgent(Agent):
    """Draws moves as rollouts do, or plays the likeliest at temperature 0."""

    def __init__(self, name: str, game: Game, policy: RolloutPolicy, temperature: float, seed: int) -> None:
        self.name, self.game, self.policy, self.temperature = name, game, policy, temperature
        self._rng = np.random.default_rng(seed)

    def choose(self, states: States, slots: Ints) -> NDArray[np.int32]:
        with np.errstate(divide="ignore"):
            logits = np.log(self.policy.weights(states))
        # At temperature 0 chance decides among moves that are alike, as many are.
        scores = sharpen(logits, self.temperature or 1e-6) + self._rng.gumbel(size=logits.shape)
        return scores.argmax(1).astype(np.int32)
