"""Process-wide settings that must be made before numba, torch or ray are imported."""

import hashlib
import os
import tempfile
from pathlib import Path

KERNEL_ROOMS = ("envs", "agents")


def kernel_fingerprint() -> str:
    """Hash of every source file that may hold a kernel which other files call.

    Numba's cache notices an edit of a kernel's own file only, not of a file whose kernels it calls, so the
    cache folder carries this hash in its name.
    """
    root = Path(__file__).parent
    digest = hashlib.blake2b(digest_size=8)
    for room in KERNEL_ROOMS:
        for file in sorted((root / room).rglob("*.py")):
            digest.update(file.relative_to(root).as_posix().encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()


def cache_root() -> Path:
    """Folder for compiled kernels: XDG_CACHE_HOME/tengen, or a private temporary folder if not writable."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tengen"
    try:
        base.mkdir(parents=True, exist_ok=True)
        if os.access(base, os.W_OK):
            return base
    except OSError:
        pass
    # Compiled code is loaded from here, so the folder must be one that nobody else can write to.
    private = Path(tempfile.gettempdir()) / f"tengen-{os.getuid()}"
    private.mkdir(mode=0o700, parents=True, exist_ok=True)
    if private.stat().st_uid != os.getuid() or private.stat().st_mode & 0o022:
        private = Path(tempfile.mkdtemp(prefix="tengen-"))
    return private


def prepare_environment() -> None:
    """Set what every process of Tengen needs, the user's own settings winning."""
    # Spinning OpenMP threads cost a factor of twenty when processes share the cores.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if "NUMBA_CACHE_DIR" not in os.environ or os.environ.get("TENGEN_NUMBA_CACHE") == "1":
        os.environ["NUMBA_CACHE_DIR"] = str(cache_root() / f"numba-{kernel_fingerprint()}")
        os.environ["TENGEN_NUMBA_CACHE"] = "1"  # ours, so a child with other sources chooses anew
    os.environ.setdefault("RAY_AUTH_MODE", "token")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
