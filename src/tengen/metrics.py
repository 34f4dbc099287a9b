"""The numbers of a run as they come: metrics.jsonl, and TensorBoard's files beside it."""

import contextlib
import errno
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from tengen.files import atomic_write_bytes, disk_faults, fsync_folder
from tengen.plain import jsonable


class MetricsLog:
    """Appends rows to metrics.jsonl and scalars to tensorboard/ of one run directory."""

    def __init__(self, run: Path) -> None:
        """Nothing is opened before the first row."""
        self._path = run / "metrics.jsonl"
        self._board = run / "tensorboard"
        self._file: IO[bytes] | None = None
        self._writer: Any = None
        self._purge_step: int | None = None
        self._is_known = False  # its name lasts through a power cut

    def append(self, metrics: Mapping[str, Any]) -> None:
        """Add one whole JSON line, the time included; NaN and infinities become null.

        A row with a "step" goes to TensorBoard too. Raises MachineError, and leaves no part of the line.
        """
        row: dict[str, Any] = {"time": round(time.time(), 3)} | jsonable(metrics)
        line = json.dumps(row, allow_nan=False).encode() + b"\n"
        with disk_faults(self._path, "write"):
            if self._file is None:
                self._file = open(self._path, "ab", buffering=0)  # noqa: SIM115 - closed by close()
            end = os.fstat(self._file.fileno()).st_size
            try:
                if self._file.write(line) != len(line):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            except OSError:
                os.ftruncate(self._file.fileno(), end)
                raise
        if "step" in row:
            self._add_scalars(row)

    def sync(self) -> None:
        """Make the rows so far last through a power cut. Raises MachineError."""
        if self._file is not None:
            with disk_faults(self._path, "write"):
                os.fsync(self._file.fileno())
                if not self._is_known:
                    fsync_folder(self._path.parent)
                    self._is_known = True

    def rewind(self, step: int) -> None:
        """Cut the rows of later steps than `step`, and a last row torn by a crash."""
        self.close()
        self._purge_step = step + 1
        if not self._path.exists():
            return
        with disk_faults(self._path, "read"):
            lines = self._path.read_bytes().splitlines(keepends=True)
        kept = [line for line in lines if (row := _row(line)) is not None and _step(row) <= step]
        if len(kept) < len(lines):
            atomic_write_bytes(self._path, b"".join(kept))

    def close(self) -> None:
        """Close both files; the next row opens them again."""
        if self._file is not None:
            self._file.close()
        if self._writer is not None:
            with contextlib.suppress(OSError):
                self._writer.close()
        self._file = self._writer = None

    def _add_scalars(self, row: Mapping[str, Any]) -> None:
        with disk_faults(self._board, "write"):
            if self._writer is None:
                from torch.utils.tensorboard import SummaryWriter

                self._writer = SummaryWriter(str(self._board), purge_step=self._purge_step)
            for tag, value in row.items():
                if tag not in ("step", "time") and isinstance(value, int | float):
                    self._writer.add_scalar(tag, value, int(row["step"]), row["time"])


def read_metrics(run: Path | str) -> list[dict[str, Any]]:
    """Every whole row of a run's metrics.jsonl; needs no lock."""
    file = Path(run) / "metrics.jsonl"
    if not file.exists():
        return []
    return [row for line in file.read_bytes().splitlines() if (row := _row(line)) is not None]


def _row(line: bytes) -> dict[str, Any] | None:
    with contextlib.suppress(ValueError):
        row = json.loads(line)
        if isinstance(row, dict):
            return row
    return None


def _step(row: Mapping[str, Any]) -> float:
    step = row.get("step", 0)
    return step if isinstance(step, int | float) else 0
