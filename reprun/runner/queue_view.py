"""What is there to see of the queue: the entries with why each waits, the slots, and the events."""

from __future__ import annotations

import functools
import json
import os
import time

from reprun.runner.files import read_text
from reprun.runner.paths import Home
from reprun.runner.queue_conditions import MET, WAITS, judge, named
from reprun.runner.queue_db import Table, entry_of
from reprun.runner.queue_entry import task_of
from reprun.runner.queue_forecast import MOST, expected_end, forecast
from reprun.runner.queue_gpus import BLOCKS
from reprun.runner.queue_policy import Machine, Room, Running, obstacle
from reprun.runner.queue_slots import find_slots, machine_of, usual_slots
from reprun.runner.queue_wake import find_worker, paused_file
from reprun.runner.state import NO_FOLDER, find_state
from reprun.runner.top import look_at

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from typing import Any, Dict, List, Optional

    from reprun.runner.queue_policy import Task

UNUSED = "nothing was queued yet"
_read = functools.lru_cache(maxsize=4096)(json.loads)  # entries stay as they are, and `top` looks at them every two seconds
_MOST = 1000  # entries that are over, and events at once
_SHOWN = ("kind", "project", "label", "name", "stage", "sweep", "not_before", "seconds", "attempt", "gpus", "retry_of")


def list_all(home: Home, table: Optional[Table], request: Dict[str, Any]) -> Dict[str, Any]:
    """Entries in their order, those that run first; with `all` also those that are over, newest last. A queue that was never
    used has its usual slots, so that one who chooses among hosts knows what each has to give."""
    found, mode = find_worker(home), read_text(paused_file(home))
    worker = {"pid": found["process"]["pid"] if found else 0, "state": "running" if found else "none"}
    answer: Dict[str, Any] = {"entries": [], "slots": [], "worker": worker, "paused": bool(mode), "draining": mode == "drain"}
    answer["time"] = time.time()
    if table is None:
        answer["slots"] = [
            {"name": slot.name, "gpus": list(slot.gpus), "run_id": "", "since": 0.0, "idle_since": 0.0, "why": UNUSED}
            for slot in usual_slots()
        ]
        return answer
    rows = table.rows("state IN ('queued', 'held', 'taken') ORDER BY priority DESC, rank, run_id")
    going = [row for row in rows if row["state"] == "taken" and row["began"]]
    waiting = [row for row in rows if not (row["state"] == "taken" and row["began"])]
    slots = find_slots(table)[0] or usual_slots()  # a worker writes them down when it begins
    answer["slots"] = [_slot(table, slot.name, list(slot.gpus), going, bool(found)) for slot in slots]
    blocked = {gpu: slot["why"] for slot in answer["slots"] for gpu in slot["gpus"] if slot["why"].startswith(BLOCKS)}
    view = _View(home, machine_of(slots, blocked), going)
    entries = [{**_entry(row, 0, ""), **view.lasts.get(row["run_id"], {})} for row in going]
    entries += [_entry(row, number, view.why(row)) for number, row in enumerate(waiting, 1)]
    if not mode:
        view.estimate(entries)
    if request.get("all"):
        over = table.rows("state IN ('done', 'dropped') ORDER BY changed DESC, ended DESC LIMIT ?", (_MOST,))
        entries += [_entry(row, 0, str(row["reason"])) for row in reversed(over)]
    answer["entries"] = entries
    return answer


