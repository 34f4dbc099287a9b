"""Bringing a run's files here: all of a run that goes on, or some that a command reads."""

import contextlib
import os
import shutil
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tengen.errors import MachineError, TengenError
from tengen.files import atomic_path, disk_faults
from tengen.remote.manifest import Entry, Manifest, file_digest, manifests
from tengen.remote.place import Place

WORKERS = 8
NOT_MIRRORED = ("tensorboard", "games", ".lock")


def fetch(
    place: Place,
    into: Path,
    wanted: Callable[[str], bool] = lambda path: True,
    say: Callable[[str], None] = lambda text: None,
) -> Manifest:
    """Make a folder's files those of the newest save that is whole, or those `wanted` of them by path.

    What is there already and right stays. Raises TengenError where there is no run, MachineError where no
    save can be read.
    """
    fault: MachineError | None = None
    for _ in range(3):  # whoever writes may remove what we are reading, once there is a newer save
        tried = manifests(place)
        for manifest in tried:
            try:
                _bring(place, into, {p: e for p, e in manifest.files.items() if wanted(p)})
            except MachineError as error:
                fault = error
                continue
            if manifest is not tried[0]:
                say(f"{place.url}: its newest save cannot be read, the one before it is taken ({fault})")
            return manifest
        if not tried:
            raise TengenError(f"{place.url}: is not a run; one is begun with 'tengen train CONFIG --run URL'")
        if [m.name for m in manifests(place)] == [m.name for m in tried]:
            break
    assert fault is not None
    raise fault


def clear_others(run: Path, paths: Iterable[str], *, hidden: bool = True) -> None:
    """Remove what a run's folder holds beside these paths: traces of another time.

    hidden: what another process is just writing, too.
    """
    kept = set(paths)
    with disk_faults(run, "remove old files"):
        for file in sorted(run.rglob("*"), reverse=True):
            path = file.relative_to(run)
            if (
                path.parts[0] in NOT_MIRRORED
                or path.as_posix() in kept
                or (path.name[0] == "." and not hidden)
            ):
                continue
            if file.is_dir() and not file.is_symlink():
                with contextlib.suppress(OSError):
                    file.rmdir()  # unless something is left in it
            else:
                file.unlink()


def _bring(place: Place, into: Path, entries: dict[str, Entry]) -> None:
    with disk_faults(into, "make the folder"):
        into.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(WORKERS) as pool:
        done = [pool.submit(_bring_one, place, into / path, entry) for path, entry in entries.items()]
    for future in done:
        future.result()


def _bring_one(place: Place, file: Path, entry: Entry) -> None:
    if file.is_file() and file.stat().st_size == entry.size and file_digest(file) == entry.digest:
        return
    with atomic_path(file) as temporary:
        place.download(entry.object, temporary)
        if os.stat(temporary).st_size != entry.size or file_digest(temporary) != entry.digest:
            raise MachineError(f"{place.url}: {entry.object} is damaged; it is not what was written there")


def move_aside(folder: Path) -> Path:
    """Give a folder another name, the first that is free. Raises MachineError."""
    number = 1
    while (aside := folder.with_name(f"{folder.name}.left-{number}")).exists():
        number += 1
    with disk_faults(folder, "move it aside"):
        shutil.move(folder, aside)
    return aside
