"""The table of the queue from the run folders: the entry is kept in the plan of a run, and in the record of its start."""

from __future__ import annotations

import os

from reprun.runner.errors import RunnerError
from reprun.runner.files import list_names, read_json
from reprun.runner.paths import Home, RunDir
from reprun.runner.queue_db import Table, add
from reprun.runner.queue_entry import parse_entry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Optional, Tuple


def rebuild(home: Home, table: Table) -> int:
    """Adds all runs of this host that are queued, within a transaction, in the order in which they were; how many there are."""
    found = []
    for run_id in list_names(home.runs):
        run = home.run(run_id)
        if os.path.lexists(run.outcome):
            continue
        known = find_entry(run)
        if known is not None:
            found.append((float(known[1].get("created") or 0), run_id, *known))
    for _, run_id, state, entry in sorted(found, key=lambda one: one[:2]):
        add(table, [(run_id, entry)], state, read_held(run_of(home, run_id)) or "")
    if found:
        table.note("rebuilt", why="%d runs were found in their folders" % len(found))
    return len(found)


def run_of(home: Home, run_id: str) -> RunDir:
    """The folder of a run."""
    return home.run(run_id)


def find_entry(run: RunDir) -> "Optional[Tuple[str, Dict[str, Any]]]":
    """The state in the queue and the entry that the folder of a run speaks of; None when it was not queued."""
    for path, state in ((run.started, "taken"), (run.launch, "queued")):
        try:
            record = read_json(path)
            if record and record.get("queue") and (state == "taken" or "argv" in record):
                is_held = state == "queued" and read_held(run) is not None
                return ("held" if is_held else state), parse_entry(record["queue"])
        except (OSError, ValueError, RunnerError):
            continue
    return None


def read_held(run: RunDir) -> Optional[str]:
    """Why the queue must not start the run; None when it may."""
    try:
        with open(run.held, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return None
