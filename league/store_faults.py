"""What SQLite has to say about a store, in a sentence for its user."""

import sqlite3
from pathlib import Path
from types import TracebackType

from tengen.errors import MachineError, TengenError


class StoreFaults:
    """Turns sqlite3's errors in its block into TengenError or MachineError."""

    def __init__(self, path: Path, wait_s: float) -> None:
        self.path, self.wait_s = path, wait_s

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not isinstance(error, sqlite3.Error):
            return
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            why = f"has been locked by another process for {self.wait_s:g} s; wait for it to end"
            raise MachineError(f"{self.path}: {why}") from None
        if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
            why = "cannot be written: the disk is full or faulty; the games finished so far are kept"
            raise MachineError(f"{self.path}: {why}") from None
        if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_READONLY):
            raise MachineError(f"{self.path}: cannot be opened for writing: {error}") from None
        if code == sqlite3.SQLITE_NOTADB:
            raise TengenError(f"{self.path}: is not a store of games (not an SQLite file)") from None
        raise TengenError(
            f"{self.path}: is damaged ({error}); 'sqlite3 FILE .recover' may save its games, "
            "or name another store"
        ) from None
