"""What came out of a sweep, from the runs that there are. Nothing is started or changed."""

from __future__ import annotations

import json

from reprun.commands.sweep_open import Opened
from reprun.commands.sweep_runs import rows_of, sweep_tables
from reprun.core.errors import NotFoundError, UsageError
from reprun.core.frozen import dataclass
from reprun.core.text import show, show_some
from reprun.store.rows import Row
from reprun.sweeps.plan import Runs as Runs
from reprun.sweeps.summary import Result, Summary, summarise

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


@dataclass(frozen=True)
class Told:
    """The summary, what it is about, and of how many states of the code its runs are."""

    opened: Opened
    metric: str
    summary: Summary
    codes: int
    results: tuple[Result, ...]


def summarise_sweep(opened: Opened, metric: str, direction: str) -> Told:
    """The summary of the newest finished runs of each task. Raises `NotFoundError` where no run has the metric."""
    metric, direction = metric or opened.sweep.metric, direction or opened.sweep.direction
    if direction not in ("max", "min"):
        raise UsageError(f"--direction {show(direction)} is neither max nor min", hint="--direction min")
    workspace = opened.workspace
    workspace.record()
    tables = sweep_tables(workspace)
    keys = {task.key for task in opened.tasks}
    rows = {row.run_id: row for row in rows_of(workspace, [run for run, table in tables.items() if table["task"] in keys])}
    done: dict[tuple[str, str], Row] = {}
    for run_id in sorted(rows):
        if rows[run_id].state == "finished":
            done[tables[run_id]["task"], tables[run_id]["stage"]] = rows[run_id]
    if not metric:
        known = sorted({name for row in done.values() for name in _metrics(row)})
        hint = f"--metric NAME; there are {show_some(known)}" if known else "--metric NAME, or metric: NAME in the file"
        raise UsageError("it is not said which metric counts", hint=hint)
    results, codes = [], set()
    for task in opened.tasks:
        value, run_id = None, ""
        for stage in opened.sweep.stages:
            row = done.get((task.key, stage))
            found = _metrics(row).get(metric) if row is not None else None
            if row is not None and isinstance(found, (int, float)) and not isinstance(found, bool):
                value, run_id = float(found), row.run_id
                codes.add(tables[run_id]["code"])
        results.append(Result(task.params, value, run_id))
    if all(one.value is None for one in results):
        known = sorted({name for row in done.values() for name in _metrics(row)})
        raise NotFoundError(
            f"no finished run of {show(opened.file)} has the metric {show(metric)}",
            hint=f"they have {show_some(known)}" if known else f"reprun sweep {show(opened.options.file)}",
        )
    return Told(opened, metric, summarise(results, opened.sweep.roles, direction), len(codes), tuple(results))


def _metrics(row: Row) -> dict[str, Any]:
    try:
        found = json.loads(row.metrics_json)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
