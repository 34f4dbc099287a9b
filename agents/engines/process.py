"""A program that talks in lines, held so that nothing it does can hurt us."""

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
import weakref
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path

from tengen.agents.engines.faults import EngineFault, FaultKind, printable
from tengen.errors import TengenError

WARDEN = Path(__file__).with_name("warden.py")
PATH = f"{os.defpath}:/usr/local/bin:/usr/games"  # Debian keeps its playing programs in /usr/games
KEPT_VARIABLES = ("PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES")
MEMORY_MB = 4096
LINE_BYTES = 64 << 10  # the longest line that a program may print
CHUNK = 64 << 10
TAIL = 20  # lines kept to show
LONGEST_POLL_MS = 3_600_000
END_S = 5.0  # to wait for what was killed


class EngineProcess:
    """One running program. Nothing here blocks but `pump`, `close` and the start itself."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        memory_mb: int = MEMORY_MB,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start `command`, an argument list that no shell sees.

        name: for messages. memory_mb: what each of its processes may claim for data, 0 for no limit.
        environment: variables beside the few that it is given. Raises TengenError, EngineFault.
        """
        self.name = name
        self._lines: deque[str] = deque()
        self._partial = bytearray()
        self._said = bytearray()  # on its standard error, since the last line's end
        self._outbox = bytearray()
        self._tail: deque[str] = deque(maxlen=TAIL)
        self._overflow = False
        self._eof = self._error_eof = False
        self._watched: tuple[bool, bool, bool] | None = None  # what `_poll` waits for: out, in, err
        self._poll = select.poll()
        if not command or any("\0" in word for word in command):
            raise TengenError(f"engine '{name}': expected a program and its arguments, got {list(command)}")
        arguments = [str(os.getpid()), str(memory_mb << 20), *command]
        try:
            self._popen = subprocess.Popen(
                [sys.executable, "-I", "-S", str(WARDEN), *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                env=scrubbed_environment(environment or {}),
                start_new_session=True,
            )
        except OSError as error:
            raise EngineFault("start", name, f"cannot be started: {error.strerror or error}") from None
        assert self._popen.stdin and self._popen.stdout and self._popen.stderr
        self._in, self._out, self._err = (
            stream.fileno() for stream in (self._popen.stdin, self._popen.stdout, self._popen.stderr)
        )
        for descriptor in (self._in, self._out, self._err):
            os.set_blocking(descriptor, False)
        self._finish = weakref.finalize(self, _end, self._popen)

    @property
    def pid(self) -> int:
        """Number of the warden's process, which is also its session's."""
        return self._popen.pid

    @property
    def ended(self) -> bool:
        """Whether no more lines will come."""
        return (self._eof or self._overflow) and not self._lines

    @property
    def has_news(self) -> bool:
        """Whether `line` has something to say."""
        return bool(self._lines) or self._eof or self._overflow

    def line(self) -> str | None:
        """The next line of its output, if one has come whole."""
        return self._lines.popleft() if self._lines else None

    def send(self, data: bytes) -> None:
        """Let it read data as soon as it can; what it does not read waits here."""
        self._outbox += data
        self._write()

    def tail(self) -> tuple[str, ...]:
        """The last lines that it printed, on both streams, fit to be shown."""
        rest = [bytes(part[:CHUNK]).decode(errors="replace") for part in (self._partial, self._said) if part]
        return tuple(printable(line) for line in (*self._tail, *rest) if line.strip())[-TAIL:]

    def fault(self, kind: FaultKind, what: str) -> EngineFault:
        """A fault of this program, with its last lines."""
        pump([self], 0.0)  # what stands on its standard error may say why
        return EngineFault(kind, self.name, what, self.tail())

    def end_fault(self, doing: str) -> EngineFault:
        """The fault that its end is, while it was `doing`."""
        if self._overflow:
            return self.fault("garbage", f"printed a line of more than {LINE_BYTES >> 10} KiB {doing}")
        self._drain()
        try:
            status = self._popen.wait(1.0)
        except subprocess.TimeoutExpired:
            return self.fault("exit", f"closed its output {doing}")
        if status > 128 and (name := _signal_name(status - 128)):
            return self.fault("crash", f"was ended by {name} {doing}")
        if status:
            return self.fault("crash", f"ended with status {status} {doing}")
        return self.fault("exit", f"left {doing}")

    def close(self, last: bytes = b"", grace_s: float = 0.0) -> None:
        """End it and all that it started, after `last` words and so long a wait for it to go by itself."""
        if not self._finish.alive:
            return
        if last and not self._eof:
            self.send(last)
        until = time.monotonic() + grace_s
        while not self._eof and (left := until - time.monotonic()) > 0:
            self._lines.clear()
            if self._overflow:
                break
            pump([self], left)
        self._finish()

    def kill(self) -> None:
        """End it from any thread: whoever waits for it finds it gone, and has yet to `close` it."""
        if self._finish.alive:
            self._popen.terminate()

    def _wants(self) -> tuple[bool, bool, bool]:
        """Whether there is to be waited for its output, for its input to take more, and for its errors."""
        return not (self._eof or self._overflow), bool(self._outbox), not self._error_eof

    def _awaited(self) -> list[tuple[int, int]]:
        """Descriptors and what is awaited of them."""
        if not self._finish.alive:
            return []
        pairs = ((self._out, select.POLLIN), (self._in, select.POLLOUT), (self._err, select.POLLIN))
        return [pair for pair, wanted in zip(pairs, self._wants(), strict=True) if wanted]

    def pump(self, timeout_s: float) -> None:
        """`pump` for this program alone, with a poll that is kept from one wait to the next."""
        if not self._finish.alive:
            return
        if self._watched != (wants := self._wants()):
            self._watched, self._poll = wants, select.poll()
            for descriptor, event in self._awaited():
                self._poll.register(descriptor, event)
        if any(wants):
            for descriptor, _ in self._poll.poll(_milliseconds(timeout_s)):
                self._serve(descriptor)

    def _serve(self, descriptor: int) -> None:
        """Something can be done at a descriptor: do it."""
        if descriptor == self._in:
            self._write()
            return
        data = _read(descriptor)
        if data is not None:
            (self._hear if descriptor == self._out else self._hear_error)(data)

    def _write(self) -> None:
        if not self._outbox:
            return
        try:
            del self._outbox[: os.write(self._in, self._outbox)]
        except BlockingIOError:
            pass
        except OSError:  # it reads no more; its end shows on its output
            self._outbox.clear()

    def _drain(self) -> None:
        """Read what is left on its standard error."""
        for _ in range(16):
            data = _read(self._err)
            if data is None:
                break
            self._hear_error(data)
            if not data:
                break

    def _hear(self, data: bytes) -> None:
        """Take in output, b"" at its end."""
        if not data:
            self._eof = True
            return
        head, newline, rest = data.rpartition(b"\n")
        if newline:
            self._partial += head
            for line in self._partial.split(b"\n"):
                text = line.decode(errors="replace").rstrip("\r")
                self._overflow |= len(line) > LINE_BYTES
                self._lines.append(text)
                if text:
                    self._tail.append(text[:CHUNK])
            self._partial = bytearray(rest)
        else:
            self._partial += rest
        self._overflow |= len(self._partial) > LINE_BYTES
        if self._overflow:
            self._lines.clear()

    def _hear_error(self, data: bytes) -> None:
        self._error_eof |= not data
        *lines, rest = (self._said + data).split(b"\n")
        for line in lines[-TAIL:]:
            if line.strip():
                self._tail.append(line[:CHUNK].decode(errors="replace").rstrip("\r"))
        self._said = rest[-LINE_BYTES:]


def pump(processes: Sequence[EngineProcess], timeout_s: float) -> None:
    """Move bytes to and from the programs, once, waiting at most timeout_s for the first."""
    if len(processes) == 1:
        processes[0].pump(timeout_s)
        return
    poll, owner = select.poll(), {}
    for process in processes:
        for descriptor, event in process._awaited():
            poll.register(descriptor, event)
            owner[descriptor] = process
    if owner:
        for descriptor, _ in poll.poll(_milliseconds(timeout_s)):
            owner[descriptor]._serve(descriptor)


def scrubbed_environment(more: Mapping[str, str]) -> dict[str, str]:
    """What a program gets to see of our environment, and `more`."""
    kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    kept["PATH"] = f"{kept.get('PATH', '')}:{PATH}".lstrip(":")
    return kept | {"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"} | dict(more)


def _milliseconds(seconds: float) -> int:
    return min(LONGEST_POLL_MS, int(1000 * seconds) + 1) if seconds > 0 else 0


def _read(descriptor: int) -> bytes | None:
    """What there is, b"" at the end, None where nothing has come."""
    try:
        return os.read(descriptor, CHUNK)
    except BlockingIOError:
        return None
    except OSError:
        return b""


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return ""


def _end(popen: "subprocess.Popen[bytes]") -> None:
    """Let the warden kill what it guards, and make sure of it."""
    for stream in (popen.stdin, popen.stdout, popen.stderr):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()
    popen.terminate()
    try:
        popen.wait(END_S)
    except subprocess.TimeoutExpired:
        popen.kill()
        popen.wait(END_S)
    if popen.returncode < 0 or sys.platform != "linux":  # a warden that was killed leaves its group behind
        with contextlib.suppress(OSError):
            os.killpg(popen.pid, signal.SIGKILL)
