"""A training run at a URL: who writes to it, the folder here, and its copy there."""

import contextlib
import json
import secrets
import sys
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any, Self

from tengen._runtime import cache_root
from tengen.errors import MachineError, TengenError
from tengen.files import atomic_write_bytes, disk_faults
from tengen.remote import lease as leases
from tengen.remote import manifest as saves
from tengen.remote.fetch import clear_others, fetch, move_aside
from tengen.remote.lease import Lease
from tengen.remote.manifest import Manifest, manifests
from tengen.remote.mirror import DATA, Mirror
from tengen.remote.place import Place
from tengen.rundir import RunDir, checkpoints, locked

RECORD = "record.json"
ROOMS = {leases.FOLDER, saves.FOLDER, DATA}  # of a place


class RemoteRun:
    """A run at a URL, which this process alone writes to: `path` is its folder here. A context manager.

    with RemoteRun(url, resume=False) as remote:
        with RunDir.create(remote.path, ...) as run, remote.mirrored(run):
            ...  # whatever `run` saves is copied
    """

    def __init__(self, url: str, *, resume: bool) -> None:
        """Touches nothing yet. Raises TengenError where the URL is of no store that can be used."""
        self.place = Place(url)
        self.url = self.place.url
        self.home = home(self.url)
        self.path = self.home / (self.url.rpartition("/")[2] or "run")
        self._resume = resume
        self._base: Manifest | None = None
        self._closing = contextlib.ExitStack()

    def __enter__(self) -> Self:
        """Take the lease, and bring what is there where the run goes on from it.

        Raises TengenError where the place cannot be used, is another's, or holds a run that a new one would
        write over.
        """
        with contextlib.ExitStack() as closing:
            with disk_faults(self.home, "make the folder of the run"):
                self.home.mkdir(parents=True, exist_ok=True)
            closing.enter_context(locked(self.home, self.url))
            token = self._token()
            try:
                found = manifests(self.place)
                if found and not self._resume:
                    raise TengenError(
                        f"{self.url}: already holds a run; resume it with 'tengen train --resume {self.url}' "
                        "or name another place with --run"
                    )
                self._check_kind(is_begun=bool(found))
                above = max((manifest.lease for manifest in found), default=0)
                self._lease = Lease.take(self.place, token, above=above, say=_say)
            except MachineError as error:  # before any work: the name is to be mended, not the machine
                raise TengenError(str(error)) from error
            closing.callback(self._give_back)
            self._lease.start()
            if self._resume:
                self._bring(token)
            elif (self.path / "config.yaml").is_file():
                raise TengenError(
                    f"{self.path}: holds a run that was begun for {self.url} and never got there; go on with "
                    f"it by 'tengen train --resume {self.url}', or remove it"
                )
            self._closing = closing.pop_all()
        return self

    def __exit__(self, *about: Any) -> None:
        self._closing.close()

    @contextlib.contextmanager
    def mirrored(self, run: RunDir) -> Iterator[None]:
        """While open, every save of the run is copied, and at the end how it then is.

        Raises MachineError in the end where the newest save is not there.
        """
        if self._record() is None:
            self._write_record("", 0)
        mirror = Mirror(
            run.path,
            self.home / "staging",
            self.place,
            self._lease,
            self._base,
            lambda text: _say(text, run),
            lambda manifest: self._write_record(manifest.name, manifest.step),
        )
        run.name, run.after_save = self.url, mirror.take
        mirror.take()
        try:
            yield
        except KeyboardInterrupt:
            raise  # at once: the second Ctrl-C
        except BaseException:
            if fault := self._finish(mirror, run):
                print(f"tengen: {fault}", file=sys.stderr)
            raise
        if fault := self._finish(mirror, run):
            raise MachineError(fault)

    def _finish(self, mirror: Mirror, run: RunDir) -> str | None:
        """Copy how the run is now; what is to be said where that could not be."""
        run.after_save = None
        mirror.take()
        fault = mirror.close()
        if fault is None:
            return None
        run.log(fault)
        again = f"'tengen train --resume {self.url}' on this machine copies it"
        return f"what the run saved last is in {run.path} only ({fault}); {again}"

    def _check_kind(self, *, is_begun: bool) -> None:
        """Raise TengenError where there is no run to go on with, or other things are where one would be."""
        if is_begun:
            return
        others = set(self.place.entries()) - ROOMS
        if self._resume and "config.yaml" in others:
            raise TengenError(
                f"{self.url}: holds a run as plain files; name its folder as a path, or copy it to one"
            )
        if self._resume and not (self.path / "config.yaml").is_file():
            raise TengenError(
                f"{self.url}: is not a run; one is begun with 'tengen train CONFIG --run {self.url}'"
            )
        if others:
            raise TengenError(
                f"{self.url}: has other things in it ({sorted(others)[0]}); a run needs a place of its own"
            )

    def _bring(self, token: str) -> None:
        """Make the folder here that of the newest save, unless it is that already, or is ahead of it."""
        found = manifests(self.place)
        if not found:
            return
        newest, record = found[0], self._record()
        if record is not None and (self.path / "config.yaml").is_file():
            if newest.owner == token or record["based"] == newest.name:
                self._base = newest
                return
            if max(checkpoints(self.path), default=0) > record["step"]:  # a save that never got there
                aside = move_aside(self.path)
                _say(f"{self.url}: went on elsewhere; what was saved here and not copied there is in {aside}")
        size = sum(entry.size for entry in newest.files.values())
        _say(f"{self.url}: fetching {size / 1e6:,.1f} MB to {self.path}")
        with disk_faults(self.home, "remove"):
            (self.home / RECORD).unlink(missing_ok=True)
        self._base = fetch(self.place, self.path, say=_say)
        clear_others(self.path, self._base.files)
        self._write_record(self._base.name, self._base.step)

    def _record(self) -> dict[str, Any] | None:
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            record = json.loads((self.home / RECORD).read_bytes())
            return {"based": str(record["based"]), "step": int(record["step"])}
        return None

    def _token(self) -> str:
        """Who this folder is, to the place: it may take up what it was killed over without waiting."""
        file = self.home / "owner"
        with contextlib.suppress(OSError, UnicodeDecodeError):
            text = file.read_text().strip()
            if text.isalnum():
                return text
        token = secrets.token_hex(8)
        atomic_write_bytes(file, token.encode())
        return token

    def _write_record(self, based: str, step: int) -> None:
        """Of which save the folder here is a later state, and that save's newest checkpoint."""
        atomic_write_bytes(self.home / RECORD, json.dumps({"based": based, "step": step}).encode())

    def _give_back(self) -> None:
        with contextlib.suppress(MachineError):  # the next one waits until it lapses
            self._lease.release()


def home(url: str) -> Path:
    """The folder here that belongs to a URL."""
    return cache_root() / "runs" / blake2b(url.encode(), digest_size=8).hexdigest()


def _say(text: str, run: RunDir | None = None) -> None:
    print(text, file=sys.stderr, flush=True)
    if run is not None:
        with contextlib.suppress(MachineError):
            run.log(text)
