"""What a disk may hold after a process is killed, or the power fails, before any operation of a save.

A `Recorder` watches a folder while it is written to: before every call that changes names or makes something
last it notes what the folder looks like, and what of it would survive a power cut by the rule of POSIX: the
bytes of a file as they were at its last fsync, the names of a folder as they were at its own. `states` then
tells every folder that could be found afterwards; `lay_out` makes one of them.
"""

import builtins
import contextlib
import errno
import io
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tengen.networks import checkpoint_files

CHANGING = (
    "replace",
    "rename",
    "unlink",
    "remove",
    "mkdir",
    "rmdir",
    "link",
    "symlink",
    "truncate",
    "ftruncate",
)
LASTING = ("fsync", "fdatasync")
Tree = dict[str, bytes | None]  # path relative to the folder -> bytes, None for a folder
Names = dict[int, dict[str, int]]  # by folder, names and who they stand for


@dataclass
class Moment:
    """The folder before one operation: what is there, and what would last."""

    before: str  # the operation
    names: Names
    data: dict[int, bytes]
    lasting_names: Names
    lasting_data: dict[int, bytes]


class Recorder:
    """Watches one folder. Files are known by inode, which a handle keeps from being given to another."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.moments: list[Moment] = []
        self._handles: dict[int, int] = {}
        self._names: Names = {}
        self._data: dict[int, bytes] = {}
        self._look()
        self._lasting_names = {folder: dict(names) for folder, names in self._names.items()}
        self._lasting_data = dict(self._data)

    @contextlib.contextmanager
    def watching(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        """While open, operations are noted."""
        with monkeypatch.context() as patch:
            for name in (*CHANGING, *LASTING):
                patch.setattr(os, name, self._noting(name, getattr(os, name)))
            opening = self._noting("open to write", io.open)

            def opened(file: Any, mode: str = "r", *args: Any, **options: Any) -> Any:
                is_read = not set(mode) & set("wxa+")
                return (real_open if is_read else opening)(file, mode, *args, **options)

            real_open = io.open
            patch.setattr(builtins, "open", opened)
            patch.setattr(io, "open", opened)
            saving = self._noting("write tensors", checkpoint_files.save_file)
            patch.setattr(checkpoint_files, "save_file", saving)
            yield
        self._note("end")

    def close(self) -> None:
        for handle in self._handles.values():
            os.close(handle)

    def _noting(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def noted(*args: Any, **options: Any) -> Any:
            self._note(name)
            found = function(*args, **options)
            if name in LASTING:
                self._look()
                number = os.fstat(args[0]).st_ino
                if number in self._names:
                    self._lasting_names[number] = dict(self._names[number])
                elif number in self._data:
                    self._lasting_data[number] = self._data[number]
            return found

        return noted

    def _note(self, before: str) -> None:
        self._look()
        self.moments.append(
            Moment(
                before,
                {folder: dict(names) for folder, names in self._names.items()},
                dict(self._data),
                {folder: dict(names) for folder, names in self._lasting_names.items()},
                dict(self._lasting_data),
            )
        )

    def _look(self) -> None:
        self._names = {}
        self._look_into(self.root)

    def _look_into(self, folder: Path) -> int:
        number = self._hold(folder)
        names = self._names.setdefault(number, {})
        with os.scandir(folder) as entries:
            for entry in sorted(entries, key=lambda e: e.name):
                if entry.is_dir(follow_symlinks=False):
                    names[entry.name] = self._look_into(Path(entry.path))
                elif entry.is_file(follow_symlinks=False):
                    inner = names[entry.name] = self._hold(Path(entry.path))
                    handle = os.open(entry.path, os.O_RDONLY)
                    with os.fdopen(handle, "rb") as file:
                        self._data[inner] = file.read()
        return number

    def _hold(self, path: Path) -> int:
        handle = os.open(path, os.O_PATH | os.O_NOFOLLOW)
        number = os.fstat(handle).st_ino
        if number in self._handles:
            os.close(handle)
        else:
            self._handles[number] = handle
        return number

    # --- what may be found --------------------------------------------------------------------------------

    def states(self, done: bool = False) -> list[tuple[str, Tree]]:
        """Every different folder that could be found, and how it would come about; done: after all of it."""
        root = os.stat(self.root).st_ino
        found: dict[tuple[Any, ...], tuple[str, Tree]] = {}
        for index, moment in enumerate(self.moments):
            if done and moment is not self.moments[-1]:
                continue
            for how, names, data in _outcomes(moment):
                tree: Tree = {}
                _grow(tree, "", root, names, data)
                key = tuple(sorted((path, content or b"", content is None) for path, content in tree.items()))
                found.setdefault(key, (f"{how} at {index}, before '{moment.before}'", tree))
        return list(found.values())


def _outcomes(moment: Moment) -> Iterator[tuple[str, Names, dict[int, bytes]]]:
    names, data, lasting = moment.names, moment.data, moment.lasting_data
    lost = {number: lasting.get(number, b"") for number in data | lasting}
    torn = {number: _torn(lasting.get(number, b""), content) for number, content in (lasting | data).items()}
    yield "killed", names, data
    yield "killed in mid-write", names, torn
    yield "power cut, all names kept", names, lost
    yield "power cut", moment.lasting_names, lost
    yield "power cut, all bytes kept", moment.lasting_names, lasting | data
    for folder in names:
        if names[folder] != moment.lasting_names.get(folder):
            yield "power cut, one folder kept", moment.lasting_names | {folder: names[folder]}, lost
            but = {**names, folder: moment.lasting_names.get(folder, {})}
            yield "power cut, one folder lost", but, lost


def _torn(lasting: bytes, now: bytes) -> bytes:
    """Half of what came after what lasts."""
    begin = len(lasting) if now.startswith(lasting) else 0
    return now[: begin + (len(now) - begin) // 2]


def _grow(tree: Tree, path: str, folder: int, names: Names, data: dict[int, bytes]) -> None:
    for name, number in names.get(folder, {}).items():
        inner = f"{path}{name}"
        if number in data:
            tree[inner] = data[number]
        else:
            tree[inner] = None
            _grow(tree, f"{inner}/", number, names, data)


def lay_out(tree: Tree, folder: Path) -> Path:
    """Make a folder hold what a state says."""
    folder.mkdir(parents=True)
    for path, data in tree.items():
        if data is None:
            (folder / path).mkdir(parents=True, exist_ok=True)
        else:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)
    return folder


class FullDisk:
    """A disk that is full from its n-th operation on: nothing can be written, names can still be removed."""

    def __init__(self, after: int) -> None:
        self.after = after
        self.count = 0

    @contextlib.contextmanager
    def full(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        """While open, operations are counted, and refused once the disk is full."""
        with monkeypatch.context() as patch:
            for name in ("replace", "rename", "mkdir", "link", *LASTING):
                patch.setattr(os, name, self._refusing(getattr(os, name)))
            real_open, opening = io.open, self._refusing(io.open)

            def opened(file: Any, mode: str = "r", *args: Any, **options: Any) -> Any:
                is_read = not set(mode) & set("wxa+")
                return (real_open if is_read else opening)(file, mode, *args, **options)

            patch.setattr(builtins, "open", opened)
            patch.setattr(io, "open", opened)
            patch.setattr(checkpoint_files, "save_file", self._refusing(checkpoint_files.save_file))
            yield

    @property
    def was_full(self) -> bool:
        return self.count > self.after

    def _refusing(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def refused(*args: Any, **options: Any) -> Any:
            self.count += 1
            if self.count > self.after:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return function(*args, **options)

        return refused
