"""The two files of a checkpoint, whatever network it holds: writing, reading, checking, digests."""

import hashlib
import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load as from_bytes
from safetensors.torch import save_file
from torch import Tensor, nn

import tengen
from tengen.errors import MachineError, TengenError
from tengen.files import atomic_path, atomic_write_bytes
from tengen.networks.paths import STATE, WEIGHTS

FORMAT = 1
Network = TypeVar("Network", bound=nn.Module)


def write_checkpoint(folder: Path | str, tensors: dict[str, Tensor], about: Mapping[str, Any]) -> None:
    """Write weights, and a state.json that says `about` beside what every checkpoint has."""
    folder = Path(folder)
    state = {
        "format": FORMAT,
        **about,
        "tengen_version": tengen.__version__,
        "torch_version": str(torch.__version__),
    }
    json.dumps(state)  # before anything is written: it may not be JSON
    state["weights_blake2b"] = write_tensors(folder / WEIGHTS, tensors)
    atomic_write_bytes(folder / STATE, json.dumps(state, indent=1).encode())


def write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> str:
    """Write a safetensors file, whole or not at all, without a copy in memory; returns its digest.

    No two tensors may share memory. Raises MachineError when the disk fails.
    """
    with atomic_path(path) as temporary:
        try:
            save_file({name: t.detach().cpu().contiguous() for name, t in tensors.items()}, temporary)
        except SafetensorError as error:  # what it makes of a full disk
            raise MachineError(f"cannot write {path}: {str(error).splitlines()[0]}") from error
        with temporary.open("rb") as file:
            return hashlib.file_digest(file, partial(hashlib.blake2b, digest_size=16)).hexdigest()


def with_weights(
    folder: Path, state: Mapping[str, Any], make: Callable[[], Network], *, halves: bool = False
) -> Network:
    """The network that `make` makes, with a checkpoint's weights, in eval mode.

    halves: whether bfloat16 and float16 are taken as well; they become float32.
    """
    tensors = read_weights(folder / WEIGHTS, str(state.get("weights_blake2b")))
    for name, tensor in tensors.items():
        if halves and tensor.dtype in (torch.bfloat16, torch.float16):
            tensors[name] = tensor.float()
    with torch.device("meta"):  # shapes only, so that a forged size cannot fill the memory
        expected = make().state_dict()
    check_tensors(folder / WEIGHTS, tensors, expected)
    network = make()
    network.load_state_dict(tensors)
    return network.eval()


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


def read_state(file: Path) -> dict[str, Any]:
    """What a state.json says. Raises TengenError where it is damaged, MachineError if unreadable."""
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


def read_weights(file: Path, digest: str) -> dict[str, Tensor]:
    """The tensors of a safetensors file with that digest ("None": unknown). Raises as `read_state` does."""
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
    if digest != digest_of(data) and digest != "None":
        raise TengenError(f"{file}: is not the file that {STATE} beside it was written with, or is damaged")
    return tensors


def check_tensors(file: Path, tensors: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    """Raise TengenError unless names, shapes and types are the expected ones, and all numbers finite."""
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


def digest_of(data: bytes) -> str:
    """What state.json keeps of a weights file, so that files of two checkpoints are never taken for one."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()
