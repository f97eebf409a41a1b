"""An entry of the queue as it comes with a launch: what is missing gets its default, what is wrong is refused."""

from __future__ import annotations

import math
import re

from reprun.runner.errors import RunnerError
from reprun.runner.queue_conditions import OPERATORS
from reprun.runner.queue_policy import Task

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Mapping

PRIORITIES = {"explore": 50.0, "baseline": 40.0, "method": 30.0, "tune": 20.0, "ablation": 20.0, "": 30.0}
_DEFAULTS: Dict[str, Any] = {
    "project": "", "label": "", "name": "", "kind": "", "after": [], "if": None, "not_before": 0.0, "gpus": 0, "cpus": 0,
    "memory": 0, "seconds": 0.0, "stage": "", "sweep": "", "retries": 0, "limit": 0, "stop_after": 0, "needs": {},
    "attempt": 1, "retry_of": "",
}  # fmt: skip
RUN_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,99}")
_MOST = 1 << 62


def parse_entry(data: Any) -> Dict[str, Any]:
    """The entry with all its fields; those that are not known are kept. Raises `RunnerError`."""
    if not isinstance(data, dict):
        raise _wrong("it is no table")
    entry = {**_DEFAULTS, **{name: value for name, value in data.items() if value is not None}}
    for name, default in _DEFAULTS.items():
        entry[name] = _typed(name, entry[name], default)
    if entry["kind"] not in PRIORITIES:
        raise _wrong("its kind %r is none of %s" % (entry["kind"], ", ".join(filter(None, PRIORITIES))))
    entry["priority"] = _typed("priority", entry.get("priority", PRIORITIES[entry["kind"]]), 0.0)
    entry["after"] = [_after(one) for one in entry["after"]]
    if entry["if"] is not None:
        _check_if(entry["if"])
    if entry["retry_of"]:
        _check_run(entry["retry_of"])
    return entry


def task_of(run_id: str, entry: Mapping[str, Any], priority: float, rank: float) -> Task:
    """What the choice of the next run has to know of an entry."""
    numbers = (int(entry["limit"]), int(entry["gpus"]), int(entry["cpus"]), int(entry["memory"]))
    return Task(run_id, priority, rank, entry["project"], *numbers, float(entry["seconds"]), float(entry["not_before"]))


def _typed(name: str, value: Any, default: Any) -> Any:
    if default is None:
        return value
    if isinstance(default, (int, float)):
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not is_number or not math.isfinite(value) or abs(value) > _MOST or (isinstance(default, int) and value != int(value)):
            raise _wrong("%s is not a number that it could be: %r" % (name, value))
        if name not in ("priority", "gpus") and value < 0:
            raise _wrong("%s is negative: %r" % (name, value))
        return int(value) if isinstance(default, int) else float(value)
    if not isinstance(value, type(default)):
        raise _wrong("%s is not what it should be: %r" % (name, value))
    return value


def _after(one: Any) -> Dict[str, Any]:
    if not isinstance(one, dict):
        raise _wrong("it comes after something that is no run: %r" % (one,))
    more = _check_runs(one)
    return {"run": one["run"], "ok": bool(one.get("ok")), **({"or": more} if more else {})}


def _check_if(wish: Any) -> None:
    if not isinstance(wish, dict):
        raise _wrong("its condition is no table")
    _check_runs(wish)
    value = wish.get("value")
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if wish.get("op") not in OPERATORS or not is_number or not isinstance(wish.get("metric"), str):
        raise _wrong("its condition is not a metric, one of %s, and a number" % " ".join(OPERATORS))


def _check_runs(wish: Dict[str, Any]) -> List[Any]:
    more = wish.get("or", [])
    if not isinstance(more, list):
        raise _wrong("it waits for something that is no run: %r" % (more,))
    for run in (wish.get("run"), *more):
        _check_run(run)
    return more


def _check_run(run_id: Any) -> None:
    if not isinstance(run_id, str) or not RUN_ID.fullmatch(run_id):  # it becomes the name of a folder
        raise _wrong("%r is no run" % (run_id,))


def _wrong(what: str) -> RunnerError:
    return RunnerError("usage", "the run cannot be queued: %s" % what, "reprun launch --queue --help")
