"""Ending a job with all its children, those too that left its process group."""

from __future__ import annotations

import os
import signal
import time
from typing import List, Set


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
    signal_group(group, signal.SIGKILL)
    end_strays(run_id, 0.0)


def end_strays(run_id: str, grace: float) -> bool:
    """TERM for every process that carries the run's id, KILL for those still there after `grace` seconds; True if any was."""
    until = time.monotonic() + grace
    told: Set[int] = set()
    while grace > 0:
        left = strays(run_id)
        if not left:
            return False
        for pid in left:
            if pid not in told:
                told.add(pid)
                _signal(pid, signal.SIGTERM)
        if time.monotonic() >= until:
            break
        time.sleep(0.02)
    killed = False
    for _ in range(50):
        left = strays(run_id)
        if not left:
            break
        killed = True
        for pid in left:
            _signal(pid, signal.SIGKILL)
        time.sleep(0.02)
    return killed


def signal_group(group: int, number: int) -> None:
    """A signal for a process group; one that is gone is fine."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        pass


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass
