"""Moving runs within the queue: another priority, or a place."""

from __future__ import annotations

import math

from reprun.runner.errors import RunnerError
from reprun.runner.queue_db import Table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Tuple

_ORDER = "state IN ('queued', 'held', 'taken') ORDER BY priority DESC, rank, run_id"


def place(table: Table, run_ids: List[str], priority: Optional[float], to: Any) -> Dict[str, float]:
    """Gives the runs a priority, or puts them `top`, `bottom` or at a position from 1, in the order named; the priorities that
    they have then. Raises `RunnerError`."""
    if (priority is None) == (to is None):
        raise RunnerError("usage", "a run is moved to a priority or to a place", "reprun queue move RUN top")
    if priority is not None and (
        isinstance(priority, bool) or not isinstance(priority, (int, float)) or not math.isfinite(priority)
    ):
        raise RunnerError("usage", "%r is no priority" % (priority,), "reprun queue move RUN --priority 60")
    with table.writing() as db:
        rows = table.rows(_ORDER)
        there = {str(row["run_id"]): row for row in rows if row["state"] != "taken" or not row["began"]}
        wanted = [run_id for run_id in run_ids if run_id in there]
        if priority is not None:
            found = {run_id: (float(priority), float(there[run_id]["rank"])) for run_id in wanted}
        else:
            others = [(float(row["priority"]), float(row["rank"])) for run_id, row in there.items() if run_id not in set(wanted)]
            found = dict(zip(wanted, _places(others, to, len(wanted))))  # noqa: B905  # Python 3.8
        for run_id, (high, rank) in found.items():
            values = (high, rank, table.change(), run_id)
            db.execute("UPDATE entries SET priority = ?, rank = ?, changed = ? WHERE run_id = ?", values)
            table.note("moved", run_id, why="priority %g" % high if priority is not None else "to %s" % to)
    return {run_id: high for run_id, (high, _) in found.items()}


def _places(others: List[Tuple[float, float]], to: Any, count: int) -> List[Tuple[float, float]]:
    """So many places before the one that is at `to` now, with the priority of their neighbour there."""
    if to == "top":
        at = 0
    elif to == "bottom":
        at = len(others)
    elif isinstance(to, int) and not isinstance(to, bool) and to >= 1:
        at = min(to - 1, len(others))
    else:
        raise RunnerError("usage", "%r is neither top nor bottom nor a position" % (to,), "reprun queue move RUN top")
    if not others:
        return [(0.0, float(number)) for number in range(count)]
    if at == 0:
        priority, first = others[0]
        return [(priority, first - count + number) for number in range(count)]
    priority, before = others[at - 1]
    after = others[at][1] if at < len(others) and others[at][0] == priority else before + count + 1
    return [(priority, before + (after - before) * (number + 1) / (count + 1)) for number in range(count)]
