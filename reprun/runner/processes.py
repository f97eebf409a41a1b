"""Ending a job with all its children, those too that left its process group."""

from __future__ import annotations

import os
import signal
import time
from typing import List


def strays(run_id: str) -> List[int]:
    """The processes of this user whose environment carries the run's id, other than ourselves."""
    token = b"REPRUN_RUN_ID=" + run_id.encode()
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) == os.getpid():
            continue
        try:
            with open("/proc/%s/environ" % name, "rb") as file:
                if token in file.read().split(b"\0"):
                    found.append(int(name))
        except OSError:
            continue  # gone, or another user's
    return found


def kill_group(group: int, run_id: str) -> None:
    """KILL for the process group, then for every process that carries the run's id."""
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        pass
    for _ in range(5):
        left = strays(run_id)
        if not left:
            return
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(0.02)
