"""A run in worlds saved whole and taken up again: weights, optimizer, replay, random streams and counters."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors.torch import load_file

from tengen.agents.dqn.learner import DqnLearner
from tengen.agents.dqn.replay_shards import ReplayShards
from tengen.files import disk_faults
from tengen.networks.checkpoint_files import write_tensors
from tengen.networks.paths import STATE
from tengen.networks.q import QNetwork
from tengen.networks.q_checkpoint import load_q_checkpoint, save_q_checkpoint
from tengen.rundir import RunDir
from tengen.selfplay.clock import RunClock
from tengen.selfplay.resume import OPTIMIZER, explained, or_older, report
from tengen.selfplay.world_rollouts import WorldRollouts

if TYPE_CHECKING:
    from tengen.agents.dqn.pqn_learner import PqnLearner


@dataclass
class SavedWorlds:
    """The parts of a run that a checkpoint keeps; `shards` is None where nothing is replayed."""

    network: QNetwork
    learner: "DqnLearner | PqnLearner"
    shards: ReplayShards | None
    rng: np.random.Generator
    clock: RunClock


def save(saved: SavedWorlds, run: RunDir, rollouts: WorldRollouts) -> None:
    """Write what the replay has new, the checkpoint that refers to it, then drop what it needs no more."""
    replay, arrays = saved.shards.save() if saved.shards else ({}, {})
    state: dict[str, Any] = {
        "loop": saved.clock.state(),
        "replay": replay,
        "rng": saved.rng.bit_generator.state,
        "rollouts": rollouts.state(),
    }
    tensors = {**saved.learner.tensors(), **{name: torch.from_numpy(array) for name, array in arrays.items()}}
    with run.new_checkpoint(saved.clock.update) as checkpoint:
        write_tensors(checkpoint / OPTIMIZER, tensors)
        save_q_checkpoint(checkpoint, saved.network, step=saved.clock.update, extra=state)
    if saved.shards:
        saved.shards.prune()


def restore(saved: SavedWorlds, run: RunDir, rollouts: WorldRollouts) -> None:
    """Take up the run's newest checkpoint. Raises TengenError where it cannot be read."""
    latest = run.latest_checkpoint()
    if latest is None:  # stopped before its first checkpoint: it begins anew
        if saved.shards:
            with disk_faults(run.path / "replay", "remove old shards"):
                saved.shards.clear()
        return
    step, folder = latest
    with or_older(folder, run):
        load_q_checkpoint(folder, saved.network.spec)  # its weights are not needed, but should be whole
    faults: list[str] = []
    with explained(folder, run):
        state = json.loads((folder / STATE).read_text())["extra"]
        tensors = load_file(folder / OPTIMIZER)
        arrays = {name: tensors.pop(name).numpy() for name in list(tensors) if name.startswith("replay.")}
        saved.clock.restore(state["loop"])
        saved.learner.restore(tensors, saved.clock.steps)
        saved.rng.bit_generator.state = state["rng"]
        rollouts.restore(state["rollouts"])
        if saved.shards:
            with disk_faults(run.path / "replay", "read the replay"):
                faults = saved.shards.load(state["replay"], arrays)
    report(faults, run)
    run.log(f"resumed at update {step}, step {saved.clock.collected}")
