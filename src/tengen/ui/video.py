"""Moving pictures in files, GIF by Pillow and MP4 by the ffmpeg program, of any length in little memory."""

import contextlib
import os
import shutil
import struct
import subprocess
import tempfile
from pathlib import Path
from typing import IO, Protocol

import numpy as np
from numpy.typing import NDArray

from tengen.errors import MachineError, TengenError
from tengen.files import check_writable, disk_faults

Image = NDArray[np.uint8]  # [H, W, 3]

FORMATS = (".mp4", ".gif")


class Video(Protocol):
    """A file in the making: it takes its name when it is closed."""

    def add(self, image: Image) -> None:
        """The next picture, of the same size as the ones before."""

    def close(self) -> None:
        """Finish the file."""

    def abort(self) -> None:
        """Leave no file behind. Does nothing after `close`."""


def open_video(path: Path | str, per_second: float) -> Video:
    """A video of so many pictures a second, its kind told by the name's end: .mp4 or .gif.

    Raises TengenError for another end and for an MP4 where there is no ffmpeg, MachineError where the file
    cannot be written.
    """
    path = Path(path)
    program = check_video(path)
    with disk_faults(path.parent, "make the folder"):
        path.parent.mkdir(parents=True, exist_ok=True)
    return GifVideo(path, per_second) if program is None else Mp4Video(path, per_second, program)


def check_video(path: Path | str) -> str | None:
    """Raise what `open_video` would, before any work is done; the program that is needed, if one is."""
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        raise TengenError(f"{path}: a video's name must end in {' or '.join(FORMATS)}")
    check_writable(path)
    if suffix == ".gif":
        return None
    program = find_ffmpeg()
    if program is None:
        raise MachineError(
            f"{path}: an MP4 needs the ffmpeg program, which is not on the PATH; install it or "
            f"'pip install tengen[video]', or name a GIF: {path.with_suffix('.gif')}"
        )
    return program


def find_ffmpeg() -> str | None:
    """The ffmpeg program on the PATH, or the one that the package imageio-ffmpeg brings."""
    found = shutil.which("ffmpeg")
    if found is None:
        with contextlib.suppress(ImportError, RuntimeError):
            from imageio_ffmpeg import get_ffmpeg_exe

            found = get_ffmpeg_exe()
    return found


