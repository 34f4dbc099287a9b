"""Starts one program, and ends it with all that it started: run by path, as a process of its own.

    python -I -S warden.py PARENT MEMORY_BYTES PROGRAM ARGUMENT...

The program inherits the standard streams. When it ends, when the warden is told to (SIGTERM), or when the
process PARENT ends, however that happens, every descendant is killed; the warden adopts those that lose their
parent (PR_SET_CHILD_SUBREAPER), and the program ends with the warden (PR_SET_PDEATHSIG). The exit status is
the program's, or 128 + the signal that ended it. Needs nothing but the standard library, so that it starts
within hundredths of a second. Where there is no Linux, processes that left the session may stay.
"""

import contextlib
import os
import resource
import select
import signal
import sys

CANNOT_START = 127
SET_PARENT_DEATH_SIGNAL, SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h
LOOK_S = 0.5  # between looks at the parent, where the system has no descriptor for a process


def main(arguments: list[str]) -> int:
    """Start and guard the program; returns the exit status."""
    parent, memory, command = int(arguments[0]), int(arguments[1]), arguments[2:]
    _prctl(SET_CHILD_SUBREAPER, 1)
    stop: list[int] = []
    wake, waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC) if hasattr(os, "pipe2") else _pipe()
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda number, frame: stop.append(number))
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    try:
        watched = [wake, os.pidfd_open(parent)]
    except (AttributeError, OSError):
        watched = [wake]
    me, engine = os.getpid(), os.fork()
    if engine == 0:
        _become(command, memory, me)
    _let_go_of_streams()
    status = None
    while status is None and not stop and os.getppid() == parent:
        ready, _, _ = select.select(watched, [], [], None if len(watched) > 1 else LOOK_S)
        if wake in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(wake, 4096)
        status = _reap(engine)
    status = _kill_all(engine, status)
    return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def _become(command: list[str], memory: int, warden: int) -> None:
    """In the new process: turn into the program, or say why not."""
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)
        _prctl(SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
        if os.getppid() != warden:
            os._exit(CANNOT_START)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if memory:
            resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
        os.execvp(command[0], command)
    except BaseException as error:
        os.write(2, f"cannot start {command[0]}: {getattr(error, 'strerror', None) or error}\n".encode())
    os._exit(CANNOT_START)


def _let_go_of_streams() -> None:
    """The program's end must show as the end of its output, so nobody else may hold it."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)


def _reap(engine: int) -> int | None:
    """Take leave of every process that has ended; the engine's status if it is among them."""
    found = None
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            if ended[0] == engine:
                found = ended[1]
    return found


def _kill_all(engine: int, status: int | None) -> int:
    """Kill the children until there are none, for theirs become ours; the engine's status."""
    with contextlib.suppress(ChildProcessError):
        while True:
            for child in _children(engine if status is None else None):
                with contextlib.suppress(OSError):
                    os.kill(child, signal.SIGKILL)
            ended, how = os.waitpid(-1, 0)
            if ended == engine:
                status = how
    return status or 0


def _children(engine: int | None) -> list[int]:
    """Our children, or at least the engine where the system does not list them."""
    try:
        with open(f"/proc/self/task/{os.getpid()}/children") as file:
            return [int(word) for word in file.read().split()]
    except OSError:
        return [] if engine is None else [engine]


def _pipe() -> tuple[int, int]:
    ends = os.pipe()
    for end in ends:
        os.set_blocking(end, False)
    return ends


def _prctl(option: int, value: int) -> None:
    """Linux alone has this; elsewhere the loop over the parent's number has to do."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
