"""The supervisors that a worker has forked, as it sees them: each has a run or is there for one."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
import sys

from reprun.runner.queue_supervisor import MOST, serve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterable, List, Optional

    from reprun.runner.queue_lives import Live


class Hand:
    """One of them. `live` is its run."""

    def __init__(self, pid: int, line: socket.socket) -> None:
        self.pid = pid
        self.line = line
        self.live: Optional[Live] = None
        self.is_idle = True

    def tell(self, what: Dict[str, Any]) -> bool:
        """False when nobody is there any more."""
        try:
            self.line.send(json.dumps(what).encode())
        except OSError:
            return False
        return True

    def hear(self) -> "Optional[List[str]]":
        """A word, and what it says of it; none yet; None when it has ended."""
        try:
            told = self.line.recv(MOST)
        except BlockingIOError:
            return []
        except OSError:
            return None
        return told.decode("utf-8", "replace").split(" ", 1) if told else None

    def is_collected(self) -> bool:
        """Whether its process is gone for good: it may take its time to end."""
        try:
            return os.waitpid(self.pid, os.WNOHANG)[0] != 0
        except ChildProcessError:
            return True


def fork_hand(host: Dict[str, Any], undecided: str, parted: Iterable[int]) -> Hand:
    """Forks one. It keeps none of the descriptors of this process (`parted` are those that may have high numbers): what it waits
    at ends with us."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    lock = os.open(undecided, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_SH)
    pid = os.fork()
    if pid == 0:
        status = 70
        try:
            os.setsid()
            first, second = sorted((theirs.fileno(), lock))
            os.closerange(3, first)
            os.closerange(first + 1, second)
            os.closerange(second + 1, max([*parted, 255, ours.fileno()]) + 1)
            serve(theirs, host, lock)
            status = 0
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            with contextlib.suppress(Exception):
                sys.stderr.flush()
            os._exit(status)
    os.close(lock)
    theirs.close()
    ours.setblocking(False)
    return Hand(pid, ours)
