"""A supervisor that the worker has forked ahead. It reads the plan of a run, forks the job, and waits for a slot; when the run is
over, outcome and all, it is there for another one, for a fork takes longer than a short job.

Nothing is claimed or recorded before there is a slot, so a run that is held ready is still a queued run, whoever is killed. What
it says is a word a message: `began`, `over` (the slot is free) with the exit status, why a run did not start, and `idle`.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import socket

from reprun.runner.claim import claim
from reprun.runner.files import ensure_dir
from reprun.runner.job import fork_job
from reprun.runner.paths import RunDir
from reprun.runner.supervisor import Watch, begin, forget_plan, read_plan, shield, start_record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Optional, Tuple

MOST = 1 << 16  # bytes of what is told at once
BEGAN, OVER, ELSEWHERE, HELD, FAILED, IDLE = "began", "over", "elsewhere", "held", "failed", "idle"
_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER
_RUNS = 100  # after so many a fresh one does better


def serve(line: socket.socket, host: Dict[str, Any], undecided: int) -> None:
    """Runs what the worker gives, until that lets go. `undecided` is a lock that is held whenever a start may come: who takes the
    place of a worker that was killed waits for it, and then knows what has a slot."""
    shield()
    _Watch.adopts = adopt()
    for _ in range(_RUNS):
        told = line.recv(MOST)
        if not told:
            return
        path = json.loads(told).get("run")
        if not path:
            continue  # a run was taken back that had just been given up here
        run = RunDir(path)
        try:
            watch = _stand_by(run, line)
        except (OSError, ValueError) as error:
            number = getattr(error, "errno", None) or 0
            say(line, FAILED, "%d %s" % (number, getattr(error, "strerror", None) or error))
            return  # with this process its claim ends
        if watch is not None:
            fcntl.flock(undecided, fcntl.LOCK_UN)
            _watch(watch, line, host)
            fcntl.flock(undecided, fcntl.LOCK_SH)
        say(line, IDLE)


def _stand_by(run: RunDir, line: socket.socket) -> Optional[Watch]:
    """The watch of a job that was started; None when it was not."""
    plan = read_plan(run)
    if plan is None:
        say(line, FAILED, "0 its plan is gone")
        return None
    ensure_dir(run.output)
    release, job = fork_job(run, plan)
    try:
        record = start_record(run, plan, job)
        told = line.recv(MOST)
        given = json.loads(told) if told else {}
        started = _start(run, record, (release, {**given, "queue": plan.get("queue")}), line) if "slot" in given else None
    except BaseException:
        with contextlib.suppress(OSError):
            os.close(release)
        raise
    if started is None:
        with contextlib.suppress(OSError):
            os.close(release)
        os.waitpid(job, 0)
        return None
    forget_plan(run)
    return _Watch(run, plan, job, started)


def _start(
    run: RunDir, record: Dict[str, Any], told: "Tuple[int, Dict[str, Any]]", line: socket.socket
) -> "Optional[Dict[str, Any]]":
    release, given = told
    generation = claim(run, durable=False)
    if generation is None:
        say(line, ELSEWHERE)
        return None
    if os.path.lexists(run.held):
        os.unlink(run.claim(generation))
        say(line, HELD)
        return None
    started = begin(run, record, (release, generation), given)
    say(line, ELSEWHERE if started is None else BEGAN)
    return started


class _Watch(Watch):
    """As any other, but that it is not for one run only: TERM from somebody who means the run before is for nobody."""

    adopts = False

    def _forward(self, number: int) -> None:
        if number != signal.SIGTERM or self._wish() is not None:
            super()._forward(number)

    def left_behind(self) -> int:
        """What a job leaves behind becomes a child of this process, see `adopt`: without children nobody has to be looked for."""
        if not self.adopts:
            return super().left_behind()
        with contextlib.suppress(ChildProcessError):
            while True:
                found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG)
                if found is None:
                    return super().left_behind()
        return 0


def adopt() -> bool:
    """Lets orphans among the descendants of this process become its children; False where that cannot be."""
    import ctypes

    try:
        return bool(ctypes.CDLL(None, use_errno=True).prctl(_SUBREAPER, 1, 0, 0, 0) == 0)
    except (OSError, AttributeError):
        return False


def _watch(watch: Watch, line: socket.socket, host: Dict[str, Any]) -> None:
    watch.host = host
    watch.leave = lambda status: _leave(line, status)
    watch.until_the_end(0)
    _give_way(os.SCHED_BATCH, os.SCHED_OTHER)


def _leave(line: socket.socket, status: int) -> None:
    say(line, OVER, str(128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)))
    _give_way(os.SCHED_OTHER, os.SCHED_BATCH)
    os.sched_yield()  # who was just told is to be first


def _give_way(before: int, after: int) -> None:
    """What follows a job gives way to what is started meanwhile, unless somebody has given this process another rank."""
    with contextlib.suppress(OSError):
        if os.sched_getscheduler(0) == before:
            os.sched_setscheduler(0, after, os.sched_param(0))


def say(line: socket.socket, word: str, more: str = "") -> None:
    """A word to the worker. One that is gone will be followed by one that looks for itself."""
    with contextlib.suppress(OSError):
        line.send(("%s %s" % (word, more)).encode("utf-8", "replace")[:MOST])
