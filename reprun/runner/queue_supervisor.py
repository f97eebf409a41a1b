"""A supervisor that the worker has forked ahead: it has read the plan and forked the job, and waits for a slot.

Nothing is claimed or recorded before it gets one, so a run that is held ready is still a queued run, whoever is killed. What it
tells the worker is a word a line: `began`, `over` (the slot is free) and the exit status, or why it did not start.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket

from reprun.runner.claim import claim
from reprun.runner.files import ensure_dir
from reprun.runner.job import fork_job
from reprun.runner.paths import RunDir
from reprun.runner.supervisor import Watch, begin, read_plan, shield

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Optional

MOST = 1 << 16  # bytes of what is told at once
BEGAN, OVER, ELSEWHERE, HELD, FAILED = "began", "over", "elsewhere", "held", "failed"
_NICE = 5  # what follows a job gives way to the next one


def stand_by(run: RunDir, line: socket.socket, host: Dict[str, Any], undecided: int) -> None:
    """Waits for a slot and runs the job in it, to the recorded end. `undecided` is a lock that is held until the start is
    recorded or will not be."""
    shield()
    try:
        plan = read_plan(run)
        if plan is None:
            _say(line, FAILED, "its plan is gone")
            return
        ensure_dir(run.output)
        release, job = fork_job(run, plan)
        told = line.recv(MOST)
        if not told:
            os.close(release)  # taken back, or the worker is gone
            return
        watch = _start(run, plan, (release, job), json.loads(told), line)
    except (OSError, ValueError) as error:
        number = getattr(error, "errno", None) or 0
        _say(line, FAILED, "%d %s" % (number, getattr(error, "strerror", None) or error))
        return
    finally:
        fcntl.flock(undecided, fcntl.LOCK_UN)
        os.close(undecided)
    if watch is None:
        return
    _say(line, BEGAN, repr(watch.record["started"]))
    watch.host = host
    watch.leave = lambda status: _leave(line, status)
    watch.until_the_end(0)


def _start(
    run: RunDir, plan: Dict[str, Any], forked: "tuple[int, int]", given: Dict[str, Any], line: socket.socket
) -> Optional[Watch]:
    release, job = forked
    generation = claim(run, durable=False)
    if generation is None or os.path.lexists(run.held):
        if generation is not None:
            os.unlink(run.claim(generation))
        os.close(release)
        _say(line, HELD if generation is not None else ELSEWHERE)
        return None
    started = begin(run, plan, (release, job, generation), {**given, "queue": plan.get("queue")})
    if started is None:
        _say(line, ELSEWHERE)
        return None
    return Watch(run, plan, job, started)


def _leave(line: socket.socket, status: int) -> None:
    _say(line, OVER, str(128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)))
    with contextlib.suppress(OSError):
        os.nice(_NICE)


def _say(line: socket.socket, word: str, more: str = "") -> None:
    with contextlib.suppress(OSError):  # a worker that is gone will be followed by one that looks for itself
        line.send(("%s %s" % (word, more)).encode("utf-8", "replace")[:MOST])
