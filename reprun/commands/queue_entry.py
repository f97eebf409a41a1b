"""What the queue of a host is told of a run, and how long the run may take."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from statistics import median
from typing import TYPE_CHECKING, Any

from reprun.core.errors import ReprunError
from reprun.core.queued import default_priority
from reprun.core.spec import RunSpec
from reprun.runner.digests import sha256
from reprun.system.files import find_json, write_json

if TYPE_CHECKING:
    from reprun.store.rows import Row
    from reprun.targets import Target
    from reprun.workspace import Workspace

_LOOKED_AT = 9  # earlier runs, the newest


def entry_of(workspace: Workspace, spec: RunSpec) -> dict[str, Any]:
    """The entry of a run in the queue."""
    return {**shared_entry(workspace, spec), "name": spec.name, "seconds": estimate_seconds(workspace, spec)}


def shared_entry(workspace: Workspace, spec: RunSpec) -> dict[str, Any]:
    """What the entries of runs that ask for the same have in common."""
    asked = {name: value for name, value in spec.queue.items() if name != "retries"}  # those are runs of their own: retrying.py
    asked.setdefault("priority", default_priority(str(asked.get("kind", ""))))
    return {**asked, "project": workspace.key, "label": os.path.basename(workspace.repository.top)}


def estimate_seconds(workspace: Workspace, spec: RunSpec) -> float:
    """How long such a run took before: the median of the newest that ran the same command, on the same target if there are some.
    0 when nothing is known."""
    try:
        earlier = workspace.history().finished(shlex.join(spec.argv), 4 * _LOOKED_AT)
        there = [row for row in earlier if row.target == spec.target]
        return median_seconds(_records(workspace, (there or earlier)[:_LOOKED_AT]))
    except ReprunError:  # no history that can be read: a guess is missing, and nothing else
        return 0.0


def _records(workspace: Workspace, rows: Sequence[Row]) -> list[Mapping[str, Any]]:
    return [state.record for state in workspace.shared_outcomes([row.run_id for row in rows]).values()]


def median_seconds(records: Sequence[Mapping[str, Any]]) -> float:
    """The median of what the records say; 0 when they say nothing."""
    known = [
        float(value) for value in (record.get("seconds") for record in records) if isinstance(value, (int, float)) and value > 0
    ]
    return median(known) if known else 0.0


def ensure_slots(workspace: Workspace, target: Target) -> None:
    """Tells a host its slots where the settings say them, once for each time that they say something new: what was set by
    `reprun queue slots` since then stays."""
    settings = workspace.settings
    said = settings.queue if target.host.is_here else settings.targets.get(target.name, {})
    wanted = {key: said[key] for key in ("slots", "cpu_slots") if key in said}
    if not wanted:
        return
    request = {"slots": [str(slot) for slot in wanted.get("slots", ())], "cpu_slots": wanted.get("cpu_slots", 0)}
    name = sha256(target.host.place.encode()).hexdigest()[:16]
    path = os.path.join(workspace.repository.state_dir, "queue", f"{name}.json")
    try:
        if find_json(path) == request:
            return
    except OSError:
        pass
    target.host.ask({"op": "queue", "do": "slots", **request})
    write_json(path, request)
