"""Self-play without a network's cost: an evaluator that only reads the board, and small settings."""

from typing import Any

import numpy as np

from tengen.envs import make_game
from tengen.envs.game import Floats, Game
from tengen.networks.heads import PolicyValueNet
from tengen.networks.spec import NetworkConfig, spec_for
from tengen.selfplay.config import TrainConfig
from tengen.selfplay.games import Games
from tengen.selfplay.worker import SelfPlayWorker

TINY = {"blocks": 1, "channels": 8, "head_channels": 4, "value_hidden": 8}


class Opinion:
    """A fixed opinion on every observation: random projections of the board, or one value for all."""

    def __init__(self, game: Game, value: float | None = None) -> None:
        size = int(np.prod(game.obs_shape))
        rng = np.random.default_rng(7)
        self._policy = rng.normal(size=(size, game.num_actions)).astype(np.float32) / 4
        self._value = rng.normal(size=size).astype(np.float32) / 8
        self._constant = value

    def __call__(self, observations: Floats) -> tuple[Floats, Floats]:
        flat = np.ascontiguousarray(observations).reshape(len(observations), -1)
        values = np.tanh(flat @ self._value)
        if self._constant is not None:
            values[:] = self._constant
        return flat @ self._policy, values


def small(game: str = "connect4", **sections: Any) -> TrainConfig:
    """A configuration of a few seconds; sections as in a recipe."""
    values: dict[str, Any] = {
        "game": game,
        "seed": 3,
        "network": TINY,
        "search": {"simulations": 6, "considered": 4},
        "rollouts": {"games": 8, "threads": 1, "positions_per_update": 96, "opening_plies": 2},
        "replay": {"base": 400, "min_positions": 64},
        "learner": {"batch_size": 32, "threads": 1, "warmup_steps": 2},
    }
    for name, section in sections.items():
        values[name] = (
            {**values[name], **section} if isinstance(section, dict) and name in values else section
        )
    return TrainConfig.model_validate(values)


def worker(config: TrainConfig, seed: int = 1, value: float | None = None) -> SelfPlayWorker:
    """A worker that plays by `Opinion`."""
    game = make_game(config.game)
    return SelfPlayWorker(game, Opinion(game, value), config, seed)


def played(config: TrainConfig, positions: int = 300, seed: int = 1) -> Games:
    """Games of self-play with about so many recorded positions."""
    games, _ = worker(config, seed).collect(positions)
    return games


def network(config: TrainConfig) -> PolicyValueNet:
    """A fresh network of the configuration's size."""
    return PolicyValueNet(NetworkConfig(**config.network.model_dump()), spec_for(make_game(config.game)))


def plies_of(games: Games, number: int) -> slice:
    """Where game `number` stands in arrays over plies."""
    end = int(np.cumsum(games.lengths)[number])
    return slice(end - int(games.lengths[number]), end)


def newest(config: Any) -> dict[str, Any]:
    from tengen.networks.weights import network_weights

    return network_weights(network(config))
