"""Who may write to a place: one machine at a time, told by objects that any store can keep.

A claim is an object whose name holds a number, greater than all before, and who claims. Who has written one
looks whether there is another of that number or a greater one, and if so takes its own back: of two who claim
at once, the later to write sees the earlier's, so that never both go on. This needs a store that shows an
object to everybody as soon as it is written, as S3, Google's and file systems do; no clocks are compared, and
nothing is locked.
"""

import json
import os
import random
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Self

from tengen.errors import MachineError, TengenError
from tengen.remote.place import Place

FOLDER = "lease"
HEARTBEAT_S = 15.0
LAPSE_S = 60.0  # an owner that is silent for so long is taken to be dead
LOOK_S = 3.0  # between two looks whether it is
TRIES = 5


@dataclass(frozen=True)
class Claim:
    """What one object says."""

    number: int
    token: str
    owner: str
    is_over: bool

    @property
    def name(self) -> str:
        return _name(self.number, self.token)


class Lease:
    """The right to write to a place, for as long as heartbeats go out; `take` gets it.

    Where they stop for LAPSE_S another may take it, with a greater `number`; what is written under the
    smaller one then counts for nothing (`manifest.manifests`).
    """

    def __init__(self, place: Place, number: int, token: str) -> None:
        """Use `take`."""
        self.place, self.number, self.token = place, number, token
        self.owner = f"process {os.getpid()} on {socket.gethostname()}"
        self.lost_to: str | None = None
        self._beats = 0
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @classmethod
    def take(
        cls,
        place: Place,
        token: str,
        *,
        above: int = 0,
        say: Callable[[str], None] = lambda text: None,
        wait: Callable[[float], None] = lambda seconds: time.sleep(seconds),
    ) -> Self:
        """Claim a place. token: who we are, whose earlier claim is no hindrance; above: one used before.

        Waits LAPSE_S where another's claim was not given back, and raises TengenError where it is alive.
        """
        for attempt in range(TRIES):
            found = claims(place)
            for claim in _hindrances(found, token):
                _wait_for_silence(place, claim, say, wait)
            number = max([above, *(claim.number for claim in found)]) + 1
            lease = cls(place, number, token)
            lease._write()
            rivals = [c for c in claims(place) if c.number >= number and c.token != token]
            if not rivals:
                for claim in found:
                    place.remove(claim.name)
                return lease
            place.remove(_name(number, token))
            wait(random.uniform(0, 1 + attempt))
        raise TengenError(f"{place.url}: others begin a run there too; name another place with --run")

    def start(self) -> None:
        """Send heartbeats from a thread until `release`."""
        self._thread = threading.Thread(target=self._beat, daemon=True, name="lease")
        self._thread.start()

    def holds(self) -> bool:
        """Whether the place is still ours, as it says itself. Raises MachineError where it does not say."""
        found = claims(self.place)
        later = [claim for claim in found if claim.number > self.number]
        if later:
            self.lost_to = later[-1].owner
        elif all(claim.name != _name(self.number, self.token) for claim in found):
            self.lost_to = "another"
        return self.lost_to is None

    def release(self) -> None:
        """Give the place back. Raises MachineError where that cannot be told: others then wait LAPSE_S."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(HEARTBEAT_S)
        if self.lost_to is None and self.holds():
            self._write(is_over=True)

    def _beat(self) -> None:
        while not self._stop.wait(HEARTBEAT_S) and self.lost_to is None:
            try:
                if self.holds():
                    self._write()
            except MachineError:
                continue  # the mirror says it

    def _write(self, is_over: bool = False) -> None:
        self._beats += 1
        said = {"owner": self.owner, "beats": self._beats, "is_over": is_over}
        self.place.write(_name(self.number, self.token), json.dumps(said).encode())


def claims(place: Place) -> list[Claim]:
    """Every claim of a place, the newest last."""
    found = []
    for name in place.names(FOLDER):
        digits, _, token = PurePosixPath(name).stem.partition("-")
        data = place.read(name) if digits.isdecimal() and token else None
        if data is None:
            continue
        try:
            said = json.loads(data)
            found.append(Claim(int(digits), token, str(said["owner"]), bool(said["is_over"])))
        except (ValueError, KeyError, TypeError):  # is just being written
            found.append(Claim(int(digits), token, "another machine", False))
    return sorted(found, key=lambda claim: (claim.number, claim.token))


def _hindrances(found: list[Claim], token: str) -> list[Claim]:
    """Claims of the greatest number by others who have not given them back."""
    newest = max((claim.number for claim in found), default=0)
    return [c for c in found if c.number == newest and c.token != token and not c.is_over]


def _wait_for_silence(
    place: Place, claim: Claim, say: Callable[[str], None], wait: Callable[[float], None]
) -> None:
    before = place.read(claim.name)
    say(f"{place.url}: was last written to by {claim.owner}; seeing for {LAPSE_S:.0f} s whether it still is")
    waited = 0.0
    while before is not None and waited < LAPSE_S:
        wait(LOOK_S)
        waited += LOOK_S
        if place.read(claim.name) != before:
            raise TengenError(
                f"{place.url}: is in use by {claim.owner}; wait for it to end or name another run"
            )


def _name(number: int, token: str) -> str:
    return f"{FOLDER}/{number:08d}-{token}.json"
