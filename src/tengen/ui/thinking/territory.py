"""Who owns which point of a Go board, and by how much Black leads: by a network, or by random games."""

from typing import Any

import numpy as np

from tengen.envs.game import Floats, Game, States
from tengen.envs.rng import make_rng

GAMES = 200
DEAD = 0.5  # a stone is taken to be dead where its point is the other's by so much


def territory(game: Game, state: States, network: Any = None, *, seed: int = 0) -> tuple[Floats, float]:
    """Ownership [H * W] in [-1, 1], 1 Black's; and Black's points less White's, komi included.

    network: a PolicyValueNet with ownership and score heads; None for the mean of random games.
    """
    if state["terminal"][0]:  # go on from it, so that what is dead is taken off
        state = game.from_colors(game.colors(state).reshape(-1), int(state["to_play"][0]))  # type: ignore[attr-defined]
    if network is not None and network.spec.has_ownership:
        return _by_network(game, state, network)
    return _by_playouts(game, state, seed)


def dead_stones(game: Game, state: States, ownership: Floats) -> frozenset[int]:
    """The stones that stand where the other side owns the points, whole chains at a time."""
    from tengen.ui.model.session import chain_at

    colors = game.colors(state).reshape(-1)  # type: ignore[attr-defined]
    dead: set[int] = set()
    seen: set[int] = set()
    for point in np.flatnonzero(colors):
        if int(point) in seen:
            continue
        chain = chain_at(game, state, int(point))
        seen |= chain
        sign = 1 if colors[point] == 1 else -1
        if float(np.mean([ownership[p] for p in chain])) * sign < -DEAD:
            dead |= chain
    return frozenset(dead)


def _by_network(game: Game, state: States, network: Any) -> tuple[Floats, float]:
    import torch

    observation = game.new_observation(1)
    game.observe(state, observation)
    with torch.inference_mode():
        output = network(torch.from_numpy(np.ascontiguousarray(observation)))
    sign = 1.0 if state["to_play"][0] == 0 else -1.0
    ownership = sign * output.ownership[0].float().numpy()
    area = game.obs_shape[1] * game.obs_shape[2]
    return ownership.astype(np.float32), sign * float(output.score[0]) * area


def _by_playouts(game: Game, state: States, seed: int) -> tuple[Floats, float]:
    area = game.obs_shape[1] * game.obs_shape[2]
    ends = np.repeat(state, GAMES)
    game.playout(ends, make_rng(seed))
    owners = np.zeros((GAMES, area), np.int8)
    game.ownership(ends, owners)
    scores = np.zeros(GAMES, np.float32)
    game.score(ends, scores)
    return owners.mean(0).astype(np.float32), float(np.median(scores))
