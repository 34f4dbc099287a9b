"""A run saved whole and taken up again: weights, optimizer, replay, random streams and counters."""

import contextlib
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from tengen.errors import TengenError
from tengen.files import disk_faults
from tengen.networks.checkpoint import load_checkpoint, save_checkpoint
from tengen.networks.checkpoint_files import write_tensors
from tengen.networks.paths import STATE
from tengen.rundir import RunDir, checkpoints
from tengen.selfplay.clock import RunClock
from tengen.selfplay.config import TrainConfig
from tengen.selfplay.learner import Learner
from tengen.selfplay.replay import Replay
from tengen.selfplay.rollouts import Rollouts
from tengen.selfplay.shards import clear_replay, load_replay, prune_replay, save_replay

OPTIMIZER = "optimizer.safetensors"


@dataclass
class Saved:
    """The parts of a run that a checkpoint keeps."""

    config: TrainConfig
    learner: Learner
    replay: Replay
    rng: np.random.Generator
    clock: RunClock


def save(saved: Saved, run: RunDir, rollouts: Rollouts, mark: bool = False) -> None:
    """Write new replay shards, then the checkpoint that refers to them, then drop shards it needs no more."""
    folder = run.path / "replay"
    save_replay(folder, saved.replay)
    state: dict[str, Any] = {
        "loop": saved.clock.state(),
        "learner_steps": saved.learner.steps,
        "replay": saved.replay.state(),
        "rng": saved.rng.bit_generator.state,
        "rollouts": rollouts.state(),
    }
    with run.new_checkpoint(saved.clock.update, mark=mark) as checkpoint:
        tensors = {**saved.learner.tensors(), "rng.torch": torch.get_rng_state()}
        write_tensors(checkpoint / OPTIMIZER, tensors)
        save_checkpoint(
            checkpoint,
            saved.learner.acting(),
            game=saved.replay.game,
            step=saved.clock.update,
            extra=state,
        )
    prune_replay(folder, saved.replay)


def restore(saved: Saved, run: RunDir, rollouts: Rollouts) -> None:
    """Take up the run's newest checkpoint. Raises TengenError where there is none or it cannot be read."""
    latest = run.latest_checkpoint()
    if latest is None:  # stopped before its first checkpoint: it begins anew
        with disk_faults(run.path / "replay", "remove old shards"):
            clear_replay(run.path / "replay")
        return
    step, folder = latest
    with or_older(folder, run):
        load_checkpoint(folder, saved.replay.game)  # its weights are not needed, but should be whole
    with explained(folder, run):
        state = json.loads((folder / STATE).read_text())["extra"]
        tensors = load_file(folder / OPTIMIZER)
        torch.set_rng_state(tensors.pop("rng.torch"))
        saved.learner.restore(tensors, state["learner_steps"])
        saved.rng.bit_generator.state = state["rng"]
        saved.clock.restore(state["loop"])
        rollouts.restore(state["rollouts"])
        with disk_faults(run.path / "replay", "read the replay"):
            faults = load_replay(run.path / "replay", saved.replay, state["replay"])
    report(faults, run)
    run.log(f"resumed at update {step} with {saved.replay.positions} positions in the replay")


@contextlib.contextmanager
def explained(folder: Path, run: RunDir) -> Iterator[None]:
    """Turn whatever a checkpoint that does not fit raises into one sentence, as a TengenError."""
    try:
        yield
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        reason = " ".join(line.strip() for line in str(error).splitlines()[:2]) or type(error).__name__
        hint = _hint(run)
        raise TengenError(f"{folder}: the run cannot go on from this checkpoint ({reason}){hint}") from error


@contextlib.contextmanager
def or_older(folder: Path, run: RunDir) -> Iterator[None]:
    """Add to the fault of a damaged checkpoint how the run can go on all the same."""
    try:
        yield
    except TengenError as error:
        raise TengenError(f"{error}{_hint(run) or f'; remove {folder} to begin anew'}") from error


def _hint(run: RunDir) -> str:
    names = [found.name for found in checkpoints(run.path).values()]
    return f"; remove {names[-1]} to go on from {names[-2]}" if len(names) > 1 else ""


def report(faults: list[str], run: RunDir) -> None:
    """Tell the user, and the log, what of a replay was lost."""
    for fault in faults:
        run.log(fault)
        print(fault, file=sys.stderr)
