"""A run's files as they are at one moment, held by hard links while the run goes on."""

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

APPENDED = ("metrics.jsonl", "log.txt")
STORE = "league.sqlite"
WHOLE = ("config.yaml", "league.json")  # put in place whole, never changed
PATTERNS = (
    "checkpoints/step-*/*",
    "replay/shard-*.safetensors",
    "replay/steps-*.safetensors.zst",
    "best/*",
)
MIRRORED = (*WHOLE, *APPENDED, STORE, *PATTERNS)


def files(run: Path) -> Iterator[str]:
    """Paths, relative to the run, of what is mirrored and there now, but the store of games."""
    for pattern in (*WHOLE, *APPENDED, *PATTERNS):
        for file in sorted(run.glob(pattern)):
            if file.is_file() and not file.name.startswith("."):
                yield file.relative_to(run).as_posix()


def take(run: Path, into: Path) -> None:
    """Hold a run's files in a new folder; quick, and to be called between two changes. Raises OSError.

    What is appended to is copied, and ends with a whole line. The store of games is left to `add_store`.
    """
    for path in files(run):
        target = into / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if path not in APPENDED:
            with contextlib.suppress(FileNotFoundError):  # a league's other writer put a new one in its place
                _link(run / path, target)
    into.mkdir(parents=True, exist_ok=True)


def add_growing(run: Path, into: Path) -> None:
    """Add what grows by rows, as it is now: later rows than the checkpoint's are cut when a run is resumed.

    Raises OSError.
    """
    for name in APPENDED:
        with contextlib.suppress(FileNotFoundError):
            data = (run / name).read_bytes()
            (into / name).write_bytes(data[: data.rfind(b"\n") + 1])
    if (run / STORE).exists():
        copy = into / STORE
        copy.unlink(missing_ok=True)
        try:
            with (
                contextlib.closing(sqlite3.connect(run / STORE, timeout=30)) as source,
                contextlib.closing(sqlite3.connect(copy)) as target,
            ):
                source.backup(target)
                target.execute("PRAGMA journal_mode = DELETE")  # one file, whole
        except sqlite3.Error as error:
            copy.unlink(missing_ok=True)
            raise OSError(f"{run / STORE}: {error}") from error


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except FileNotFoundError:
        raise
    except OSError:  # a file system without links
        shutil.copyfile(source, target)
