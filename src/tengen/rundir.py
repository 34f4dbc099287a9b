"""A run on disk: `runs/<name>/` with its lock, metrics, checkpoints and log."""

import contextlib
import errno
import fcntl
import os
import shutil
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tengen.errors import MachineError, TengenError
from tengen.files import UNFINISHED, atomic_write_bytes, disk_faults, fsync_folder, remove_unfinished
from tengen.metrics import MetricsLog
from tengen.words import nearest

ROOMS = ("checkpoints", "replay", "games", "tensorboard")
BEST = "best"  # folder of the best network so far, by what the run measures
REPLACED = ".tmp-replaced-"  # what stood at a name until a new folder has it
SHARED = ("league.json",)  # written by other processes too
NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
KEEP_MARK = "keep"  # a checkpoint that holds a file of this name is never pruned


def checkpoints(run: Path | str) -> dict[int, Path]:
    """Step -> folder of every finished checkpoint of a run, ascending. Needs no lock."""
    found = {}
    for folder in (Path(run) / "checkpoints").glob("step-*"):
        digits = folder.name.removeprefix("step-")
        if digits.isdecimal() and folder.is_dir():
            found[int(digits)] = folder
    return dict(sorted(found.items()))


def free_run_path(name: str, root: Path | str = "runs") -> Path:
    """`runs/<name>`, or the first of `runs/<name>-2`, `-3`, ... that does not exist."""
    path = Path(root) / name
    number = 2
    while path.exists():
        path = Path(root) / f"{name}-{number}"
        number += 1
    return path


class RunDir:
    """A run directory that this process alone writes to, until `close`. A context manager.

    Faults of the disk raise MachineError, and leave no half-written line or checkpoint.
    """

    def __init__(self, path: Path, keep: int) -> None:
        """Use `create` or `open`."""
        self.path = path
        self.keep = keep
        self.name = str(path)
        """What a user calls it: another machine may know it by a URL."""
        self.after_save: Callable[[], None] | None = None
        """Called with every new checkpoint; must not raise."""
        self._lock = _acquire(path)
        self._metrics = MetricsLog(path)

    @classmethod
    def create(cls, path: Path | str, config_yaml: str, keep: int = 3) -> Self:
        """Start a new run whose config.yaml holds `config_yaml`; `keep` newest checkpoints stay.

        Raises TengenError where a run or anything else stands already, or is in use.
        """
        path = Path(path)
        if path.exists() and not path.is_dir():
            raise TengenError(f"{path}: is a file; a run needs a folder of its own")
        is_run = (path / "config.yaml").exists()
        if not is_run and path.is_dir() and any(not _is_ours(entry.name) for entry in path.iterdir()):
            raise TengenError(f"{path}: is a folder with other things in it; a run needs a folder of its own")
        with disk_faults(path, "make the run directory"):
            path.mkdir(parents=True, exist_ok=True)
        run = cls(path, keep)
        try:
            if is_run:
                raise TengenError(
                    f"{path}: already holds a run; resume it with 'tengen train --resume {path}' "
                    "or name another folder with --run"
                )
            atomic_write_bytes(path / "config.yaml", config_yaml.encode())
            run._make_rooms()
            run._remove_leftovers()
        except BaseException:
            run.close()
            raise
        return run

    @classmethod
    def open(cls, path: Path | str, keep: int = 3) -> Self:
        """Take up a run again: leftovers of a crash go, metrics end at the newest checkpoint's step.

        Raises TengenError where there is no run or it is in use.
        """
        path = Path(path)
        if not (path / "config.yaml").is_file():
            runs = [str(config.parent) for config in path.parent.glob("*/config.yaml")]
            near = nearest(str(path), runs) or ", ".join(sorted(runs)[:5])
            hint = f"; runs there: {near}" if near else ""
            raise TengenError(f"{path}: is not a run (it has no config.yaml){hint}")
        run = cls(path, keep)
        try:
            run._make_rooms()
            run._remove_leftovers()
            latest = run.latest_checkpoint()
            run.rewind(latest[0] if latest else 0)
        except BaseException:
            run.close()
            raise
        return run

    def _make_rooms(self) -> None:
        with disk_faults(self.path, "make the run directory"):
            for room in ROOMS:
                (self.path / room).mkdir(exist_ok=True)
            fsync_folder(self.path)
            fsync_folder(self.path.parent)

    def _remove_leftovers(self) -> None:
        """Remove what a kill cut short, and put back what it was about to replace."""
        with disk_faults(self.path, "remove what a crash left"):
            for leftover in [*(self.path / "checkpoints").glob(".tmp-*"), *self.path.glob(".tmp-*")]:
                name = leftover.name.removeprefix(REPLACED)
                if name != leftover.name and not leftover.with_name(name).exists():
                    leftover.rename(leftover.with_name(name))
                else:
                    shutil.rmtree(leftover, ignore_errors=True)
            remove_unfinished(self.path, but=SHARED)
            for room in (*ROOMS, BEST):
                remove_unfinished(self.path / room)

    # --- metrics and log ----------------------------------------------------------------------------------

    def append_metrics(self, metrics: Mapping[str, Any]) -> None:
        """Add one line to metrics.jsonl and, where the metrics have a "step", scalars to TensorBoard."""
        self._metrics.append(metrics)

    def rewind(self, step: int) -> None:
        """Forget the metrics of later steps than `step`, as when training goes on from an older one."""
        self._metrics.rewind(step)

    def log(self, text: str) -> None:
        """Add a line with the time of day to log.txt."""
        with (
            disk_faults(self.path / "log.txt", "write"),
            open(self.path / "log.txt", "a", encoding="utf-8") as file,
        ):
            file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}\n")

    # --- checkpoints --------------------------------------------------------------------------------------

    def latest_checkpoint(self) -> tuple[int, Path] | None:
        """Step and folder of the newest finished checkpoint."""
        found = checkpoints(self.path)
        return list(found.items())[-1] if found else None

    @contextlib.contextmanager
    def new_checkpoint(self, step: int, mark: bool = False) -> Iterator[Path]:
        """A folder to write a checkpoint into; it takes its name when the block ends, or goes if it fails.

        A marked checkpoint is kept for good; of the others the `keep` newest.
        """
        final = self.path / "checkpoints" / f"step-{step:08d}"
        with _new_folder(final, "write the checkpoint") as temporary:
            yield temporary
            if mark:
                (temporary / KEEP_MARK).touch()
            self._metrics.sync()  # rows up to a checkpoint last as it does
        self._prune()
        if self.after_save is not None:
            self.after_save()

    @contextlib.contextmanager
    def new_best(self) -> Iterator[Path]:
        """A folder to write the best network into; it takes the place of best/ when the block ends."""
        with _new_folder(self.path / BEST, "keep the best network") as temporary:
            yield temporary

    def _prune(self) -> None:
        unmarked = [folder for folder in checkpoints(self.path).values() if not (folder / KEEP_MARK).exists()]
        for folder in unmarked[: -self.keep]:
            # Renamed first, so that a kill half-way leaves no checkpoint with half its files.
            doomed = folder.with_name(f".tmp-pruned-{folder.name}")
            with contextlib.suppress(OSError):
                folder.rename(doomed)
            shutil.rmtree(doomed, ignore_errors=True)

    # --- the end ------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Close the files and give up the lock."""
        self._metrics.close()
        if self._lock >= 0:
            os.close(self._lock)
        self._lock = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@contextlib.contextmanager
