"""Checkpoints: weights.safetensors and state.json in a folder. Nothing here can execute what it loads."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pydantic
import torch
from safetensors import SafetensorError
from safetensors.torch import load as from_bytes
from safetensors.torch import save as to_bytes
from torch import Tensor

import tengen
from tengen.errors import MachineError, TengenError
from tengen.files import atomic_write_bytes
from tengen.networks.heads import PolicyValueNet
from tengen.networks.paths import STATE, WEIGHTS, find_checkpoint
from tengen.networks.spec import HasShapes, NetworkConfig, NetworkSpec, spec_for

FORMAT = 1


class HasNames(HasShapes, Protocol):
    """The part of `tengen.envs.game.Game` that tells whether a checkpoint serves it."""

    @property
    def family(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def planes(self) -> tuple[str, ...]: ...


@dataclass(frozen=True)
class CheckpointMeta:
    """What state.json says beside the network's own shape."""

    folder: Path
    game: str
    family: str
    planes: tuple[str, ...]
    step: int
    extra: dict[str, Any]
    tengen_version: str
    torch_version: str


def save_checkpoint(
    folder: Path | str,
    network: PolicyValueNet,
    *,
    game: HasNames,
    step: int = 0,
    extra: dict[str, Any] | None = None,
) -> None:
    """Write the network's weights and description to folder, each file whole or not at all.

    `extra` is anything that JSON holds; it comes back in the meta. Raises MachineError when the disk fails.
    """
    folder = Path(folder)
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    weights = to_bytes(tensors)
    state = {
        "format": FORMAT,
        "game": game.name,
        "family": game.family,
        "planes": list(game.planes),
        "config": network.config.model_dump(),
        "spec": network.spec.to_json(),
        "step": step,
        "weights_blake2b": _digest(weights),  # so that files of two checkpoints are never taken for one
        "tengen_version": tengen.__version__,
        "torch_version": str(torch.__version__),
        "extra": extra or {},
    }
    text = json.dumps(state, indent=1)  # before anything is written: it may not be JSON
    atomic_write_bytes(folder / WEIGHTS, weights)
    atomic_write_bytes(folder / STATE, text.encode())


def load_checkpoint(path: Path | str, game: HasNames | None = None) -> tuple[PolicyValueNet, CheckpointMeta]:
    """The network of a checkpoint, made for `game` if one is given, in eval mode; and what else was saved.

    path: whatever `tengen.networks.paths.find_checkpoint` understands. Raises TengenError where there is no
    checkpoint, it is damaged, or it cannot serve the game; MachineError where it cannot be read.
    """
    folder = find_checkpoint(path)
    state = _read_state(folder / STATE)
    config, spec, meta = _parse_state(folder, state)
    if game is not None:
        spec = _served(meta, spec, game)
    tensors = _read_weights(folder / WEIGHTS, str(state.get("weights_blake2b")))
    with torch.device("meta"):  # shapes only, so that a forged size cannot fill the memory
        expected = PolicyValueNet(config, spec).state_dict()
    _check_tensors(folder / WEIGHTS, tensors, expected)
    network = PolicyValueNet(config, spec)
    network.load_state_dict(tensors)
    return network.eval(), meta


def _read_bytes(file: Path) -> bytes:
    if file.exists() and not (file.is_file() or file.is_dir()):
        raise TengenError(f"{file}: is a device, not a file; the checkpoint is damaged")
    try:
        data = file.read_bytes()
    except FileNotFoundError:
        raise TengenError(f"{file}: is missing; a checkpoint has {WEIGHTS} and {STATE}") from None
    except OSError as error:
        raise MachineError(f"{file}: cannot be read ({error.strerror or error})") from error
    if not data:
        raise TengenError(f"{file}: is empty; the checkpoint is damaged")
    return data


