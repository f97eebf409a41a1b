"""Keeping a queued run from starting, for a while or for ever. Both are done under the claim of its start, so neither can race
with one: who does not get the claim finds the run started.
"""

from __future__ import annotations

import contextlib
import os
import time

from reprun.runner.claim import claim
from reprun.runner.files import read_json, write_atomic, write_json
from reprun.runner.paths import RunDir
from reprun.runner.state import find_state

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterator

_PATIENCE = 10.0  # seconds that somebody else may have the claim without a start


@contextlib.contextmanager
def under_claim(run: RunDir) -> Iterator[bool]:
    """Has the claim while the block runs; False when the run was started, or is just being."""
    generation = claim(run, durable=False)
    if generation is None:
        yield False
        return
    try:
        yield True
    finally:
        with contextlib.suppress(OSError):
            os.unlink(run.claim(generation))


def cancel(run: RunDir, reason: str, durable: bool = True) -> Dict[str, Any]:
    """Ends a run that was never started, for good; its state then, which is another one when it was started."""
    until = time.monotonic() + _PATIENCE
    while True:
        with under_claim(run) as is_ours:
            if is_ours:
                return _cancel(run, reason, durable)
        state = find_state(run)
        if state["state"] not in ("starting", "queued", "unstarted") or time.monotonic() > until:
            return state
        time.sleep(0.01)


def _cancel(run: RunDir, reason: str, durable: bool) -> Dict[str, Any]:
    try:
        plan = read_json(run.launch) or {}
    except ValueError:
        plan = {}
    now = time.time()
    outcome = {
        "schema_version": 1, "run_id": run.run_id, "state": "canceled", "reason": reason,
        "commit": (plan.get("worktree") or {}).get("commit", ""), "hostname": os.uname().nodename, "ended": now,
    }  # fmt: skip
    write_json(run.outcome, outcome, durable=durable)
    for path in (run.launch, run.held):
        with contextlib.suppress(OSError):
            os.unlink(path)
    return find_state(run)


def hold(run: RunDir, reason: str) -> Dict[str, Any]:
    """Keeps it from starting until `release`; its state then."""
    until = time.monotonic() + _PATIENCE
    while True:
        with under_claim(run) as is_ours:
            if is_ours:
                write_atomic(run.held, reason.encode("utf-8", "replace"), durable=False)
        state = find_state(run)
        if is_ours or state["state"] not in ("starting", "queued", "unstarted") or time.monotonic() > until:
            return state
        time.sleep(0.01)


def release(run: RunDir) -> None:
    """Takes back what `hold` did."""
    with contextlib.suppress(OSError):
        os.unlink(run.held)
