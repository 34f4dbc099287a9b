"""Checkpoints of action values: weights.safetensors and state.json in a folder. Nothing here can execute."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import ValidationError

from tengen.config_faults import describe
from tengen.envs.worlds import WorldSpec
from tengen.errors import TengenError
from tengen.networks.checkpoint_files import read_state, with_weights, write_checkpoint
from tengen.networks.paths import STATE, find_checkpoint
from tengen.networks.q import QNetwork
from tengen.networks.q_config import QNetworkConfig

SAVED_TYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
LARGEST_OBSERVATION, MOST_ACTIONS = 1 << 24, 1 << 16  # a forged file must not fill the memory


@dataclass(frozen=True)
class QCheckpointMeta:
    """What state.json says beside the network's own shape."""

    folder: Path
    spec: WorldSpec
    step: int
    extra: dict[str, Any]
    tengen_version: str
    torch_version: str


def save_q_checkpoint(
    folder: Path | str,
    network: QNetwork,
    *,
    step: int = 0,
    extra: dict[str, Any] | None = None,
    precision: str = "float32",
) -> None:
    """Write the network's weights and description to folder, each file whole or not at all.

    `extra` is anything that JSON holds; it comes back in the meta. precision: of the weights in the file,
    "float32", or "bfloat16" or "float16" for half the size. Raises MachineError when the disk fails.
    """
    if precision not in SAVED_TYPES:
        raise TengenError(f"unknown precision '{precision}' of a checkpoint; use {', '.join(SAVED_TYPES)}")
    saved_type = SAVED_TYPES[precision]
    weights = network.state_dict()
    tensors = {name: t.to(saved_type) if t.is_floating_point() else t for name, t in weights.items()}
    spec = network.spec
    about = {
        "world": spec.name,
        "config": network.config.model_dump(mode="json"),
        "spec": {
            "num_actions": spec.num_actions,
            "frame_shape": list(spec.frame_shape),
            "frame_dtype": np.dtype(spec.frame_dtype).name,
            "stack": spec.stack,
        },
        "step": step,
        "precision": precision,
        "extra": extra or {},
    }
    write_checkpoint(folder, tensors, about)


def load_q_checkpoint(path: Path | str, spec: WorldSpec | None = None) -> tuple[QNetwork, QCheckpointMeta]:
    """The network of a checkpoint, float32 and in eval mode, and what else was saved.

    path: whatever `tengen.networks.paths.find_checkpoint` understands. spec: of the world it is to play.
    Raises TengenError where there is no checkpoint, it is damaged, holds a board game's network, or was made
    for another world; MachineError where it cannot be read.
    """
    folder = find_checkpoint(path)
    state = read_state(folder / STATE)
    if "world" not in state and "game" in state:
        raise TengenError(
            f"{folder}: holds a policy and value for the board game {state['game']}, not action values; "
            f"play it as mcts:{folder}"
        )
    config, meta = _parse(folder, state)
    if spec is not None:
        _check_world(meta, spec)
    return with_weights(folder, state, lambda: QNetwork(config, meta.spec), halves=True), meta


def _parse(folder: Path, state: dict[str, Any]) -> tuple[QNetworkConfig, QCheckpointMeta]:
    file = folder / STATE
    try:
        shapes = state["spec"]
        spec = WorldSpec(
            name=str(state["world"]),
            num_actions=int(shapes["num_actions"]),
            frame_shape=tuple(int(size) for size in shapes["frame_shape"]),
            frame_dtype=np.dtype(str(shapes["frame_dtype"])),
            stack=int(shapes["stack"]),
        )
        meta = QCheckpointMeta(
            folder=folder,
            spec=spec,
            step=int(state["step"]),
            extra=dict(state["extra"]),
            tengen_version=str(state["tengen_version"]),
            torch_version=str(state["torch_version"]),
        )
        config_text = json.dumps(state["config"])
    except KeyError as error:
        raise TengenError(f"{file}: lacks {error}; the checkpoint is damaged") from error
    except (TypeError, ValueError) as error:
        raise TengenError(f"{file}: holds values of the wrong kind ({error})") from error
    sizes = (spec.stack, *spec.frame_shape)
    if min(sizes) < 1 or math.prod(sizes) > LARGEST_OBSERVATION or not 1 <= spec.num_actions <= MOST_ACTIONS:
        raise TengenError(
            f"{file}: {'x'.join(map(str, sizes))} numbers and {spec.num_actions} actions are no world's; "
            "the checkpoint is damaged"
        )
    try:
        return QNetworkConfig.model_validate_json(config_text, strict=True), meta
    except ValidationError as error:
        raise TengenError(describe(error, QNetworkConfig, state["config"], f"{file}: config", ())) from error


def _check_world(meta: QCheckpointMeta, spec: WorldSpec) -> None:
    """Raise TengenError unless the network of a checkpoint can play a world."""
    ours = meta.spec
    if ours.name != spec.name:
        raise TengenError(f"{meta.folder}: is for {ours.name} and cannot play {spec.name}")
    for what, theirs, wanted in (
        ("actions", ours.num_actions, spec.num_actions),
        ("frames of shape", list(ours.frame_shape), list(spec.frame_shape)),
        ("frames of type", np.dtype(ours.frame_dtype).name, np.dtype(spec.frame_dtype).name),
        ("stacked frames", ours.stack, spec.stack),
    ):
        if theirs != wanted:
            raise TengenError(
                f"{meta.folder}: was made for {ours.name} with {what} {theirs}; this one's are {wanted}"
            )
