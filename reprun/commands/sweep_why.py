"""Why a task was started or not: what the last sweep decided, and the runs that there are."""

from __future__ import annotations

import os

from reprun.commands.sweep_runs import known_runs, sweep_tables
from reprun.core.errors import NotFoundError, UsageError
from reprun.core.frozen import dataclass
from reprun.core.text import show, show_some
from reprun.sweeps.plan import Known
from reprun.system.files import find_json, list_dir
from reprun.workspace import Workspace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


@dataclass(frozen=True)
class Reason:
    """A stage of a task: what was decided `at` the last sweep of `file`, if any, and the runs of it, newest first."""

    task: str
    name: str
    stage: str
    file: str
    at: str
    action: str
    reason: str
    params: dict[str, Any]
    runs: tuple[Known, ...]


def find_reasons(workspace: Workspace, text: str) -> list[Reason]:
    """All stages of the task that `text` names. Raises `NotFoundError` for none, `UsageError` for several tasks."""
    tables = sweep_tables(workspace)
    noted = _noted(workspace)
    names: dict[str, str] = {str(row["task"]): str(row["name"]) for row in tables.values()}
    names |= {str(row["task"]): str(row["name"]) for row in noted}
    task = _find(text, names, tables, {str(row["task"]) for row in noted})
    known = known_runs(workspace, tables, [run_id for run_id, table in tables.items() if table["task"] == task])
    params: dict[str, Any] = next((table["params"] for table in tables.values() if table["task"] == task), {})
    decided = {str(row["stage"]): row for row in noted if row["task"] == task}
    stages = dict.fromkeys([*decided, *(run.stage for run in known)])
    found = []
    for stage in stages:
        row = decided.get(stage, {})
        file, at, action, reason = (str(row.get(name, "")) for name in ("file", "at", "action", "reason"))
        runs = tuple(sorted((run for run in known if run.stage == stage), key=lambda run: run.run_id, reverse=True))
        found.append(Reason(task, names[task], stage, file, at, action, reason, params, runs))
    return found


def _find(text: str, names: dict[str, str], tables: dict[str, dict[str, Any]], decided: set[str]) -> str:
    """The digest of a task. Of those with one name, as after a default has changed, the ones that were last `decided` about."""
    if text in tables:
        return str(tables[text]["task"])
    exact = [task for task, name in names.items() if name == text]
    exact = [task for task in exact if task in decided] or exact
    found = exact or [task for task in names if len(text) >= 4 and task.startswith(text)]
    if len(found) > 1:
        raise UsageError(
            f"several tasks are called {show(text)}: {show_some(task[:12] for task in found)}",
            hint=f"reprun sweep why {found[-1][:12]}",
        )
    if not found:
        import difflib

        close = difflib.get_close_matches(text, names.values(), n=1)
        hint = f"did you mean {show(close[0])}?" if close else "reprun sweep FILE --dry-run lists the tasks"
        raise NotFoundError(f"no sweep of this repository has had a task {show(text)}", hint=hint)
    return found[0]


def _noted(workspace: Workspace) -> list[dict[str, Any]]:
    """What the last sweep of each file has decided."""
    folder = os.path.join(workspace.repository.state_dir, "sweeps")
    rows: list[dict[str, Any]] = []
    for name in sorted(list_dir(folder)):
        if not name.endswith(".json") or name == "runs.json":
            continue
        try:
            data = find_json(os.path.join(folder, name)) or {}
        except OSError:
            continue
        steps = data.get("steps")
        for step in steps if isinstance(steps, list) else []:
            if isinstance(step, dict) and {"task", "name", "stage"} <= step.keys():
                rows.append({**step, "file": data.get("file", ""), "at": data.get("at", "")})
    return sorted(rows, key=lambda row: str(row["at"]))
