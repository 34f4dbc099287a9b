"""What this machine is and has: for `tengen doctor` and beside every benchmark's figures."""

import os
import platform
import shutil
from importlib import metadata
from pathlib import Path
from typing import Any

CPU_FEATURES = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")  # as /proc/cpuinfo spells them
PACKAGES = ("torch", "numba", "numpy", "ray")
ENGINES = ("gnugo", "stockfish")


def machine() -> dict[str, Any]:
    """CPU model, usable cores, memory in bytes, and which of the CPU features that matter are there."""
    return {
        "cpu": cpu_model(),
        "cores": usable_cores(),
        "memory_bytes": usable_memory(),
        "features": cpu_features(),
        "system": f"{platform.system()} {platform.machine()}",
    }


def versions() -> dict[str, str | None]:
    """Version of Python, Tengen and the packages that decide about speed; None where one is missing."""
    found: dict[str, str | None] = {"python": platform.python_version()}
    return found | {package: version(package) for package in ("tengen", *PACKAGES)}


def version(package: str) -> str | None:
    """Version of an installed package, None where it is missing."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def cpu_model() -> str:
    """The processor's name as its maker writes it."""
    for line in _lines("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine() or "unknown"


def cpu_features() -> list[str]:
    """Those of CPU_FEATURES that the processor has."""
    from tengen.networks.hardware import cpu_flags

    return [feature for feature in CPU_FEATURES if feature in cpu_flags()]


def usable_cores() -> int:
    """Cores that this process may run on: its affinity and its control group's quota."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota, _, period = (_lines("/sys/fs/cgroup/cpu.max") or ["max"])[0].partition(" ")
    if quota.isdecimal() and period.strip().isdecimal():
        cores = min(cores, max(1, int(quota) // int(period)))
    return cores


def usable_memory() -> int:
    """Memory in bytes that this process may use: the machine's or its control group's."""
    import psutil

    total = int(psutil.virtual_memory().total)
    limit = (_lines("/sys/fs/cgroup/memory.max") or ["max"])[0].strip()
    return min(total, int(limit)) if limit.isdecimal() else total


def free_memory() -> int:
    """Memory in bytes that this process may still claim, of the machine and of its control group."""
    import psutil

    free = int(psutil.virtual_memory().available)
    used = (_lines("/sys/fs/cgroup/memory.current") or [""])[0].strip()
    if used.isdecimal():
        cached = [line.split()[1] for line in _lines("/sys/fs/cgroup/memory.stat") if "inactive_file" in line]
        free = min(free, usable_memory() - int(used) + sum(map(int, cached)))  # cached files give way
    return max(free, 0)


def find_engines() -> dict[str, str | None]:
    """Path of each playing program that Tengen knows how to talk to; None where there is none."""
    path = f"{os.environ.get('PATH', '')}{os.pathsep}/usr/games"  # where Debian puts them
    return {engine: shutil.which(engine, path=path) for engine in ENGINES}


def shipped_models() -> list[str]:
    """The trained networks that come with Tengen, as agent strings name them."""
    root = Path(__file__).parent / "models"
    return sorted({f"models/{file.parent.relative_to(root)}" for file in root.rglob("weights.safetensors")})


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(errors="replace").splitlines()
    except OSError:
        return []
