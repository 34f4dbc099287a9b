"""Positions for a value network, one of each game, so that it cannot learn games by heart.

Silver et al. 2016, methods, "Reinforcement learning of value networks": a number U is drawn; one policy plays
U - 1 moves, one move is drawn from all that are sensible, and another policy plays on to the end. The
position after the random move, and the result, are the sample.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from tengen.console import Progress
from tengen.envs.game import Game
from tengen.errors import TengenError
from tengen.files import atomic_write_bytes, disk_faults
from tengen.networks.checkpoint import checkpoint_planes, load_checkpoint
from tengen.networks.evaluator import NetworkEvaluator
from tengen.selfplay.policy_games import Actor, play_games
from tengen.selfplay.records import DatasetWriter, Recorded
from tengen.selfplay.value_config import ValueConfig, ValueGamesConfig

GAMES = "value-games"  # folder of the finished data set
PORTIONS = "portions"  # folder of what is finished before
OPENING, RANDOM, POLICY = 0, 1, 2  # actors
NO_POSITION = -1


def latest_ply(settings: ValueGamesConfig, game: Game) -> int:
    """The last ply that a position may stand before."""
    points = game.obs_shape[1] * game.obs_shape[2]
    return settings.latest_ply or min(game.max_plies - 1, points * 5 // 4)


def actors_of(settings: ValueGamesConfig, game: Game) -> list[Actor]:
    """Who plays. Raises TengenError for a checkpoint that is none, or of another game."""

    def actor(path: str) -> Actor:
        seen = game.seeing(checkpoint_planes(path))
        network = NetworkEvaluator(load_checkpoint(path, seen)[0], threads=settings.threads or None)
        return Actor(seen, network, settings.temperature, settings.passes_last)

    policy = actor(settings.policy)
    opening = actor(settings.opening) if settings.opening else policy
    return [opening, Actor(game, passes_last=settings.passes_last), policy]


def play_portion(
    settings: ValueGamesConfig, game: Game, actors: list[Actor], count: int, rng: np.random.Generator
) -> dict[str, NDArray[np.generic]]:
    """Games as arrays: lengths, outcomes and chosen [G], actions [T]. chosen: the ply of the position."""
    chosen = rng.integers(1, latest_ply(settings, game) + 1, size=count)

    def who(games: NDArray[np.int64], players: NDArray[np.int64], ply: int) -> NDArray[np.int64]:
        before = ply - (chosen[games] - 1)
        return np.where(before < 0, OPENING, np.where(before == 0, RANDOM, POLICY))

    part = play_games(game, actors, who, count, rng, max_plies=settings.max_plies).part
    return {
        "lengths": part.lengths,
        "outcomes": part.outcomes,
        "actions": part.actions,
        "chosen": np.where(chosen < part.lengths, chosen, NO_POSITION).astype(np.int32),
    }


def make_games(config: ValueConfig, game: Game, folder: Path, stop: Callable[[], bool]) -> bool:
    """Play the games that are missing and make a data set of them; False where `stop` said so before.

    A portion depends on its number alone, and those that are on disk are not played again.
    """
    settings = config.games
    room = folder / PORTIONS
    with disk_faults(room, "make"):
        room.mkdir(exist_ok=True)
    numbers = range(-(-settings.count // settings.at_once))
    sizes = [min(settings.at_once, settings.count - number * settings.at_once) for number in numbers]
    paths = [room / f"{number:06d}.safetensors" for number in numbers]
    there = sum(size for size, path in zip(sizes, paths, strict=True) if path.exists())
    actors: list[Actor] = []
    with Progress("games", settings.count, "games", there) as progress:
        for number, (size, path) in enumerate(zip(sizes, paths, strict=True)):
            if path.exists():
                continue
            if stop():
                return False
            actors = actors or actors_of(settings, game)
            rng = np.random.default_rng([config.seed, number])
            atomic_write_bytes(path, save(dict(play_portion(settings, game, actors, size, rng))))
            progress.advance(size)
    write_dataset(game, paths, folder / GAMES, settings.test)
    shutil.rmtree(room, ignore_errors=True)
    return True


def write_dataset(game: Game, portions: list[Path], folder: Path, test: float) -> None:
    """Make a data set of portions; the position of a game is the one with a value, its result for the mover.

    Raises TengenError for a portion that is damaged, or where no game has a position.
    """
    writer = DatasetWriter(folder, game, test=test)
    for path in portions:
        try:
            arrays = load(path.read_bytes())
        except (SafetensorError, OSError) as error:
            raise TengenError(
                f"{path}: cannot be read ({error}); remove it to play its games again"
            ) from None
        ends = np.cumsum(arrays["lengths"])
        for number in np.flatnonzero(arrays["chosen"] != NO_POSITION):
            end, length = int(ends[number]), int(arrays["lengths"][number])
            actions = arrays["actions"][end - length : end]
            outcome, chosen = int(arrays["outcomes"][number]), int(arrays["chosen"][number])
            value = float(outcome if mover_at(game, actions, chosen) == 0 else -outcome)
            writer.add(Recorded(tuple(map(int, actions)), outcome, (*[float("nan")] * chosen, value)))
    writer.close()


def mover_at(game: Game, actions: NDArray[np.generic], ply: int) -> int:
    """Who is to move after so many of a game's actions."""
    if game.family == "go":
        start = game.new_states(1)
        return int((start["to_play"][0] + ply) % 2)
    state = game.new_states(1)
    for action in actions[:ply]:
        game.step(state, np.array([action], np.int32))
    return int(state["to_play"][0])
