"""Who plays whom in a generation, and what the results are worth."""

import numpy as np
from numpy.typing import NDArray

from tengen.selfplay.evolution_config import FitnessConfig

Jobs = NDArray[np.int32]  # [J, 3] first player, second player, opening
Results = NDArray[np.int32]  # [J, 2] 1, 0 or -1 for the first player; turns


def schedule(
    config: FitnessConfig,
    alive: NDArray[np.bool_],
    hall: int,
    openings: int,
    rng: np.random.Generator,
) -> Jobs:
    """The games of a generation. alive [P]: who can play; players P .. P + hall - 1 are the hall of fame.

    Each individual is first player against random others, drawn with replacement; with `paired` each game is
    followed by the same opening with colours swapped.
    """
    players = np.flatnonzero(alive)
    jobs: list[tuple[int, int, int]] = []
    for player in players:
        others = players[players != player]
        rivals = rng.choice(others, config.games) if len(others) else np.empty(0, np.int64)
        if hall:
            rivals = np.append(rivals, len(alive) + rng.integers(hall, size=config.hall_games))
        for rival in rivals:
            opening = int(rng.integers(openings))
            jobs.append((int(player), int(rival), opening))
            if config.paired:
                jobs.append((int(rival), int(player), opening))
    return np.array(jobs, np.int32).reshape(-1, 3)


def scores(
    config: FitnessConfig, alive: NDArray[np.bool_], jobs: Jobs, results: Results
) -> NDArray[np.float64]:
    """Points [P] of both players of all games; -inf for individuals that could not play."""
    population = len(alive)
    points, games = np.zeros(population), np.zeros(population)
    worth = {1: config.win, 0: config.draw, -1: config.loss}
    for (first, second, _), result in zip(jobs.tolist(), results[:, 0].tolist(), strict=True):
        for player, own in ((first, result), (second, -result)):
            if player < population:
                points[player] += worth[own]
                games[player] += 1
    if config.by == "mean":
        points = points / np.maximum(games, 1)
    points[~alive] = -np.inf
    return points
