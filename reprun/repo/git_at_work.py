"""Is another git, a checkout or a rebase say, replacing files right now? Between two looks such a tree may stand still half done.

Git holds `index.lock` open while it writes files, and a new index takes its place at the end. A lock that nobody holds was left
by a git that was killed, and says nothing.
"""

from __future__ import annotations

import os
from contextlib import suppress

from reprun.repo.discover import Repository
from reprun.system.clock import pause
from reprun.system.files import list_dir

_SECONDS = 1.0  # how long a git at work is waited for, before the tree is looked at again


def index_state(repository: Repository) -> tuple[int, ...]:
    """What changes when git has put another index in place."""
    try:
        found = os.stat(os.path.join(repository.git_dir, "index"))
    except OSError:
        return ()
    return (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def find_busy(repository: Repository, before: tuple[int, ...]) -> str:
    """The file by which git shows that it is, or since `before` was, at work here; empty when the tree was left alone."""
    lock = os.path.join(repository.git_dir, "index.lock")
    if _is_held(lock):
        return lock
    return "" if index_state(repository) == before else os.path.join(repository.git_dir, "index")


def await_rest(lock: str) -> None:
    """Waits a moment for the git that holds `lock`."""
    waited, delay = 0.0, 0.002
    while waited < _SECONDS and _is_held(lock):
        pause(delay)
        waited, delay = waited + delay, delay * 1.5


def _is_held(lock: str) -> bool:
    """True while a process has the lock open; where that cannot be seen, while it is there."""
    try:
        wanted = os.stat(lock)
    except OSError:
        return False
    if not os.path.isdir("/proc/self/fd"):
        return True
    for pid in filter(str.isdigit, list_dir("/proc")):
        with suppress(OSError):  # it has ended, or is somebody else's
            for number in os.listdir(f"/proc/{pid}/fd"):
                found = os.stat(f"/proc/{pid}/fd/{number}")
                if (found.st_dev, found.st_ino) == (wanted.st_dev, wanted.st_ino):
                    return True
    return False
