"""How much room a replay takes, and whether there is so much."""

import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tengen.agents.dqn.priorities import SumTree
from tengen.agents.dqn.replay_config import ReplayConfig
from tengen.envs.worlds import WorldSpec
from tengen.errors import TengenError
from tengen.files import disk_faults
from tengen.machine import free_memory

#: What is kept of a step beside its frame, together because it is read together, somewhere in the memory.
ENTRY = np.dtype({"names": ["reward", "action", "flags"], "formats": ["f4", "i4", "u1"], "itemsize": 12})
ENTRY_BYTES = ENTRY.itemsize + 8  # and its priority until its steps are complete


def frame_bytes(spec: WorldSpec) -> int:
    """Size of one frame."""
    return math.prod(spec.frame_shape) * np.dtype(spec.frame_dtype).itemsize


def spec_as_json(spec: WorldSpec) -> dict[str, Any]:
    """A world's spec as JSON gives it back."""
    return {
        "name": spec.name,
        "num_actions": spec.num_actions,
        "frame_shape": list(spec.frame_shape),
        "frame_dtype": np.dtype(spec.frame_dtype).name,
        "stack": spec.stack,
    }


def bytes_needed(spec: WorldSpec, config: ReplayConfig) -> int:
    """Memory of the full replay, frames on disk included."""
    return config.capacity * (frame_bytes(spec) + ENTRY_BYTES) + SumTree.bytes_needed(config.capacity)


def ring_length(spec: WorldSpec, config: ReplayConfig, worlds: int, n_step: int) -> int:
    """Steps kept of each world. Raises TengenError where those are too few for transitions."""
    length = config.capacity // worlds
    least = 2 * (n_step + spec.stack)
    if length < least:
        raise TengenError(
            f"a replay of {config.capacity} steps is too small for {worlds} worlds with {n_step} steps a "
            f"transition: its capacity should be {least * worlds} or more"
        )
    return length


def check_room(spec: WorldSpec, config: ReplayConfig, file: Path | None = None) -> None:
    """Raise TengenError where memory, or the disk of `file`, cannot take the full replay."""
    on_disk = config.capacity * frame_bytes(spec) if file is not None else 0
    if file is not None:
        with disk_faults(file.parent, "make the folder"):
            file.parent.mkdir(parents=True, exist_ok=True)
            free = shutil.disk_usage(file.parent).free
            free += file.stat().st_blocks * 512 if file.exists() else 0  # what it holds now is written over
        _check_fits(spec, config, on_disk, free, f"of the disk of {file.parent}")
    in_memory = bytes_needed(spec, config) - on_disk
    advice = "" if on_disk else ", or replay.on_disk=true"
    _check_fits(spec, config, in_memory, free_memory(), "of memory", advice)


def _check_fits(
    spec: WorldSpec, config: ReplayConfig, needed: int, free: int, where: str, advice: str = ""
) -> None:
    if needed > free:
        fitting = int(config.capacity * 0.9 * free / needed)
        raise TengenError(
            f"a replay of {config.capacity:,} steps of {spec.name} takes {needed / 1e9:.2f} GB {where}, "
            f"of which {free / 1e9:.2f} GB are free: replay.capacity={fitting} would fit{advice}"
        )


def room_for(file: Path | None, frames: int, size: int) -> NDArray[Any]:
    """Zeros [frames, words] of the widest word that divides `size`, the bytes of a frame.

    In a new file where one is named. Raises MachineError.
    """
    word = np.dtype(next(word for word in (np.uint64, np.uint32, np.uint8) if size % word().itemsize == 0))
    shape = (frames, size // word.itemsize)
    if file is None:
        return np.zeros(shape, word)  # pages come from the system when first written to
    with disk_faults(file, "make"):
        return np.asarray(np.memmap(file, word, "w+", shape=shape))
