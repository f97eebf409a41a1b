"""Runs of a sweep that several hosts share wait for a word after a reboot: what was given to a host that died may have gone to
another one meanwhile. The entry carries the boot under which it was given (`fence`).
"""

from __future__ import annotations

import json

from reprun.runner.files import read_json, write_json
from reprun.runner.identity import here, same_boot
from reprun.runner.paths import Home
from reprun.runner.queue_db import Table, entry_of
from reprun.runner.queue_hold import hold

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional

FENCED = "this host came up anew; it waits until its sweep has looked where its task is"


def with_boot(entry: Dict[str, Any]) -> Dict[str, Any]:
    """The entry as it is kept: `"fence": true` becomes the boot of now."""
    return {**entry, "fence": here()} if entry.get("fence") is True else entry


def hold_fenced(home: Home, table: Table) -> List[str]:
    """Holds what was given to this host before it came up. Done by a worker before it gives out anything."""
    held = []
    for row in table.rows("state IN ('queued', 'taken') AND began = 0 AND entry LIKE '%\"fence\":{%'"):
        fence = entry_of(row).get("fence")
        if not isinstance(fence, dict) or same_boot(fence):
            continue
        run_id = str(row["run_id"])
        if hold(home.run(run_id), FENCED)["state"] == "queued":
            held.append(run_id)
    with table.writing() as db:
        for run_id in held:
            values = (FENCED, table.change(), run_id)
            db.execute("UPDATE entries SET state = 'held', reason = ?, changed = ? WHERE run_id = ?", values)
            table.note("held", run_id, why=FENCED)
    return held


def confirm(home: Home, table: Table, run_ids: List[str]) -> None:
    """Lets them start under this boot: in their plans, which say everything, and in the table. Others stay as they are."""
    with table.writing() as db:
        for run_id in run_ids:
            entry = _confirmed(home, run_id)
            if entry is not None:
                text = json.dumps(entry, separators=(",", ":"))
                db.execute("UPDATE entries SET entry = ? WHERE run_id = ?", (text, run_id))


def _confirmed(home: Home, run_id: str) -> "Optional[Dict[str, Any]]":
    run = home.run(run_id)
    try:
        plan = read_json(run.launch) or {}
    except ValueError:
        return None
    entry = plan.get("queue")
    if not isinstance(entry, dict) or not isinstance(entry.get("fence"), dict) or same_boot(entry["fence"]):
        return None
    plan["queue"] = {**entry, "fence": here()}
    write_json(run.launch, plan, durable=False)
    return dict(plan["queue"])