class _View:
    """What is asked of several entries is found out once."""

    def __init__(self, home: Home, machine: Machine, going: "List[sqlite3.Row]") -> None:
        self.home = home
        self.machine = machine
        self.now = time.time()
        self.states: Dict[str, Optional[Dict[str, Any]]] = {}
        self.running = []
        self.lasts: Dict[str, Dict[str, float]] = {}  # how far what runs is, and when it will end
        self.tasks: List[Task] = []  # what waits for nothing but its turn
        for row in (row for row in going if not row["ended"]):
            entry = entry_of(row, _read)
            slots = tuple(str(row["slot"]).split("+"))
            progress = look_at(home.run(row["run_id"])).get("progress")
            ends = expected_end(row["began"], float(entry["seconds"]), progress, self.now)
            self.lasts[row["run_id"]] = {"ends": ends, **({} if progress is None else {"progress": progress})}
            self.running.append(Running(row["run_id"], slots, ends, entry["project"], entry["cpus"], entry["memory"]))
        self.room = Room(machine, self.running)

    def why(self, row: "sqlite3.Row") -> str:
        """Why it does not start; empty when it only waits for its turn."""
        if row["state"] == "held":
            return str(row["reason"] or "held")
        entry = entry_of(row, _read)
        for name in named(entry):
            if name not in self.states:
                state = find_state(self.home.run(name))
                self.states[name] = None if state["reason"] == NO_FOLDER else state
        found = {name: self.states[name] for name in named(entry)}
        answer = judge(entry, {name: state for name, state in found.items() if state is not None})
        if answer.what == WAITS:
            return answer.why
        task = task_of(row["run_id"], entry, row["priority"], row["rank"])
        if answer.what == MET and len(self.tasks) < MOST:
            self.tasks.append(task)
        if task.not_before > self.now:
            return "not before %s" % time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(task.not_before))
        return obstacle(task, self.room, self.now)

    def estimate(self, entries: "List[Dict[str, Any]]") -> None:
        """Adds when they will start and end to those of which that can be told."""
        found = forecast(self.tasks, self.running, self.machine, self.now)
        for entry in entries:
            starts, ends = found.get(entry["run_id"], (0.0, 0.0))
            if starts:
                entry.update(starts=starts, ends=ends)


def _entry(row: "sqlite3.Row", position: int, reason: str) -> Dict[str, Any]:
    entry = entry_of(row, _read)
    state = "running" if row["state"] == "taken" and row["began"] else "queued" if row["state"] == "taken" else row["state"]
    return {
        "run_id": row["run_id"], "state": state, "position": position, "reason": reason or str(row["reason"]),
        "priority": row["priority"], "created": row["created"], "slot": row["slot"], "began": row["began"],
        "ended": row["ended"], "outcome": row["outcome"], **{name: entry.get(name) for name in _SHOWN},
    }  # fmt: skip


def _slot(table: Table, name: str, gpus: List[str], going: "List[sqlite3.Row]", is_worked: bool) -> Dict[str, Any]:
    run = next((row for row in going if not row["ended"] and name in str(row["slot"]).split("+")), None)
    if run is not None:
        return {"name": name, "gpus": gpus, "run_id": run["run_id"], "since": run["began"], "idle_since": 0.0, "why": ""}
    sql = (
        "SELECT time, what, why FROM events WHERE what IN ('over', 'idle') AND '+' || slot || '+' LIKE ? ORDER BY id DESC LIMIT 2"
    )
    rows = table.db.execute(sql, ("%%+%s+%%" % name,)).fetchall()
    over = next((row for row in rows if row["what"] == "over"), rows[-1] if rows else None)
    why = rows[0]["why"] if rows and rows[0]["what"] == "idle" else ""
    return {"name": name, "gpus": gpus, "run_id": "", "since": 0.0, "idle_since": over["time"] if over else 0.0,
            "why": why if is_worked else why or "no worker is running"}  # fmt: skip


def news(home: Home, table: Optional[Table], request: Dict[str, Any]) -> Dict[str, Any]:
    """Events after the one with the number `after`; without it the newest."""
    if table is None:
        return {"events": [], "last": 0}
    after = request.get("after")
    sql = "SELECT * FROM events WHERE id > ? ORDER BY id LIMIT ?"
    if after is None:
        sql = "SELECT * FROM (SELECT * FROM events WHERE id > ? ORDER BY id DESC LIMIT ?) ORDER BY id"
    rows = table.db.execute(sql, (int(after or 0), _MOST)).fetchall()
    events = [dict(row) for row in rows]
    return {"events": events, "last": events[-1]["id"] if events else int(after or 0), "home": os.path.basename(home.root)}
