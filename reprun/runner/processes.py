"""Ending a job with all its children, those too that left its process group."""

from __future__ import annotations

import os
import signal
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional, Set


def strays(run_id: str) -> List[int]:
    """The processes of this user whose environment carries the run's id, other than ourselves."""
    return marked("REPRUN_RUN_ID", run_id)


def marked(name: str, value: str) -> List[int]:
    """The processes of this user, other than ourselves, that were born with such a variable."""
    token = ("%s=%s" % (name, value)).encode()
    found = []
    for pid in os.listdir("/proc"):
        if not pid.isdigit() or int(pid) == os.getpid():
            continue
        try:
            with open("/proc/%s/environ" % pid, "rb") as file:
                if token in file.read().split(b"\0"):
                    found.append(int(pid))
        except OSError:
            continue  # gone, or another user's
    return found


def find_status(pid: int) -> Optional[int]:
    """The exit status of a child, negative for a signal; None while it runs. It is not collected: its number, and that of its
    group, stay its own."""
    found = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    if found is None:
        return None
    return found.si_status if found.si_code == os.CLD_EXITED else -found.si_status


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


def kill_marked(name: str, value: str) -> None:
    """KILL for all of them, until none is left."""
    for _ in range(50):
        left = marked(name, value)
        if not left:
            return
        for pid in left:
            _signal(pid, signal.SIGKILL)
        time.sleep(0.02)


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
