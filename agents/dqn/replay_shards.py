"""A replay on disk: its entries in compressed shards, each written once, while the run goes on.

A shard holds the entries of all worlds since the last, so that a checkpoint writes only what is new, and the
little that `write_filled` has not written before it.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import zstandard
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as from_bytes
from safetensors.numpy import save as to_bytes

from tengen.agents.dqn.replay import FrameReplay
from tengen.agents.dqn.replay_room import frame_bytes, spec_as_json
from tengen.files import atomic_write_bytes, disk_faults

SHARD_BYTES = 8_000_000  # before compression: what a save holds in memory at a time, twice
MAX_SHARD_STEPS = 65_536
LEVEL = 1  # of zstandard: frames of games shrink to a tenth or less faster than most disks write


class ReplayShards:
    """The shards of one replay in one folder. Not to be called from two threads at once."""

    def __init__(self, folder: Path, replay: FrameReplay) -> None:
        """Touches nothing yet: `load` or `clear` comes first."""
        self.folder = folder
        self.replay = replay
        self.shard_steps = max(1, min(MAX_SHARD_STEPS, SHARD_BYTES // frame_bytes(replay.spec)))
        self._next = 0
        self._written = np.zeros(replay.worlds, np.int64)  # entries of each world that shards hold, or held
        self._spans: dict[int, NDArray[np.int64]] = {}  # [2, W] starts and stops, by shard
        self._oldest = np.zeros(replay.worlds, np.int64)  # that the last saved snapshot needs

    def write_filled(self) -> None:
        """Write the shards that have filled since the last call: some 0.1 s each, for a checkpoint's sake."""
        ends = self.replay.ends
        while (ends - self._written).sum() >= self.shard_steps:
            self._write_one(ends)

    def save(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Write what is new; returns what the checkpoint must keep: JSON, and arrays.

        Raises MachineError where the disk cannot take it.
        """
        state, tensors = self.replay.snapshot()
        ends = np.array(state["ends"], np.int64)
        while (self._written < ends).any():
            self._write_one(ends)
        self._oldest = ends - self.replay.length
        needed = [(number, span) for number, span in self._spans.items() if (span[1] > self._oldest).any()]
        rows = [np.concatenate([[number], span.reshape(-1)]) for number, span in needed]
        table = np.array(rows, np.int64).reshape(len(rows), 1 + 2 * self.replay.worlds)
        return {**state, "next_shard": self._next}, {**tensors, "replay.shards": table}

    def prune(self) -> None:
        """Remove shards that the last saved checkpoint does not need; call it once that is on disk."""
        for number, path in shards(self.folder):
            span = self._spans.get(number)
            if span is None or not (span[1] > self._oldest).any():
                path.unlink(missing_ok=True)
                self._spans.pop(number, None)

    def clear(self) -> None:
        """Remove every shard, as a run that begins anew must."""
        for _, path in shards(self.folder):
            path.unlink()

    def load(self, state: dict[str, Any], tensors: dict[str, NDArray[Any]]) -> list[str]:
        """Fill the replay with what `save` kept; returns a sentence for each shard that could not be read.

        Other shards are removed: steps of those written after that are played again. Raises TengenError where
        the replay is of another world or size, KeyError or ValueError for state or arrays that `save` did
        not make.
        """
        self.replay.restore(state, tensors["replay.weights"])
        self._next = state["next_shard"]
        self._written[:] = state["ends"]
        self._oldest = self._written - self.replay.length
        table = tensors["replay.shards"].reshape(-1, 1 + 2 * self.replay.worlds)
        self._spans = {int(row[0]): row[1:].reshape(2, -1) for row in table}
        for number, path in shards(self.folder):
            if number not in self._spans:  # or earlier ones, where a kill came before `prune`
                path.unlink()
        faults = []
        for number, span in self._spans.items():
            path = shard_path(self.folder, number)
            try:
                self.replay.put(self._read(path, span))
            except (OSError, ValueError, KeyError, SafetensorError, zstandard.ZstdError) as error:
                reason = (
                    getattr(error, "strerror", None) or (str(error).splitlines() or [type(error).__name__])[0]
                )
                lost = int((span[1] - np.clip(self._oldest, span[0], span[1])).sum())
                faults.append(f"{path}: cannot be read and is left out ({reason}): {lost:,} steps are lost")
        self.replay.settle()
        return faults

    def _write_one(self, ends: NDArray[np.int64]) -> None:
        """The next shard, of entries before `ends`."""
        rows = max(1, self.shard_steps // self.replay.worlds)
        begin = np.maximum(self._written, ends - self.replay.length)  # what is gone already is not needed
        entries = self.replay.entries(begin, np.minimum(begin + rows, ends))
        span = np.stack([entries["starts"], entries["stops"]])
        entries["spec"] = _spec_bytes(self.replay)
        packed = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True).compress(to_bytes(entries))
        atomic_write_bytes(shard_path(self.folder, self._next), packed)
        self._spans[self._next] = span
        self._written = span[1].copy()
        self._next += 1

    def _read(self, path: Path, span: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        """A shard's entries. Raises ValueError, or what its formats raise, where something is amiss."""
        packed = path.read_bytes()
        count = int((span[1] - span[0]).sum())
        if not packed.startswith(zstandard.FRAME_HEADER):
            raise ValueError("not a shard" if packed else "empty")
        size = zstandard.frame_content_size(packed)
        frame = frame_bytes(self.replay.spec)
        if not 0 <= size <= count * (frame + 9) + 16 * self.replay.worlds + 65_536:
            raise ValueError("not a shard of so many steps")
        entries = from_bytes(zstandard.ZstdDecompressor().decompress(packed))
        if entries["spec"].tobytes() != _spec_bytes(self.replay).tobytes():
            raise ValueError(f"holds steps of {_name(entries['spec'])}, not of {self.replay.spec.name}")
        if not np.array_equal([entries["starts"], entries["stops"]], span):
            raise ValueError("holds other steps than those of its number")
        wanted = {
            "frames": ((count, frame), np.uint8),
            "flags": ((count,), np.uint8),
            "actions": ((count,), np.int32),
            "rewards": ((count,), np.float32),
        }
        for key, (shape, dtype) in wanted.items():
            if entries[key].shape != shape or entries[key].dtype != dtype:
                raise ValueError(f"{key} are {entries[key].dtype} {entries[key].shape}")
        actions = entries["actions"]
        if count and not (actions.min() >= 0 and actions.max() < self.replay.spec.num_actions):
            raise ValueError(f"actions are not all from 0 to {self.replay.spec.num_actions - 1}")
        return entries


def shard_path(folder: Path, number: int) -> Path:
    """Where the shard of that number is kept."""
    return folder / f"steps-{number:08d}.safetensors.zst"


def shards(folder: Path) -> list[tuple[int, Path]]:
    """Number and path of every shard, in the order of their steps."""
    found = []
    with disk_faults(folder, "list shards"):
        for path in sorted(folder.glob("steps-*.safetensors.zst")):
            digits = path.name.removeprefix("steps-").partition(".")[0]
            if digits.isdecimal():
                found.append((int(digits), path))
    return found


def _spec_bytes(replay: FrameReplay) -> NDArray[np.uint8]:
    return np.frombuffer(json.dumps(spec_as_json(replay.spec), sort_keys=True).encode(), np.uint8)


def _name(spec: NDArray[np.uint8]) -> str:
    try:
        return str(json.loads(spec.tobytes())["name"])
    except (ValueError, KeyError, TypeError):
        return "an unknown world"
