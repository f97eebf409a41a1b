"""Stopping a run: TERM, a grace period, KILL for its whole process group; and which of the two it took."""

from __future__ import annotations

import os
import signal
import time
from typing import Any, Dict

from reprun.runner.errors import RunnerError
from reprun.runner.files import read_json, write_json
from reprun.runner.identity import is_alive, same_boot
from reprun.runner.paths import RunDir
from reprun.runner.processes import end_strays, kill_group, signal_group
from reprun.runner.publish import publish
from reprun.runner.state import find_state


def stop(run: RunDir, grace: float) -> Dict[str, Any]:
    """Ends the run's job and answers with its state. A run that is over is left as it is."""
    started = read_json(run.started)
    if started is None or not same_boot(started) or find_state(run)["state"] != "running":
        return find_state(run)
    if is_alive(started.get("supervisor")):
        write_json(run.stop, {"grace": grace, "asked": time.time()})
        _signal(int(started["supervisor"]["pid"]), signal.SIGTERM)
        return _wait(run, started, grace + 30)
    return _stop_orphan(run, started, grace)


def _wait(run: RunDir, started: Dict[str, Any], seconds: float) -> Dict[str, Any]:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        state = find_state(run)
        if state["state"] != "running":
            return state
        time.sleep(0.02)
    raise RunnerError("tool", "the run %s did not end within %g s of KILL" % (run.run_id, seconds), "reprun status")


def _stop_orphan(run: RunDir, started: Dict[str, Any], grace: float) -> Dict[str, Any]:
    """The supervisor is gone: this process does its work, and records an end whose exit status nobody saw."""
    job = started.get("job") or {}
    pid = int(job.get("pid", 0))
    until = time.monotonic() + grace
    signal_group(pid, signal.SIGTERM)
    while is_alive(job) and time.monotonic() < until:
        time.sleep(0.02)
    how = "KILL" if is_alive(job) else "TERM"
    if is_alive(job):
        kill_group(pid, run.run_id)
    elif end_strays(run.run_id, until - time.monotonic()):
        how = "KILL"
    while is_alive(job):
        time.sleep(0.02)
    ended = time.time()
    problems = ["its supervisor was killed before"]
    started.update(state="stopped", stopped_by=how, exit_code=None, exited=ended, ended=ended, problems=problems)
    write_json(run.outcome, started)
    os.unlink(run.started)
    publish(run, str(started.get("publish", "")))
    return find_state(run)


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass
