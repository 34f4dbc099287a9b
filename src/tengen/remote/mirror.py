"""Copies each save of a run to its place, in a thread beside training."""

import re
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tengen.errors import MachineError
from tengen.remote import snapshot
from tengen.remote.lease import Lease
from tengen.remote.manifest import FOLDER, KEPT, Entry, Manifest, file_digest
from tengen.remote.place import Place

DATA = "data"
WORKERS = 8  # objects under way at once
FIRST_RETRY_S, LAST_RETRY_S = 5.0, 300.0
LARGE = 1_000_000  # bytes; smaller files are read again rather than known by inode and time
TRIES_AT_END = 3
WRITTEN = re.compile(rf"{DATA}/(\d{{8}})/.+\.[0-9a-f]{{16}}|{FOLDER}/(\d{{8}})-\d{{8}}\.json")
PATIENCE_S = 3.0  # before the end says what it waits for


class Lost(MachineError):
    """Another machine has taken the place over."""


class Mirror:
    """The newest save of a run is copied; one that comes while another is under way waits for its turn.

    It then takes the place of one that waits. What a place cannot take is tried again and again, and training
    goes on.
    """

    def __init__(
        self,
        run: Path,
        staging: Path,
        place: Place,
        lease: Lease,
        base: Manifest | None,
        say: Callable[[str], None],
        published: Callable[[Manifest], None] = lambda manifest: None,
    ) -> None:
        """staging: a folder of the mirror's own on the run's file system; base: what the run went on from;
        published: called, from the mirror's thread, with every save that is there.

        Raises MachineError where the place cannot be read.
        """
        self._run, self._staging, self._place, self._lease, self._say = run, staging, place, lease, say
        self._published = published
        self._turn = threading.Condition()
        self._waiting: Path | None = None
        self._count = 0
        self._is_closing = False
        self.fault: str | None = None  # why the newest save is not there
        self._kept = [base] if base is not None else []
        there = set(place.names(DATA))
        entries = base.files.values() if base is not None else ()
        self._objects = {entry.digest: entry for entry in entries if entry.object in there}
        self._digests: dict[tuple[int, int, int], str] = {}
        shutil.rmtree(staging, ignore_errors=True)
        self._thread = threading.Thread(target=self._work, daemon=True, name="mirror")
        self._thread.start()

    def take(self) -> None:
        """The run has just been saved: hold its files, and see to it that they are copied."""
        self._count += 1
        folder: Path | None = self._staging / f"{self._count}"
        assert folder is not None
        try:
            snapshot.take(self._run, folder)
        except OSError as error:
            shutil.rmtree(folder, ignore_errors=True)
            self._note(f"{self._run}: cannot be held to be copied ({error.strerror or error})")
            return
        with self._turn:
            folder, self._waiting = self._waiting, folder
            self._turn.notify()
        _remove_tree(folder)

    def close(self) -> str | None:
        """Wait until the newest save is copied, or cannot be; why it is not, or None."""
        with self._turn:
            self._is_closing = True
            self._turn.notify()
        self._thread.join(PATIENCE_S)
        if self._thread.is_alive():
            self._say(f"{self._place.url}: the newest save is being copied there")
        self._thread.join()
        _remove_tree(self._staging)
        return self.fault

    def _work(self) -> None:
        failures = 0
        while True:
            with self._turn:
                self._turn.wait_for(lambda: self._waiting is not None or self._is_closing)
                folder, self._waiting = self._waiting, None
            if folder is None:
                return
            try:
                self._publish(folder)
            except Lost as error:
                self.fault = str(error)
                self._say(f"{error}; training goes on, and its saves stay in {self._run}")
                return
            except Exception as error:
                failures += 1
                self._note(str(error) or type(error).__name__)
                if self._is_closing and failures >= TRIES_AT_END:
                    return
                self._try_again(folder, failures)
                continue
            if self.fault is not None:
                self._say(f"{self._place.url}: takes the run's saves again")
            self.fault, failures = None, 0
            _remove_tree(folder)

    def _try_again(self, folder: Path | None, failures: int) -> None:
        """Wait, and let a save be tried once more unless a newer one has come."""
        with self._turn:
            if self._waiting is None:
                self._waiting, folder = folder, None
            pause = min(LAST_RETRY_S, FIRST_RETRY_S * 2.0 ** min(failures - 1, 10))
            if self._is_closing:
                self._turn.wait(min(pause, 1.0))
            else:
                self._turn.wait_for(lambda: self._is_closing, pause)
        _remove_tree(folder)

    def _note(self, fault: str) -> None:
        if self.fault is None:
            self._say(f"{fault}; training goes on, and what is saved is copied there as soon as it can be")
        self.fault = fault

    # --- one save -----------------------------------------------------------------------------------------

    def _publish(self, folder: Path) -> None:
        """Objects first, then the manifest that names them, then what no manifest names goes."""
        snapshot.add_growing(self._run, folder)
        entries = self._with_objects(folder)
        if self._kept and self._kept[0].lease == self._lease.number and self._kept[0].files == entries:
            return  # nothing has changed since
        number = 1 + max((m.number for m in self._kept if m.lease == self._lease.number), default=0)
        manifest = Manifest(self._lease.number, number, self._lease.token, entries)
        self._check_lease()
        self._place.write(manifest.name, manifest.to_bytes())
        self._published(manifest)
        self._kept = [manifest, *self._kept][:KEPT]
        self._objects = {entry.digest: entry for entry in entries.values()}
        self._check_lease()
        self._sweep()

    def _with_objects(self, folder: Path) -> dict[str, Entry]:
        """Upload what the place has not yet; every file's entry."""
        found: dict[str, Entry] = {}
        new: dict[str, tuple[Path, Entry]] = {}
        for file in sorted(f for f in folder.rglob("*") if f.is_file()):
            path = file.relative_to(folder).as_posix()
            digest = self._digest(file)
            if digest in self._objects:
                found[path] = self._objects[digest]
                continue
            name = f"{DATA}/{self._lease.number:08d}/{path}.{digest[:16]}"
            entry = Entry(name, file.stat().st_size, digest)
            found[path] = new.setdefault(digest, (file, entry))[1]
        with ThreadPoolExecutor(WORKERS) as pool:
            done = [pool.submit(self._upload, file, entry) for file, entry in new.values()]
        for future in done:
            future.result()
        return found

    def _upload(self, file: Path, entry: Entry) -> None:
        self._place.upload(file, entry.object)
        self._objects[entry.digest] = entry  # not again, where another object fails

    def _digest(self, file: Path) -> str:
        about = file.stat()
        if about.st_size < LARGE:
            return file_digest(file)
        key = about.st_ino, about.st_mtime_ns, about.st_size
        if key not in self._digests:
            self._digests[key] = file_digest(file)
        return self._digests[key]

    def _check_lease(self) -> None:
        if not self._lease.holds():
            raise Lost(f"{self._place.url}: was taken over by {self._lease.lost_to}")

    def _sweep(self) -> None:
        """Remove what no kept manifest names: of this run, and of those before it that were killed."""
        named = {entry.object for manifest in self._kept for entry in manifest.files.values()}
        named |= {manifest.name for manifest in self._kept}
        there = [*self._place.names(FOLDER), *self._place.names(DATA)]
        ours = [name for name in there if name not in named and _is_of(name, self._lease.number)]
        with ThreadPoolExecutor(WORKERS) as pool:
            done = [pool.submit(self._place.remove, name) for name in ours]
        for future in done:
            future.result()


def _is_of(name: str, lease: int) -> bool:
    """Whether an object was written by a run under this lease or an earlier one."""
    found = WRITTEN.fullmatch(name)
    return found is not None and int(found[1] or found[2]) <= lease


def _remove_tree(folder: Path | None) -> None:
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)