def _read_state(file: Path) -> dict[str, Any]:
    data = _read_bytes(file)
    try:
        state = json.loads(data)
    except (ValueError, RecursionError) as error:
        reason = str(error).splitlines()[0]
        raise TengenError(f"{file}: is not whole JSON ({reason}); the checkpoint is damaged") from error
    if not isinstance(state, dict) or not isinstance(state.get("format"), int):
        raise TengenError(f"{file}: is not the state of a Tengen checkpoint (it has no 'format' number)")
    if state["format"] > FORMAT:
        raise TengenError(
            f"{file}: has format {state['format']}, but this Tengen reads up to {FORMAT}; upgrade it"
        )
    return state


def _parse_state(folder: Path, state: dict[str, Any]) -> tuple[NetworkConfig, NetworkSpec, CheckpointMeta]:
    try:
        meta = CheckpointMeta(
            folder=folder,
            game=str(state["game"]),
            family=str(state["family"]),
            planes=tuple(state["planes"]),
            step=int(state["step"]),
            extra=dict(state["extra"]),
            tengen_version=str(state["tengen_version"]),
            torch_version=str(state["torch_version"]),
        )
        return NetworkConfig(**state["config"]), NetworkSpec.from_json(state["spec"]), meta
    except KeyError as error:
        raise TengenError(f"{folder / STATE}: lacks {error}; the checkpoint is damaged") from error
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise TengenError(
            f"{folder / STATE}: config.{where}: {first['msg']}, got {first['input']!r}"
        ) from error
    except (TypeError, ValueError) as error:
        raise TengenError(f"{folder / STATE}: holds values of the wrong kind ({error})") from error


def _served(meta: CheckpointMeta, spec: NetworkSpec, game: HasNames) -> NetworkSpec:
    """The spec of `game`, if the checkpoint's network can play it."""
    name = f"{meta.folder}: is for {meta.game}"
    if meta.family != game.family:
        raise TengenError(f"{name} and cannot play {game.name}; choose a checkpoint for {game.family}")
    if meta.planes != tuple(game.planes):
        odd = sorted(set(meta.planes) ^ set(game.planes)) or ["their order"]
        raise TengenError(
            f"{name} and sees other planes than {game.name} gives (differing: {', '.join(odd[:3])})"
        )
    wanted = spec_for(game)
    if not spec.same_weights(wanted):
        raise TengenError(f"{name}, whose actions are not laid out as those of {game.name}")
    return wanted


def _read_weights(file: Path, digest: str) -> dict[str, Tensor]:
    data = _read_bytes(file)
    try:
        tensors = from_bytes(data)
    except (SafetensorError, ValueError, KeyError, TypeError, RuntimeError, MemoryError) as error:
        # A safetensors file may begin with any byte, the length of its header; that header opens at byte 8.
        if data[8:9] != b"{" and (data[:4] == b"PK\x03\x04" or data[:1] == b"\x80"):
            raise TengenError(
                f"{file}: is a pickle, which could run code; Tengen reads safetensors only"
            ) from error
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise TengenError(f"{file}: is truncated or not safetensors ({reason})") from error
    if digest != _digest(data) and digest != "None":
        raise TengenError(f"{file}: is not the file that {STATE} beside it was written with, or is damaged")
    return tensors


def _check_tensors(file: Path, tensors: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    if missing := sorted(expected.keys() - tensors.keys()):
        raise TengenError(
            f"{file}: lacks '{missing[0]}' ({len(missing)} of {len(expected)} tensors are missing)"
        )
    if unknown := sorted(tensors.keys() - expected.keys()):
        raise TengenError(f"{file}: holds '{unknown[0]}', which its network does not have")
    for name, wanted in expected.items():
        found = tensors[name]
        if found.shape != wanted.shape or found.dtype != wanted.dtype:
            raise TengenError(
                f"{file}: '{name}' is {found.dtype} {list(found.shape)}, "
                f"but its network needs {wanted.dtype} {list(wanted.shape)}"
            )
        if found.is_floating_point() and not torch.isfinite(found).all():
            raise TengenError(
                f"{file}: '{name}' holds infinities or NaN; the training that wrote it had diverged"
            )


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()
