"""What this machine can do for a network: device, precision, a C++ compiler."""

import os
import shutil
from functools import lru_cache
from pathlib import Path

import torch

from tengen.errors import TengenError

PRECISIONS = ("auto", "float32", "bfloat16", "float16")


@lru_cache(maxsize=1)
def cpu_flags() -> frozenset[str]:
    """The processor's feature flags as Linux lists them; empty elsewhere."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith(("flags", "Features")):
                return frozenset(line.partition(":")[2].split())
    except OSError:
        pass
    return frozenset()


def cpu_bf16() -> str | None:
    """The unit that makes bfloat16 fast on this processor ("AMX", "AVX512-BF16"), or None."""
    flags = cpu_flags()
    if not torch.backends.mkldnn.is_available():
        return None
    if "amx_bf16" in flags:
        return "AMX"
    return "AVX512-BF16" if "avx512_bf16" in flags else None


@lru_cache(maxsize=1)
def cpp_compiler() -> str | None:
    """Path of the C++ compiler that torch.compile would use, or None."""
    for name in (os.environ.get("CXX"), "g++", "clang++", "c++"):
        if name and (path := shutil.which(name)):
            return path
    return None


def choose_device(device: str) -> torch.device:
    """ "auto", "cpu", "cuda" or "cuda:N" as a device. Raises TengenError for one that is not there."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(device)
    except RuntimeError as error:
        raise TengenError(f"unknown device '{device}'; use auto, cpu, cuda or cuda:N") from error
    if chosen.type not in ("cpu", "cuda"):
        raise TengenError(f"device '{device}' is not supported; use auto, cpu, cuda or cuda:N")
    if chosen.type == "cuda" and (chosen.index or 0) >= (
        torch.cuda.device_count() if torch.cuda.is_available() else 0
    ):
        raise TengenError(
            f"device '{device}' is not there; this machine has {torch.cuda.device_count()} CUDA devices"
        )
    return chosen


def choose_precision(precision: str, device: torch.device) -> torch.dtype:
    """One of PRECISIONS as a dtype: auto takes bfloat16 where the hardware has it. Raises TengenError."""
    if precision not in PRECISIONS:
        raise TengenError(f"unknown precision '{precision}'; use {', '.join(PRECISIONS)}")
    if precision != "auto":
        dtype: torch.dtype = getattr(torch, precision)
        return dtype
    if device.type == "cuda":
        # Turing and older have no bfloat16 units but fast float16.
        return torch.bfloat16 if torch.cuda.get_device_capability(device)[0] >= 8 else torch.float16
    return torch.bfloat16 if cpu_bf16() else torch.float32
