"""A program of the user's beside ours: with a time limit, and of what it says only the end is kept, however much that is.

What it leaves behind may hold its standard output open: nobody waits for that.
"""

from __future__ import annotations

import errno
import os
import select
import signal
import subprocess
import tempfile
import time

from reprun.runner.processes import find_status, signal_group

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, List, Mapping, NamedTuple, Optional, Sequence
else:
    from reprun.runner.tuples import NamedTuple

KEPT = 1 << 18  # bytes of what a program says
_TICK = 0.05  # seconds between two looks where the end of a process wakes nobody
_PIPE = 1 << 16


class Ended(NamedTuple):
    """How a program ended: its exit status (negative: a signal), None when it took too long; the end of what it said, and how
    many bytes before that were not kept."""

    status: Optional[int]
    said: bytes
    dropped: int


def run_limited(
    argv: Sequence[str],
    cwd: str,
    env: Mapping[str, str],
    stdin: bytes,
    seconds: float,
    first: "Optional[Callable[[], None]]" = None,
) -> Ended:
    """Runs a program to its end, in a session of its own; whoever is in its group is killed when the time is over.

    It reads `stdin` from a file, so it may as well not read it. The child calls `first`. Raises `OSError` when it cannot be
    started.
    """
    read, write = os.pipe()
    try:
        with tempfile.TemporaryFile() as given:
            given.write(stdin)
            given.seek(0)
            how = {"cwd": cwd, "env": dict(env), "stdin": given, "stdout": write, "stderr": write}
            process = _start(list(argv), {**how, "start_new_session": True, "preexec_fn": first})
    except BaseException:
        os.close(read)
        raise
    finally:
        os.close(write)
    said = _Tail(read)
    status = None
    try:
        status = _wait(process.pid, said, time.monotonic() + seconds)
    finally:
        if status is None:
            signal_group(process.pid, signal.SIGKILL)
        process.wait()
        said.take_rest()
        os.close(read)
    return Ended(status, said.data, said.dropped)


def _start(argv: "List[str]", how: "Any") -> "subprocess.Popen[bytes]":
    try:
        return subprocess.Popen(argv, **how)
    except OSError as error:
        if error.errno != errno.ENOEXEC:
            raise
        return subprocess.Popen(["/bin/sh", *argv], **how)  # a script without a first line, as git runs it


def _wait(pid: int, said: "_Tail", end: float) -> "Optional[int]":
    """The exit status; None when it is not there in time. The process is not collected."""
    watch = getattr(os, "pidfd_open", None)  # not in Python 3.8
    try:
        ending = [watch(pid)] if watch else []
    except OSError:  # an old Linux
        ending = []
    try:
        while True:
            status = find_status(pid)
            if status is not None:
                return status
            left = end - time.monotonic()
            if left <= 0:
                return None
            ready = select.select([*ending, *said.open], [], [], min(left, 60.0) if ending else min(left, _TICK))[0]
            if said.fd in ready:
                said.take()
    finally:
        for fd in ending:
            os.close(fd)


class _Tail:
    """The end of what comes out of a pipe."""

    def __init__(self, fd: int) -> None:
        os.set_blocking(fd, False)
        self.fd, self.open = fd, [fd]
        self.data, self.dropped = b"", 0

    def take(self) -> int:
        """Takes what is there now; returns how much it was."""
        try:
            piece = os.read(self.fd, _PIPE)
        except BlockingIOError:
            return 0
        if not piece:
            self.open = []
        whole = self.data + piece
        self.data = whole[-KEPT:]
        self.dropped += len(whole) - len(self.data)
        return len(piece)

    def take_rest(self) -> None:
        """Takes what the program had written at its end; another may go on writing, and is not waited for."""
        taken = 0
        while taken < 2 * KEPT and (more := self.take()):
            taken += more
