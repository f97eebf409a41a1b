"""The truth about a run, read from its folder and the processes of this host. Changes nothing, takes no lock, never guesses."""

from __future__ import annotations

import os
import time

from reprun.runner.claim import current, never_ran, owner_lives
from reprun.runner.files import read_json
from reprun.runner.identity import elsewhere, is_alive, same_boot
from reprun.runner.paths import RunDir

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Optional

NO_FOLDER = "its launch did not get as far as the target"
INTERRUPTED = "its launch was interrupted before the start"

_FRESH = 60.0  # seconds: some heartbeats of a supervisor


def find_state(run: RunDir) -> Dict[str, Any]:
    """`{"state", "reason", "exit_code", "record"}`; the words are those of docs/reference (states of a run)."""
    for _ in range(2):
        outcome = _read(run.outcome)
        if outcome is not None:
            return _answer(str(outcome.get("state", "unknown")), _why_ended(outcome), outcome)
        started = _read(run.started)
        if started is None:
            if not os.path.lexists(run.outcome):
                return _before_the_start(run)
        elif not os.path.lexists(run.outcome):
            answer = _after_the_start(run, started)
            # A supervisor that ended while we looked has written its outcome before it went.
            if answer["state"] != "lost" or not os.path.lexists(run.outcome):
                return answer
    return _answer("unknown", "its record changes while it is read", {})


def _read(path: str) -> Optional[Dict[str, Any]]:
    try:
        return read_json(path)
    except ValueError:
        return {"state": "unknown", "reason": "%s is damaged" % os.path.basename(path)}


def _answer(state: str, reason: str, record: Dict[str, Any]) -> Dict[str, Any]:
    return {"state": state, "reason": reason, "exit_code": record.get("exit_code"), "record": record}


def _why_ended(outcome: Dict[str, Any]) -> str:
    if outcome.get("state") in ("unknown", "canceled"):
        return str(outcome.get("reason", ""))
    if outcome.get("stopped_by"):
        return str(outcome["stopped_by"])
    return ""


def _before_the_start(run: RunDir) -> Dict[str, Any]:
    if not os.path.isdir(run.path):
        return _answer("unstarted", NO_FOLDER, {})
    generation, owner = current(run)
    if generation and owner_lives(owner):
        return _answer("starting", "", {})
    return _queued_or_not(run)


def _queued_or_not(run: RunDir) -> Dict[str, Any]:
    """The plan of a run says that it is queued; what the queue thinks of it is nothing that anybody has to rely on."""
    try:
        plan = read_json(run.launch) or {}
    except ValueError:
        plan = {}
    if not plan.get("queue") or "argv" not in plan:
        return _answer("unstarted", INTERRUPTED, {})
    try:
        with open(run.held, encoding="utf-8", errors="replace") as file:
            return _answer("queued", file.read() or "held", {})
    except OSError:
        return _answer("queued", "", {})


def _on_another_host(run: RunDir, started: Dict[str, Any]) -> Dict[str, Any]:
    """Of processes elsewhere the only sign is the supervisor's, which touches its record every few seconds."""
    host = elsewhere(started)
    try:
        age = time.time() - os.stat(run.started).st_mtime
    except OSError:
        age = -1.0  # it has ended just now
    if abs(age) < _FRESH:
        return _answer("running", "on %s" % host, {**started, "exit_code": None})
    return _answer("unknown", "it was started on %s, and only that host can tell" % host, started)


def _after_the_start(run: RunDir, started: Dict[str, Any]) -> Dict[str, Any]:
    if started.get("state") == "unknown":
        return _answer("unknown", str(started.get("reason", "")), started)
    exited = "exit_code" in started
    if elsewhere(started) and not exited:
        return _on_another_host(run, started)
    here = same_boot(started)
    if here and is_alive(started.get("supervisor")):
        return _answer("running", "collecting its outputs" if exited else "", {**started, "exit_code": None})
    if exited:
        return _answer(str(started["state"]), "its supervisor ended before the outputs were collected", started)
    if not here:
        return _answer("lost", "host rebooted", started)
    if is_alive(started.get("job")):
        return _answer("running", "without its supervisor, which was killed: the exit status will not be known", started)
    if never_ran(run, started):
        return _queued_or_not(run)
    return _answer("lost", "its supervisor was killed", started)
