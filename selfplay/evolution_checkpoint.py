"""A run of evolution saved whole and taken up again: population, step sizes, hall of fame and counters."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tengen.console import Progress
from tengen.errors import TengenError
from tengen.networks.checkpoint_files import read_state, read_weights, write_checkpoint
from tengen.networks.evolved import CHAMPION
from tengen.networks.paths import STATE, WEIGHTS
from tengen.rundir import RunDir
from tengen.selfplay.clock import RunClock
from tengen.selfplay.evolution_config import LASTING, EvolutionConfig
from tengen.selfplay.hall import Champion, Hall
from tengen.selfplay.resume import explained
from tengen.selfplay.strategies import Strategy


@dataclass
class SavedEvolution:
    """The parts of a run that a checkpoint keeps."""

    config: EvolutionConfig
    strategy: Strategy
    hall: Hall
    clock: RunClock
    champion: Champion | None = None


def save(saved: SavedEvolution, run: RunDir, mark: bool = False) -> None:
    """Write a checkpoint after a generation."""
    champion, config = saved.champion, saved.config
    assert champion is not None
    arrays: dict[str, NDArray[Any]] = {CHAMPION: champion.weights}
    arrays |= {f"strategy.{name}": array for name, array in saved.strategy.arrays().items()}
    arrays |= {f"hall.{name}": array for name, array in saved.hall.arrays().items()}
    about = {
        "game": config.game,
        "evolved": {
            "network": config.network.model_dump(),
            "king": champion.king,
            "depth": config.fitness.depth,
            "player": config.fitness.player,
            "simulations": config.fitness.simulations if config.fitness.player == "gumbel" else 0,
            "score": champion.score,
        },
        "step": saved.clock.update,
        "extra": {
            "loop": saved.clock.state(),
            "config": config.model_dump(mode="json"),
            "hall_generations": saved.hall.generations,
        },
    }
    tensors = {name: torch.from_numpy(np.array(array, copy=True)) for name, array in arrays.items()}
    with run.new_checkpoint(saved.clock.update, mark=mark) as checkpoint:
        write_checkpoint(checkpoint, tensors, about)


def restore(saved: SavedEvolution, run: RunDir) -> None:
    """Take up the run's newest checkpoint. Raises TengenError where it cannot be read or does not fit."""
    latest = run.latest_checkpoint()
    if latest is None:  # stopped before its first checkpoint: it begins anew
        return
    generation, folder = latest
    state = read_state(folder / STATE)
    tensors = read_weights(folder / WEIGHTS, str(state.get("weights_blake2b")))
    with explained(folder, run):
        # Keys that there were not yet have their defaults.
        before = EvolutionConfig.model_validate(state["extra"]["config"]).model_dump(mode="json")
        now = saved.config.model_dump(mode="json")
    changed = changed_keys(before, now)
    if lasting := [key for key in changed if key.split(".")[0] in LASTING]:
        raise TengenError(
            f"{run.path}: {', '.join(lasting)} cannot change in a run that goes on "
            f"({lasting[0]} was {_value(before, lasting[0])}, is {_value(now, lasting[0])}); begin a new one"
        )
    with explained(folder, run):
        arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
        saved.strategy.restore(_under("strategy.", arrays))
        saved.hall.restore(_under("hall.", arrays), state["extra"]["hall_generations"])
        saved.clock.restore(state["extra"]["loop"])
        evolved = state["evolved"]
        saved.champion = Champion(arrays[CHAMPION], evolved["king"], evolved["score"], generation)
    about = f"resumed at generation {generation}" + (f"; changed: {', '.join(changed)}" if changed else "")
    run.log(about)
    Progress("starting").say(about)


def changed_keys(before: dict[str, Any], now: dict[str, Any], prefix: str = "") -> list[str]:
    """Dotted keys whose values differ."""
    found = []
    for key in sorted(before.keys() | now.keys()):
        old, new = before.get(key), now.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            found += changed_keys(old, new, f"{prefix}{key}.")
        elif old != new:
            found.append(prefix + key)
    return found


def _value(config: dict[str, Any], dotted: str) -> Any:
    value: Any = config
    for key in dotted.split("."):
        value = value[key]
    return value


def _under(prefix: str, arrays: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
