"""Which scheduled games are being played now, by whichever process: several share one tournament's work."""

import fcntl
import hashlib
import os
import struct
from pathlib import Path

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
            with disk_faults(self.path, "lock"):
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _place(key))
        except OSError:
            return False
        return True

    def drop(self, key: str) -> None:
        """Give a claim up."""
        fcntl.lockf(self._file, fcntl.LOCK_UN, 1, _place(key))

    def holder(self, key: str) -> int | None:
        """The process that is playing a game, if another one is (0: on another machine)."""
        asked = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, _place(key), 1, 0)
        kind, _, _, _, process = struct.unpack("hhqqi4x", fcntl.fcntl(self._file, fcntl.F_GETLK, asked))
        return None if kind == fcntl.F_UNLCK else max(0, process)

    def close(self) -> None:
        """Give up every claim."""
        os.close(self._file)


def _place(key: str) -> int:
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:7]) & (2**55 - 1)
