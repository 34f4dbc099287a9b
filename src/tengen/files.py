"""Writing to disk so that a reader sees the old file or the whole new one, never a part."""

import contextlib
import errno
import os
import re
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path

from tengen.errors import MachineError, TengenError

UNFINISHED = re.compile(r"\.(.+)\.\d+\.[0-9a-f]{8}\.tmp")  # what `atomic_path` names a file until it is whole
NO_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EBADF, errno.EACCES, errno.EPERM)


def atomic_write_bytes(path: Path | str, data: bytes) -> None:
    """Write data to path: temporary name in the same folder, fsync, rename, fsync of the folder.

    Missing folders are made. A link stays a link, and a device or pipe is written to as it is. Raises
    MachineError when the machine cannot (disk full, no permission); what stood at path before then still
    stands there.
    """
    path = Path(path)
    if path.exists() and not path.is_file() and not path.is_dir():
        with disk_faults(path, "write"), open(path, "wb", buffering=0) as device:
            device.write(data)
        return
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        file.write(data)


@contextlib.contextmanager
def atomic_path(path: Path | str) -> Iterator[Path]:
    """The name of an empty file to be written to or replaced; it becomes `path` when the block ends well.

    Else as `atomic_write_bytes`; for libraries that write files themselves.
    """
    path = Path(path)
    if path.is_symlink():
        path = path.resolve()
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(temporary, "xb") as file:
                mode = os.stat(file.fileno()).st_mode  # as the user's umask has it
            yield temporary
            with open(temporary, "rb") as file:
                os.fsync(file.fileno())
            os.chmod(temporary, stat.S_IMODE(mode))
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise
        fsync_folder(path.parent)
    except OSError as error:
        raise MachineError(f"cannot write {path}: {error.strerror or error}") from error


def read_fault(path: Path | str, error: OSError) -> TengenError:
    """What to raise for a file that cannot be read: the user's fault if it is not there or a folder."""
    wrong_name = isinstance(error, FileNotFoundError | IsADirectoryError | NotADirectoryError)
    return (TengenError if wrong_name else MachineError)(f"{path}: cannot be read: {error.strerror}")


def atomic_write_text(path: Path | str, text: str) -> None:
    """`atomic_write_bytes` of text as UTF-8."""
    atomic_write_bytes(path, text.encode())


def check_writable(path: Path | str) -> None:
    """Raise MachineError where `atomic_write_bytes` could not write the path: for long work, before it."""
    folder = Path(path).absolute().parent
    with disk_faults(path, "write"):
        while not folder.exists():
            folder = folder.parent
        if not folder.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        if Path(path).is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))


def fsync_folder(folder: Path | str) -> None:
    """Make the names in a folder (a rename just done) last through a power cut, where the system can.

    Raises OSError where the disk fails.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in NO_SYNC:  # a file system that cannot sync a folder; the rename itself is done
            raise


def remove_unfinished(folder: Path, but: tuple[str, ...] = ()) -> None:
    """Remove what killed writers left of files in a folder, but for files of these names."""
    for path in folder.glob(".*.tmp"):
        found = UNFINISHED.fullmatch(path.name)
        if found is not None and found[1] not in but:
            path.unlink(missing_ok=True)


@contextlib.contextmanager
def disk_faults(path: Path | str, action: str) -> Iterator[None]:
    """Turn an OSError of the block into a MachineError: "PATH: cannot ACTION: No space left on device"."""
    try:
        yield
    except OSError as error:
        raise MachineError(f"{path}: cannot {action}: {error.strerror or error}") from error
