"""Files within tar, zip, gzip and zstandard archives, read as a stream: nothing is unpacked to disk.

What an archive may unfold to is limited by its own size, so that a few kilobytes cannot keep a machine busy
for hours; games as text shrink to a tenth, hardly ever to a fiftieth.
"""

import contextlib
import gzip
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from tengen.errors import TengenError
from tengen.files import read_fault

PEEK = 1 << 16  # bytes looked at to tell what a file is
BLOCK = 1 << 18
ZSTD_BLOCK = 1 << 10  # so that one cannot unfold to more than some MiB
MOST_TIMES = 250  # an archive may unfold to so many times its size,
ALWAYS_ALLOWED = 64 << 20  # or to this
LONGEST_NAME = 120
GZIP, ZSTD, ZIP, EMPTY_ZIP = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PK\x03\x04", b"PK\x05\x06"


class Budget:
    """How many bytes an archive may still unfold to."""

    def __init__(self, path: Path, size: int) -> None:
        self.path, self.most = path, max(ALWAYS_ALLOWED, MOST_TIMES * size)
        self.left = self.most

    def spend(self, count: int) -> None:
        """Raises TengenError where the archive has become larger than is sane."""
        self.left -= count
        if self.left < 0:
            raise TengenError(
                f"{self.path}: unfolds to more than {self.most >> 20:,} MiB, {MOST_TIMES} times its size; "
                "no collection of games does"
            )


class Stream:
    """Bytes of a file or of a part of an archive, the first of them at hand as `head`."""

    def __init__(self, file: Any, path: Path, budget: Budget | None) -> None:
        self._file, self._path, self._budget, self._ahead = file, path, budget, b""
        self.head = self.read(PEEK)
        self._ahead = self.head

    def read(self, size: int = BLOCK) -> bytes:
        """`size` bytes, fewer at the end only. Raises TengenError where the archive is damaged."""
        pieces = [self._ahead[:size]]
        self._ahead = self._ahead[size:]
        missing = size - len(pieces[0])
        with _told(self._path):
            while missing > 0 and (piece := self._file.read(min(missing, BLOCK))):
                if self._budget is not None:
                    self._budget.spend(len(piece))
                pieces.append(piece)
                missing -= len(piece)
        return b"".join(pieces)


class _Zstd:
    """Bytes of zstandard frames; zstandard's own reader takes one that is cut off for whole."""

    def __init__(self, file: Stream) -> None:
        self._file, self._ahead = file, b""
        self._frame: Any = None

    def read(self, size: int) -> bytes:
        """At most `size` bytes, b"" at the end. Raises EOFError in the middle of a frame."""
        import zstandard

        while not self._ahead:
            left = b"" if self._frame is None else self._frame.unused_data
            packed = left or self._file.read(ZSTD_BLOCK)
            if self._frame is None or self._frame.eof:
                if not packed:
                    return b""
                self._frame = zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj()
            elif not packed:
                raise EOFError("its last zstandard frame is cut off")
            self._ahead = self._frame.decompress(packed)
        piece, self._ahead = self._ahead[:size], self._ahead[size:]
        return piece


def members(path: Path) -> Iterator[tuple[str, Stream]]:
    """(name, bytes) of each file in an archive, in its order, or of a file that is none.

    A stream is to be read before the next is asked for. Archives are known by what they hold, not by their
    names; a compressed file within an archive is unfolded too, an archive within one is not. Raises
    TengenError where the file cannot be read or is damaged, or unfolds to too much.
    """
    try:
        with open(path, "rb") as raw:
            magic = raw.read(4)
            raw.seek(0)
            budget = Budget(path, path.stat().st_size)
            if magic in (ZIP, EMPTY_ZIP):
                yield from _of_zip(raw, path, budget)
                return
            name, stream = _unfolded(path.name, Stream(raw, path, None), path, budget)
            if _is_tar(stream.head):
                yield from _of_tar(stream, path, budget)
            else:
                yield name, stream
    except OSError as error:
        raise read_fault(path, error) from None


def _unfolded(name: str, stream: Stream, path: Path, budget: Budget) -> tuple[str, Stream]:
    """The stream, or what it holds if it is compressed."""
    if stream.head[:2] == GZIP:
        return _stem(name, ".gz"), Stream(gzip.GzipFile(fileobj=stream), path, budget)  # type: ignore[call-overload]
    if stream.head[:4] == ZSTD:
        return _stem(name, ".zst"), Stream(_Zstd(stream), path, budget)
    return name, stream


def _stem(name: str, suffix: str) -> str:
    return name[: -len(suffix)] if name.lower().endswith(suffix) else name


def _of_zip(raw: Any, path: Path, budget: Budget) -> Iterator[tuple[str, Stream]]:
    with _told(path):
        archive = zipfile.ZipFile(raw)
        infos = archive.infolist()
    for info in infos:
        if info.is_dir():
            continue
        if info.flag_bits & 1:
            raise TengenError(f"{path}: {_short(info.filename)} is encrypted; unpack it first")
        with _told(path):
            file = archive.open(info)
        with file:
            yield _unfolded(_short(info.filename), Stream(file, path, budget), path, budget)


def _of_tar(stream: Stream, path: Path, budget: Budget) -> Iterator[tuple[str, Stream]]:
    with _told(path):
        archive = tarfile.TarFile.open(fileobj=stream, mode="r|")  # type: ignore[call-overload]
    while True:
        with _told(path):
            info = archive.next()
            archive.members = []  # which it would keep, all of them
        if info is None:
            return
        if not info.isreg():
            continue
        with _told(path):
            file = archive.extractfile(info)
        yield _unfolded(_short(info.name), Stream(file, path, None), path, budget)


def _is_tar(head: bytes) -> bool:
    try:
        tarfile.TarInfo.frombuf(head[:512], "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


def _short(name: str) -> str:
    """The last part of a name, fit to be printed."""
    last = PurePosixPath(name).name.encode("utf-8", "replace").decode()
    return "".join(c if c.isprintable() else "?" for c in last)[:LONGEST_NAME]


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    """Turn whatever a damaged archive raises into one sentence."""
    damage: tuple[type[BaseException], ...] = (
        EOFError,
        gzip.BadGzipFile,
        zlib.error,
        tarfile.TarError,
        zipfile.BadZipFile,
        NotImplementedError,  # a compression that zipfile does not know
    )
    try:
        yield
    except damage as error:
        raise TengenError(f"{path}: the archive is damaged: {error}") from None
    except OSError as error:
        raise read_fault(path, error) from None
    except Exception as error:
        if type(error).__name__ != "ZstdError":
            raise
        raise TengenError(f"{path}: the zstandard compression is damaged: {error}") from None
