"""A folder at a URL, whatever store it is in: whole objects in and out, and faults in a sentence."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath, PurePosixPath

from tengen.errors import MachineError, TengenError
from tengen.words import nearest

EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs"}  # scheme -> extra of ours that brings it
OBJECT_STORES = ("s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "oss")  # have no folders to be made
SCHEMES = ("s3", "gs", "file")  # that we name to a user
URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):(/+)(.*)")


def as_url(path: PurePath | str) -> str | None:
    """The URL that a path stands for, also where a Path has made one slash of two; None where it is none."""
    found = URL.fullmatch(str(path))
    if found is None or (isinstance(path, str) and not found[2].startswith("//")):
        return None
    scheme, rest = found[1].lower(), found[3].rstrip("/")
    is_absolute = found[2] == "///" or (isinstance(path, PurePath) and scheme in ("file", "local"))
    return f"{scheme}:///{rest}" if is_absolute else f"{scheme}://{rest}"


class Place:
    """A folder at a URL. Names in it are relative, with slashes.

    What cannot be done raises MachineError: "URL: cannot be read (reason)". Threads may share it.
    """

    def __init__(self, url: str) -> None:
        """Raises TengenError for a scheme that nobody knows, a package that is missing, a URL of nothing."""
        scheme, _, rest = url.partition("://")
        self.url = f"{scheme}://{rest.rstrip('/')}"
        if not rest.strip("/"):
            raise TengenError(f"{url}: names no bucket or folder; write it as {scheme}://BUCKET/FOLDER")
        import fsspec

        if scheme not in {*fsspec.available_protocols(), *fsspec.registry}:
            near = nearest(scheme, SCHEMES)
            hint = f"did you mean {near}://?" if near else f"{', '.join(f'{s}://' for s in SCHEMES)} are"
            raise TengenError(f"{url}: {scheme}:// is no store that Tengen knows; {hint}")
        try:
            self._fs, root = fsspec.core.url_to_fs(self.url)
        except ImportError as error:
            extra = EXTRAS.get(scheme)
            remedy = f"pip install 'tengen[{extra}]'" if extra else _first_line(error)
            raise TengenError(f"{url}: {scheme}:// needs a package that is not here: {remedy}") from None
        except Exception as error:
            raise TengenError(f"{url}: cannot be used ({_first_line(error)})") from error
        self._root = str(root).rstrip("/")
        self._has_folders = scheme not in OBJECT_STORES
        self._made: set[PurePosixPath] = set()
        self._lock = threading.Lock()

    def read(self, name: str) -> bytes | None:
        """A whole object; None where there is none."""
        with self._faults("read"):
            try:
                return bytes(self._fs.cat_file(self._at(name)))
            except FileNotFoundError:
                return None

    def write(self, name: str, data: bytes) -> None:
        """Make an object, or put another in its place."""
        with self._faults("written"):
            self._make_folder(name)
            self._fs.pipe_file(self._at(name), data)

    def upload(self, file: Path, name: str) -> None:
        """Make an object of a file."""
        with self._faults("written"):
            self._make_folder(name)
            self._fs.put_file(str(file), self._at(name))

    def download(self, name: str, file: Path) -> None:
        """Make a file of an object. Raises MachineError where there is none, too."""
        with self._faults("read"):
            self._fs.get_file(self._at(name), str(file))

    def names(self, folder: str = "") -> list[str]:
        """Every object of a folder and those in it, by name relative to the place, sorted."""
        with self._faults("read"):
            self._fs.invalidate_cache()
            root = str(self._fs._strip_protocol(self._root)).rstrip("/")
            try:
                found = self._fs.find(self._at(folder))
            except FileNotFoundError:
                return []
            return sorted(str(name).removeprefix(root).lstrip("/") for name in found)

    def entries(self) -> list[str]:
        """Names of the objects and folders right in the place."""
        with self._faults("read"):
            self._fs.invalidate_cache()
            try:
                found = self._fs.ls(self._root, detail=False)
            except FileNotFoundError:
                return []
            return sorted({str(name).rstrip("/").rpartition("/")[2] for name in found} - {""})

    def remove(self, name: str) -> None:
        """Remove an object, if it is there."""
        with self._faults("written"):
            try:
                self._fs.rm_file(self._at(name))
            except FileNotFoundError:
                return

    def _at(self, name: str) -> str:
        return f"{self._root}/{name}" if name else self._root

    def _make_folder(self, name: str) -> None:
        if not self._has_folders:
            return
        folder = PurePosixPath(name).parent
        with self._lock:
            if folder not in self._made:
                self._fs.makedirs(self._at("" if str(folder) == "." else str(folder)), exist_ok=True)
                self._made.add(folder)

    @contextmanager
    def _faults(self, done: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # stores raise whatever their libraries do
            raise MachineError(f"{self.url}: cannot be {done} ({_first_line(error)})") from error


def _first_line(error: Exception) -> str:
    text = getattr(error, "strerror", None) or str(error)
    return next(iter(text.splitlines()), "") or type(error).__name__