def enlarge(image: Image, aspect: float, at_least: int) -> Image:
    """The picture with every pixel repeated, near `aspect` (width over height) and `at_least` pixels high."""
    height, width = image.shape[:2]
    down = max(1, -(-at_least // height))
    across = max(1, round(down * height * aspect / width))
    return image.repeat(down, axis=0).repeat(across, axis=1)


class GifVideo:
    """A GIF written picture by picture, of each only the part that changed."""

    def __init__(self, path: Path, per_second: float) -> None:
        """See `open_video`."""
        self.path = path
        self._temporary = _beside(path)
        self._per_second = per_second
        self._count = 0  # pictures added
        self._since = 0  # number of the one that waits
        self._shown: Image | None = None  # what the file shows so far
        self._waiting: Image | None = None  # shown from number _since on, its duration yet unknown
        with disk_faults(path, "write"):
            self._file: IO[bytes] | None = open(self._temporary, "xb")  # noqa: SIM115 - until close

    def add(self, image: Image) -> None:
        """See `Video`."""
        if self._waiting is None:
            height, width = image.shape[:2]
            # No table of colours for all: each picture has its own. The extension repeats it for ever.
            self._write(b"GIF89a" + struct.pack("<HHBBB", width, height, 0, 0, 0))
            self._write(b"\x21\xff\x0bNETSCAPE2.0\x03\x01\x00\x00\x00")
            self._waiting = image.copy()
        elif not np.array_equal(image, self._waiting):
            self._flush()
            self._waiting, self._since = image.copy(), self._count
        self._count += 1

    def close(self) -> None:
        """See `Video`."""
        if self._waiting is not None:
            self._flush()
        self._write(b";")
        assert self._file is not None
        with disk_faults(self.path, "write"):
            self._file.close()
            os.replace(self._temporary, self.path)
        self._file = None

    def abort(self) -> None:
        """See `Video`."""
        if self._file is not None:
            self._file.close()
            self._file = None
            self._temporary.unlink(missing_ok=True)

    def _flush(self) -> None:
        from PIL import GifImagePlugin

        image = self._waiting
        assert image is not None
        top, bottom, left, right = 0, image.shape[0], 0, image.shape[1]
        if self._shown is not None:
            changed = (image != self._shown).any(-1)
            rows, columns = np.flatnonzero(changed.any(1)), np.flatnonzero(changed.any(0))
            top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
        hundredths = self._hundredths(self._count) - self._hundredths(self._since)
        blocks = GifImagePlugin.getdata(
            _indexed(image[top:bottom, left:right]),
            (int(left), int(top)),
            duration=10 * hundredths,
            include_color_table=True,
        )
        self._write(b"".join(blocks))
        self._shown = image

    def _hundredths(self, count: int) -> int:
        """When picture `count` begins; GIF counts time in 1/100 s."""
        return round(100 * count / self._per_second)

    def _write(self, data: bytes) -> None:
        assert self._file is not None
        with disk_faults(self.path, "write"):
            self._file.write(data)


class Mp4Video:
    """Pictures sent to ffmpeg through a pipe."""

    def __init__(self, path: Path, per_second: float, program: str) -> None:
        """See `open_video`; program: the path of ffmpeg."""
        self.path = path
        self._temporary = _beside(path)
        self._per_second, self._program = per_second, program
        self._process: subprocess.Popen[bytes] | None = None
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - until close or abort

    def add(self, image: Image) -> None:
        """See `Video`."""
        if self._process is None:
            self._start(*image.shape[:2])
        assert self._process is not None and self._process.stdin is not None
        try:
            self._process.stdin.write(np.ascontiguousarray(image).tobytes())
        except BrokenPipeError:
            raise self._fault() from None

    def close(self) -> None:
        """See `Video`."""
        if self._process is None:
            raise MachineError(f"{self.path}: cannot write a video without a picture")
        with contextlib.suppress(BrokenPipeError):
            self._process.communicate()
        if self._process.returncode != 0:
            raise self._fault()
        with disk_faults(self.path, "write"):
            os.replace(self._temporary, self.path)
        self._process = None
        self._said.close()

    def abort(self) -> None:
        """See `Video`."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
            self._temporary.unlink(missing_ok=True)
        self._said.close()

    def _start(self, height: int, width: int) -> None:
        source = [
            "-f",
            "rawvideo",
            "-pix_fmt",
            "rgb24",
            "-s",
            f"{width}x{height}",
            "-r",
            f"{self._per_second}",
        ]
        # yuv420p is what every player reads; it needs even sides. Which encoder there is, ffmpeg knows.
        even = ["-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2", "-pix_fmt", "yuv420p", "-movflags", "+faststart"]
        command = [self._program, "-y", "-loglevel", "error", *source, "-i", "-", "-an", *even]
        # A session of its own: Ctrl-C is for us, who then finish the file.
        try:
            self._process = subprocess.Popen(
                [*command, "-f", "mp4", str(self._temporary)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=self._said,
                start_new_session=True,
            )
        except OSError as error:
            raise MachineError(f"{self._program}: cannot be started: {error.strerror}") from None

    def _fault(self) -> MachineError:
        assert self._process is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.communicate()
        self._said.seek(0)
        words = self._said.read().decode(errors="replace").strip().splitlines()
        reason = words[-1] if words else f"exit code {self._process.returncode}"
        return MachineError(f"{self.path}: ffmpeg could not write it ({reason})")


def _indexed(image: Image):  # type: ignore[no-untyped-def]  # a PIL image, which is imported late
    """The picture with a table of its own colours: exact with up to 256 of them, else the nearest."""
    from PIL import Image as Pillow

    packed = image.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    colours, index = np.unique(packed, return_inverse=True)
    if len(colours) > 256:
        return Pillow.fromarray(image).quantize(256)
    indexed = Pillow.fromarray(index.reshape(packed.shape).astype(np.uint8), mode="P")
    table = np.stack([colours >> 16, colours >> 8 & 255, colours & 255], axis=1)
    indexed.putpalette(table.astype(np.uint8).tobytes())
    return indexed


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")