def locked(path: Path, name: str) -> Iterator[None]:
    """Hold the lock of a folder. Raises TengenError, which says `name`, where another process does."""
    descriptor = _acquire(path, name)
    try:
        yield
    finally:
        os.close(descriptor)


def _acquire(path: Path, name: str | None = None) -> int:
    """Take the lock of a run; the descriptor that holds it. The kernel drops it when the process dies."""
    with disk_faults(path, "lock the run directory"):
        descriptor = os.open(path / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()} {socket.gethostname()}\n".encode(), 0)
        except BlockingIOError:
            number, _, host = os.read(descriptor, 300).decode(errors="replace").strip().partition(" ")
            os.close(descriptor)
            who = f"process {number}" if number else "another process"
            where = f" on {host}" if host and host != socket.gethostname() else ""
            raise TengenError(
                f"{name or path}: is in use by {who}{where}; wait for it or name another run"
            ) from None
        except OSError as error:
            os.close(descriptor)
            if error.errno in NO_LOCKS:
                raise MachineError(
                    f"{path}: cannot be locked ({error.strerror}), so that two processes could write to it; "
                    "mount its file system with locks (NFS: its lock service), or keep the run at a URL"
                ) from error
            raise
    return descriptor


@contextlib.contextmanager
def _new_folder(final: Path, action: str) -> Iterator[Path]:
    """A folder that takes the name `final`, and the place of what has it, when the block ends well."""
    temporary, replaced = final.with_name(f".tmp-{final.name}"), final.with_name(f"{REPLACED}{final.name}")
    try:
        with disk_faults(final, action):
            shutil.rmtree(temporary, ignore_errors=True)
            temporary.mkdir(parents=True)
            yield temporary
            _fsync_tree(temporary)
            if final.exists():
                shutil.rmtree(replaced, ignore_errors=True)
                final.rename(replaced)
                try:
                    temporary.rename(final)
                except OSError:
                    replaced.rename(final)
                    raise
            else:
                temporary.rename(final)
            fsync_folder(final.parent)
            shutil.rmtree(replaced, ignore_errors=True)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def _is_ours(name: str) -> bool:
    """Whether a run that was killed before it had a configuration may have left this."""
    return name == ".lock" or UNFINISHED.fullmatch(name) is not None


def _fsync_tree(folder: Path) -> None:
    for file in folder.rglob("*"):
        if file.is_file():
            with open(file, "rb") as handle:
                os.fsync(handle.fileno())
        else:
            fsync_folder(file)
    fsync_folder(folder)
