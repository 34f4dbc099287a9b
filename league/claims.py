"""Which scheduled games are being played now, by whichever process: several share one tournament's work."""

import fcntl
import hashlib
import os
from pathlib import Path

from tengen.errors import MachineError
from tengen.files import disk_faults


class Claims:
    """Locks on single bytes of a file beside the store, one a game; the kernel drops a dead process's."""

    def __init__(self, store: Path) -> None:
        """The file stays: removing it would let two processes lock different files of one name."""
        self.path = store.with_name(store.name + "-claims")
        with disk_faults(self.path, "open"):
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)

    def take(self, key: str) -> bool:
        """Claim a scheduled game; False where another process is playing it."""
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _place(key))
        except (BlockingIOError, PermissionError):  # POSIX lets a system say either
            return False
        except OSError as error:
            raise MachineError(f"{self.path}: cannot be locked: {error.strerror or error}") from error
        return True

    def drop(self, key: str) -> None:
        """Give a claim up."""
        fcntl.lockf(self._file, fcntl.LOCK_UN, 1, _place(key))

    def close(self) -> None:
        """Give up every claim."""
        os.close(self._file)


def _place(key: str) -> int:
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:7]) & (2**55 - 1)
