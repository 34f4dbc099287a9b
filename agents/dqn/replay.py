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
from tengen.agents.dqn.replay_config import ReplayConfig
from tengen.agents.dqn.replay_room import ENTRY, bytes_needed, check_room, frame_bytes, room_for, spec_as_json
from tengen.agents.dqn.transitions import Batch, Transitions
from tengen.envs.worlds import WorldSpec
from tengen.errors import TengenError
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
        self.length = config.capacity // worlds
        least = 2 * (n_step + spec.stack)
        if self.length < least:
            raise TengenError(
                f"a replay of {config.capacity} steps is too small for {worlds} worlds with {n_step} steps a "
                f"transition: its capacity should be {least * worlds} or more"
            )
        self.steps = 0  # ever added
        self._n_step = n_step
        self._gamma = gamma
        self._lock = threading.Lock()
        self._file = folder / FRAMES_FILE if config.on_disk and folder is not None else None
        size = worlds * self.length
        check_room(spec, config, self._file)
        self._frame_bytes = frame_bytes(spec)
        self._frames = room_for(self._file, size, self._frame_bytes)
        entries = np.zeros(size, ENTRY)
        self._flags, self._actions, self._rewards = entries["flags"], entries["action"], entries["reward"]
        self._waiting = np.zeros(size)  # the weight of a step in the tree, there or not yet
        self._tree = SumTree(size)
        self._ends: Integers = np.zeros(worlds, np.int64)  # entries ever written, of each world
        self._pending: Integers = np.zeros(worlds, np.int64)  # the first whose steps are not complete
        self._alpha = config.alpha if config.prioritised else 0.0  # power of the errors
        self._has_losses = False  # of entries whose shards could not be read
        self._highest = 1.0  # error so far: that of new steps, so that each is drawn soon

    @staticmethod
    def bytes_needed(spec: WorldSpec, config: ReplayConfig) -> int:
        """Memory of the full replay, frames on disk included."""
        return bytes_needed(spec, config)

    def __len__(self) -> int:
        """Entries stored: steps, and what followed those that were cut short."""
        return int(np.minimum(self._ends, self.length).sum())

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
        self._check(transitions)
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
                targets,
                beta,
                self._gamma,
                self._n_step,
                self._flags,
                self._actions,
                self._rewards,
                self._ends,
                self._tree.nodes,
                self._tree.levels,
                self.length,
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
                ids,
                np.array(errors, np.float32).reshape(ids.shape),
                self._highest,
                self.config.alpha,
                self.config.floor,
                self._ends,
                self._tree.nodes,
                self._tree.levels,
                self.length,
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
            weights = np.where(self._tree.leaves > 0, self._tree.leaves, self._waiting)
            slots = [self._slots(w, max(0, end - self.length), end) for w, end in enumerate(self._ends)]
            state = {
                "spec": spec_as_json(self.spec),
                "worlds": self.worlds,
                "length": self.length,
                "steps": self.steps,
                "ends": self._ends.tolist(),
                "highest_error": self._highest,
                "alpha": self._alpha,
            }
            return state, {"replay.weights": weights[np.concatenate(slots)]}

    def restore(self, state: dict[str, Any], weights: Floats) -> None:
        """Begin to take up a snapshot: entries are lost until `put`, nothing is drawn until `settle`.

        Raises TengenError where the snapshot is of another world or size.
        """
        self._check_state(state)
        with self._lock:
            self.steps = state["steps"]
            self._ends[:] = state["ends"]
            self._tree.leaves[:] = 0
            self._tree.rebuild()
            slots = np.concatenate(
                [self._slots(w, max(0, end - self.length), end) for w, end in enumerate(self._ends)]
            )
            self._flags[slots] = kernels.LOST
            self._has_losses = True  # until looked at
            if state["alpha"] == self._alpha:
                self._highest = state["highest_error"]
                self._waiting[slots] = weights
            else:  # weights of another kind: all begin anew
                self._waiting[slots] = 1.0

    def entries(self, starts: Integers, stops: Integers) -> dict[str, NDArray[Any]]:
        """A copy of entries starts[w] to stops[w] of each world w, less those overwritten already.

        Raises nothing; "starts" and "stops" [W] of the answer say what it holds, in the order of the worlds.
        """
        with self._lock:
            starts = np.minimum(np.maximum(starts, self._ends - self.length), stops)
            slots = np.concatenate([self._slots(w, starts[w], stops[w]) for w in range(self.worlds)])
            return {
                "starts": starts,
                "stops": stops.copy(),
                "frames": self._frames[slots].view(np.uint8),  # [S, bytes]
                "flags": self._flags[slots],
                "actions": self._actions[slots],
                "rewards": self._rewards[slots],
            }

    def put(self, entries: dict[str, NDArray[Any]]) -> None:
        """Entries of a shard into their places, those that the rings still hold."""
        with self._lock:
            begin = 0
            for w, (start, stop) in enumerate(zip(entries["starts"], entries["stops"], strict=True)):
                kept = max(start, self._ends[w] - self.length)
                rows = slice(begin + kept - start, begin + stop - start)
                begin += stop - start
                if kept >= stop:
                    continue
                slots = self._slots(w, kept, stop)
                self._frames[slots] = np.ascontiguousarray(entries["frames"][rows]).view(self._frames.dtype)
                self._flags[slots] = entries["flags"][rows]
                self._actions[slots] = entries["actions"][rows]
                self._rewards[slots] = entries["rewards"][rows]

    def settle(self) -> None:
        """After `restore` and every `put`: find the steps that can be drawn."""
        with self._lock:
            kernels.judge_all(
                self._flags,
                self._rewards,
                self._waiting,
                self._ends,
                self._pending,
                self._tree.nodes,
                self._tree.levels,
                self.length,
                self._n_step,
                self.spec.stack,
            )

    @property
    def ends(self) -> Integers:
        """[W] entries ever written of each world."""
        with self._lock:
            return self._ends.copy()

    def _slots(self, world: int, start: int, stop: int) -> Integers:
        return world * self.length + np.arange(start, stop) % self.length

    def _lost(self) -> int:
        lost = int(np.count_nonzero(self._flags & kernels.LOST)) if self._has_losses else 0
        self._has_losses = lost > 0
        return lost

    def _gather(self, slots: Integers) -> NDArray[np.generic]:
        shape = (*slots.shape, self.spec.stack)
        out = np.empty((*shape, *self.spec.frame_shape), self.spec.frame_dtype)
        words = out.reshape(*shape, -1).view(self._frames.dtype)
        kernels.gather(self._frames, self._flags, self.length, slots, words)
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
            flags,
            np.array(transitions.actions[begin:end], np.int32, order="C"),
            np.array(transitions.rewards[begin:end], np.float32, order="C"),
            self._first_weights(transitions.priorities, begin, end, flags.shape),
            finals,
            transitions.first_world,
            self._flags,
            self._actions,
            self._rewards,
            self._waiting,
            self._ends,
            self._pending,
            self._tree.nodes,
            self._tree.levels,
            self.length,
            self._n_step,
            self.spec.stack,
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

    def _check(self, transitions: Transitions) -> None:
        t, n = transitions.actions.shape
        wanted = (t, n, *self.spec.frame_shape)
        if transitions.frames.shape != wanted or transitions.frames.dtype != np.dtype(self.spec.frame_dtype):
            raise ValueError(
                f"frames are {transitions.frames.dtype} {transitions.frames.shape}, "
                f"not {np.dtype(self.spec.frame_dtype)} {wanted}"
            )
        if not 0 <= transitions.first_world <= self.worlds - n:
            raise ValueError(
                f"worlds {transitions.first_world} to {transitions.first_world + n - 1} of "
                f"a replay for {self.worlds}"
            )
        cut = transitions.truncations & ~transitions.terminals
        cut[transitions.final_at[:, 0], transitions.final_at[:, 1]] = False
        if cut.any():
            raise ValueError(f"{cut.sum()} steps were cut short and have no final frame")

    def _check_state(self, state: dict[str, Any]) -> None:
        saved, wanted = state["spec"], spec_as_json(self.spec)
        for key, value in wanted.items():
            if saved.get(key) != value:
                raise TengenError(
                    f"the saved replay is of {saved.get('name')} with {key} {saved.get(key)}, "
                    f"this run's is of {wanted['name']} with {key} {value}: it cannot be taken up"
                )
        if (state["worlds"], state["length"]) != (self.worlds, self.length):
            raise TengenError(
                f"the saved replay has {state['worlds']} worlds of {state['length']} steps, this run's "
                f"{self.worlds} of {self.length}: capacity and number of worlds should stay as they were"
            )
