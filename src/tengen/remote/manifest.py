"""What a place holds: a list of a run's files, each as an object that is never written over.

A list is one small object, written last, under a name greater than all before. A reader takes the newest that
is whole, so that it sees one save of the run or another, and never a part.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from tengen.remote.place import Place

FOLDER = "manifests"
KEPT = 2  # whoever reads the one before the newest may finish


@dataclass(frozen=True)
class Entry:
    """A file of the run: the object that holds it."""

    object: str
    size: int
    digest: str


@dataclass(frozen=True)
class Manifest:
    """One save of a run."""

    lease: int  # number under which it was written
    number: int  # rises under a lease
    owner: str  # token of who wrote it
    files: Mapping[str, Entry]  # by path relative to the run, with slashes

    @property
    def name(self) -> str:
        return f"{FOLDER}/{self.lease:08d}-{self.number:08d}.json"

    @property
    def step(self) -> int:
        """Of its newest checkpoint; 0 where it has none."""
        names = {path.split("/")[1] for path in self.files if path.startswith("checkpoints/step-")}
        return max((int(name.removeprefix("step-")) for name in names), default=0)

    def to_bytes(self) -> bytes:
        """As it is kept, with a digest of itself."""
        body = json.dumps(asdict(self), sort_keys=True)
        return json.dumps({"check": digest(body.encode()), "body": body}).encode()


def manifests(place: Place) -> list[Manifest]:
    """Those that are whole, the newest first. Raises MachineError where the place cannot be read."""
    names = [n for n in place.names(FOLDER) if PurePosixPath(n).stem.replace("-", "").isdecimal()]
    found = (_parse(place.read(name)) for name in sorted(names, reverse=True))
    return [manifest for manifest in found if manifest is not None]


def _parse(data: bytes | None) -> Manifest | None:
    try:
        outer = json.loads(data or b"")
        if digest(outer["body"].encode()) != outer["check"]:
            return None
        values: dict[str, Any] = json.loads(outer["body"])
        files = {path: Entry(**entry) for path, entry in values.pop("files").items()}
        return Manifest(**values, files=files) if all(map(_is_within, files)) else None
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _is_within(path: str) -> bool:
    """Whether a path stays in the folder of the run: a manifest may come from anybody."""
    return bool(path) and not path.startswith("/") and ".." not in PurePosixPath(path).parts


def digest(data: bytes) -> str:
    """Of an object's bytes."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def file_digest(file: Path) -> str:
    """Of a file's bytes. Raises OSError."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
