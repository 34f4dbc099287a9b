"""The newest steps of many worlds, each frame once; batches of n-step transitions drawn from them.

Every world has a ring of its own, since a stack and the steps that follow lie in the entries beside a frame.
What a step led to when it was cut short is an entry too, which is never drawn.
"""

import threading
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tengen.agents.dqn import replay_kernels as kernels
from tengen.agents.dqn.priorities import Floats, Integers, SumTree
from tengen.agents.dqn.replay_checks import check_state, check_transitions
from tengen.agents.dqn.replay_config import ReplayConfig
from tengen.agents.dqn.replay_room import (
    ENTRY,
    bytes_needed,
    check_room,
    frame_bytes,
    ring_length,
    room_for,
    spec_as_json,
)
from tengen.agents.dqn.transitions import Batch, Transitions
from tengen.envs.worlds import WorldSpec
from tengen.files import disk_faults

FRAMES_FILE = "frames.bin"


class FrameReplay:
    """Rings of steps that one thread may fill while another draws batches."""

    def __init__(
        self,
        spec: WorldSpec,
        config: ReplayConfig,
        *,
        worlds: int,
        n_step: int,
        gamma: float,
        folder: Path | None = None,
    ) -> None:
        """`folder` takes the frames where the configuration wants them on disk.

        Memory is claimed as it fills. Raises TengenError where there is too little for all of it.
        """
        self.spec = spec
        self.config = config
        self.worlds = worlds
        self.length = ring_length(spec, config, worlds, n_step)
        self.steps = 0  # ever added
        self._lock = threading.Lock()
        self._file = folder / FRAMES_FILE if config.on_disk and folder is not None else None
        size = worlds * self.length
        check_room(spec, config, self._file)
        self._frames = room_for(self._file, size, frame_bytes(spec))
        self._tree = SumTree(size)
        entries = np.zeros(size, ENTRY)
        self._rings = kernels.Rings(
            flags=entries["flags"],
            actions=entries["action"],
            rewards=entries["reward"],
            waiting=np.zeros(size),
            ends=np.zeros(worlds, np.int64),
            pending=np.zeros(worlds, np.int64),
            nodes=self._tree.nodes,
            levels=self._tree.levels,
            length=self.length,
            stack=spec.stack,
            n=n_step,
            gamma=float(gamma),
        )
        self._alpha = config.alpha if config.prioritised else 0.0  # power of the errors
        self._has_losses = False  # of entries whose shards could not be read
        self._highest = 1.0  # error so far: that of new steps, so that each is drawn soon

    @staticmethod
    def bytes_needed(spec: WorldSpec, config: ReplayConfig) -> int:
        """Memory of the full replay, frames on disk included."""
        return bytes_needed(spec, config)

    def __len__(self) -> int:
        """Entries stored: steps, and what followed those that were cut short."""
        return int(np.minimum(self._rings.ends, self.length).sum())

    @property
    def is_ready(self) -> bool:
        """Whether learning may start."""
        wanted = min(self.config.min_steps, self.worlds * self.length)
        return self.steps >= wanted and len(self) - self._lost() >= wanted and self._tree.total > 0

    def stats(self) -> dict[str, float]:
        """For the log."""
        with self._lock:
            drawable = int(np.count_nonzero(self._tree.leaves))
            return {
                "steps": self.steps,
                "stored": len(self),
                "drawable": drawable,
                "fill": len(self) / (self.worlds * self.length),
                "mean_weight": self._tree.total / drawable if drawable else 0.0,
                "highest_error": self._highest,
            }

    def add(self, transitions: Transitions) -> None:
        """Write T steps of N worlds. Raises ValueError where they do not fit the replay."""
        check_transitions(transitions, self.spec, self.worlds)
        rows = self.length // 2  # final frames may double them, and no slot may be written twice at once
        with self._lock:
            for begin in range(0, len(transitions.actions), rows):
                self._append(transitions, begin, begin + rows)
            self.steps += transitions.steps

    def sample(self, batch_size: int, rng: np.random.Generator, beta: float = 1.0) -> Batch:
        """Draw transitions, with repetition; in freshly allocated arrays.

        In proportion to priority^alpha and stratified where the replay is prioritised, evenly otherwise.
        Raises ValueError where there is nothing to draw; see `is_ready`.
        """
        with self._lock:
            total = self._tree.total
            if not total > 0:
                raise ValueError("the replay holds no whole transition")
            targets = rng.random(batch_size)
            if self.config.prioritised:
                targets = (targets + np.arange(batch_size)) / batch_size
            targets *= total
            slots = np.empty((2, batch_size), np.int64)
            indices = np.empty(batch_size, np.int64)
            actions = np.empty(batch_size, np.int64)
            returns, discounts, weights = np.empty((3, batch_size), np.float32)
            kernels.draw(
                self._rings,
                targets,
                float(beta),
                slots,
                indices,
                actions,
                returns,
                discounts,
                weights,
                np.empty(batch_size),
            )
            observations, next_observations = self._gather(slots)
        return Batch(observations, actions, returns, discounts, next_observations, weights, indices)

    def update_priorities(self, indices: NDArray[np.integer], errors: NDArray[np.floating]) -> None:
        """New absolute errors [B] of steps drawn before, by `Batch.indices`; overwritten ones are ignored."""
        if not self.config.prioritised:
            return
        ids = np.array(indices, np.int64).reshape(-1)
        slots, weights = np.empty(len(ids), np.int64), np.empty(len(ids))
        with self._lock:
            self._highest = kernels.renew(
                self._rings,
                ids,
                np.array(errors, np.float32).reshape(ids.shape),
                self._highest,
                self._alpha,
                self.config.floor,
                slots,
                weights,
            )

    def close(self) -> None:
        """Give up the file of frames, which is of no use without what memory holds."""
        if self._file is not None:
            self._frames = np.empty((0, 1), self._frames.dtype)
            with disk_faults(self._file, "remove"):
                self._file.unlink(missing_ok=True)

    def snapshot(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Counters as JSON keeps them, and priorities: all but the entries, which shards keep."""
        with self._lock:
            weights = np.where(self._tree.leaves > 0, self._tree.leaves, self._rings.waiting)
            state = {
                "spec": spec_as_json(self.spec),
                "worlds": self.worlds,
                "length": self.length,
                "steps": self.steps,
                "ends": self._rings.ends.tolist(),
                "highest_error": self._highest,
                "alpha": self._alpha,
            }
            return state, {"replay.weights": weights[self._kept_slots()]}

    def restore(self, state: dict[str, Any], weights: Floats) -> None:
        """Begin to take up a snapshot: entries are lost until `put`, nothing is drawn until `settle`.

        Raises TengenError where the snapshot is of another world or size.
        """
        check_state(state, self.spec, self.worlds, self.length)
        with self._lock:
            self.steps = state["steps"]
            self._rings.ends[:] = state["ends"]
            self._tree.leaves[:] = 0
            self._tree.rebuild()
            slots = self._kept_slots()
            self._rings.flags[slots] = kernels.LOST
            self._has_losses = True  # until looked at
            if state["alpha"] == self._alpha:
                self._highest = state["highest_error"]
                self._rings.waiting[slots] = weights
            else:  # weights of another kind: all begin anew
                self._rings.waiting[slots] = 1.0

    def entries(self, starts: Integers, stops: Integers) -> dict[str, NDArray[Any]]:
        """A copy of entries starts[w] to stops[w] of each world w, less those overwritten already.

        Raises nothing; "starts" and "stops" [W] of the answer say what it holds, in the order of the worlds.
        """
        with self._lock:
            starts = np.minimum(np.maximum(starts, self._rings.ends - self.length), stops)
            slots = np.concatenate([self._slots(w, starts[w], stops[w]) for w in range(self.worlds)])
            return {
                "starts": starts,
                "stops": stops.copy(),
                "frames": self._frames[slots].view(np.uint8),  # [S, bytes]
                "flags": self._rings.flags[slots],
                "actions": self._rings.actions[slots],
                "rewards": self._rings.rewards[slots],
            }

    def put(self, entries: dict[str, NDArray[Any]]) -> None:
        """Entries of a shard into their places, those that the rings still hold."""
        with self._lock:
            begin = 0
            for w, (start, stop) in enumerate(zip(entries["starts"], entries["stops"], strict=True)):
                kept = max(start, self._rings.ends[w] - self.length)
                rows = slice(begin + kept - start, begin + stop - start)
                begin += stop - start
                if kept >= stop:
                    continue
                slots = self._slots(w, kept, stop)
                self._frames[slots] = np.ascontiguousarray(entries["frames"][rows]).view(self._frames.dtype)
                self._rings.flags[slots] = entries["flags"][rows]
                self._rings.actions[slots] = entries["actions"][rows]
                self._rings.rewards[slots] = entries["rewards"][rows]

    def settle(self) -> None:
        """After `restore` and every `put`: find the steps that can be drawn."""
        with self._lock:
            kernels.judge_all(self._rings)

    @property
    def ends(self) -> Integers:
        """[W] entries ever written of each world."""
        with self._lock:
            return self._rings.ends.copy()

    def _slots(self, world: int, start: int, stop: int) -> Integers:
        return world * self.length + np.arange(start, stop) % self.length

    def _kept_slots(self) -> Integers:
        """Of all entries, from the oldest of world 0 to the newest of the last."""
        ends = enumerate(self._rings.ends)
        return np.concatenate([self._slots(w, max(0, end - self.length), end) for w, end in ends])

    def _lost(self) -> int:
        lost = int(np.count_nonzero(self._rings.flags & kernels.LOST)) if self._has_losses else 0
        self._has_losses = lost > 0
        return lost

    def _gather(self, slots: Integers) -> NDArray[np.generic]:
        shape = (*slots.shape, self.spec.stack)
        out = np.empty((*shape, *self.spec.frame_shape), self.spec.frame_dtype)
        words = out.reshape(*shape, -1).view(self._frames.dtype)
        kernels.gather(self._rings, self._frames, slots, words)
        return out

    def _append(self, transitions: Transitions, begin: int, end: int) -> None:
        """The steps from row `begin` to row `end`."""
        flags = (
            transitions.firsts[begin:end] * np.uint8(kernels.FIRST)
            + transitions.terminals[begin:end] * np.uint8(kernels.TERMINAL)
            + transitions.truncations[begin:end] * np.uint8(kernels.TRUNCATED)
        )
        here = (transitions.final_at[:, 0] >= begin) & (transitions.final_at[:, 0] < end)
        final_at = transitions.final_at[here]
        finals = np.full(flags.shape, -1, np.int32)
        finals[final_at[:, 0] - begin, final_at[:, 1]] = np.arange(len(final_at))
        slots = np.empty(flags.shape, np.int64)
        final_slots = np.empty(len(final_at), np.int64)
        kernels.append(
            self._rings,
            transitions.first_world,
            flags,
            np.array(transitions.actions[begin:end], np.int32, order="C"),
            np.array(transitions.rewards[begin:end], np.float32, order="C"),
            self._first_weights(transitions.priorities, begin, end, flags.shape),
            finals,
            slots,
            final_slots,
        )
        self._write(slots.reshape(-1), transitions.frames[begin:end])
        if len(final_at):
            self._write(final_slots, transitions.final_frames[here])

    def _write(self, slots: Integers, frames: NDArray[np.generic]) -> None:
        words = np.ascontiguousarray(frames, self.spec.frame_dtype).reshape(len(slots), -1)
        self._frames[slots] = words.view(self._frames.dtype)

    def _first_weights(
        self, errors: NDArray[np.float32] | None, begin: int, end: int, shape: tuple[int, ...]
    ) -> Floats:
        """Weights of new steps: of their errors as the actor saw them, or of the highest there has been."""
        if not self.config.prioritised:
            return np.ones(shape)
        seen = np.full(shape, np.nan) if errors is None else np.abs(errors[begin:end]).astype(np.float64)
        known = np.isfinite(seen)
        self._highest = float(max(self._highest, np.max(seen, initial=0.0, where=known)))
        return (np.where(known, seen, self._highest) + self.config.floor) ** self.config.alpha
