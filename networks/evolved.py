"""The individual that a checkpoint of evolution plays by."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tengen.errors import TengenError
from tengen.files import disk_faults
from tengen.networks.checkpoint_files import read_state, read_weights, write_checkpoint
from tengen.networks.paths import STATE, WEIGHTS, find_checkpoint

CHAMPION = "champion"  # name of its weights among a checkpoint's tensors


@dataclass(frozen=True)
class Evolved:
    """A champion: the weights of its network, and what it was bred for."""

    folder: Path
    game: str
    network: dict[str, Any]  # as configurations write it: name, and the size of a convolutional one
    weights: NDArray[np.float32]  # [N]
    king: float
    depth: int
    generation: int
    player: str = "policy"  # how a convolutional one plays
    simulations: int = 0  # of each move's tree search, where it was bred by one


def read_evolved(path: Path | str, game: str | None = None) -> Evolved:
    """The champion of a checkpoint, run or model folder.

    Raises TengenError where there is none, it is damaged, or it was bred for another game.
    """
    folder = find_checkpoint(path)
    state = read_state(folder / STATE)
    if "evolved" not in state:
        raise TengenError(f"{folder}: was not bred by evolution; play it as mcts:{folder} or policy:{folder}")
    tensors = read_weights(folder / WEIGHTS, str(state.get("weights_blake2b")))
    try:
        evolved = state["evolved"]
        found = Evolved(
            folder=folder,
            game=str(state["game"]),
            network=dict(evolved["network"]),
            weights=tensors[CHAMPION].float().numpy(),
            king=float(evolved["king"]),
            depth=int(evolved["depth"]),
            generation=int(state["step"]),
            player=str(evolved.get("player", "policy")),
            simulations=int(evolved.get("simulations", 0)),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise TengenError(f"{folder / STATE}: lacks {error}; the checkpoint is damaged") from error
    if not np.isfinite(found.weights).all() or not np.isfinite(found.king):
        raise TengenError(f"{folder / WEIGHTS}: '{CHAMPION}' holds infinities or NaN")
    if game is not None and game != found.game:
        raise TengenError(f"{folder}: was bred for {found.game} and cannot play {game}")
    return found


def ship(path: Path | str, folder: Path | str) -> None:
    """Write the champion of a checkpoint or run to a folder alone: it plays, and no run goes on from it.

    Raises TengenError where there is no champion, MachineError where it cannot be written.
    """
    found = read_evolved(path)
    about = {
        "game": found.game,
        "evolved": {
            "network": found.network,
            "king": found.king,
            "depth": found.depth,
            "player": found.player,
            "simulations": found.simulations,
        },
        "step": found.generation,
    }
    folder = Path(folder)
    with disk_faults(folder, "make the folder"):
        folder.mkdir(parents=True, exist_ok=True)
    write_checkpoint(folder, {CHAMPION: torch.from_numpy(found.weights.copy())}, about)
