"""How busy the slots of the queue were, and why they were not: read from the events that the worker writes down."""

from __future__ import annotations

import time

from reprun.runner.paths import Home
from reprun.runner.queue_db import Table
from reprun.runner.queue_slots import find_slots
from reprun.runner.queue_wake import find_worker

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from typing import Any, Dict, List, Optional

_DAY = 86400.0
_WHATS = ("began", "over", "idle", "done", "worker begins", "worker ends")
NO_WORKER = "no worker was running"
EMPTY = "nothing is queued"  # what a worker says before it ends, which goes on being so
HELD = "all that is queued is held"
PAUSED, DRAINS = "the queue is paused", "the queue drains"
STARTING = "a run was being started"
JUST = "it has only just become free"


def idle(home: Home, table: Optional[Table], request: Dict[str, Any]) -> Dict[str, Any]:
    """For each slot which share of the time `since` then it was busy, a day if that is not said, and why it was not. What was
    before the first event of the queue counts for nothing."""
    now = time.time()
    since = float(request.get("since") or now - _DAY)
    if table is None:
        return {"slots": [], "since": since, "until": now}
    sql = "SELECT * FROM events WHERE what IN (%s) ORDER BY id" % ", ".join("?" * len(_WHATS))  # noqa: S608  # our own words
    rows = table.db.execute(sql, _WHATS).fetchall()
    begin = min(max(since, rows[0]["time"] if rows else now), now)
    is_worked, slots = bool(find_worker(home)), []
    for slot in find_slots(table)[0]:
        past = _Past(begin, now)
        for row in rows:
            if not row["slot"] or slot.name in str(row["slot"]).split("+"):
                past.see(row)
        slots.append({"name": slot.name, "gpus": list(slot.gpus), **past.end(is_worked)})
    return {"slots": slots, "since": since, "until": now}


class _Past:
    """One slot from `begin` to `until`, event by event."""

    def __init__(self, begin: float, until: float) -> None:
        self.begin = self.at = self.idle_since = begin
        self.until = until
        self.run = ""  # the run that is in it
        self.why = NO_WORKER  # else why there is none; empty while nobody has said so
        self.busy = 0.0
        self.spans: List[Dict[str, Any]] = []

    def see(self, row: "sqlite3.Row") -> None:
        """The next event that is about this slot, or about all."""
        what = row["what"]
        self._pass(row["time"], {"began": STARTING, "worker begins": NO_WORKER}.get(what, ""))
        if what == "began":
            self.run = row["run_id"]
        elif what == "idle":
            self._leave(row["time"], str(row["why"]))
        elif what in ("over", "done") and self.run == row["run_id"]:
            # A run is `done` when its outputs are put away: another one has begun in the slot by then, as a rule. Of a run that
            # ended while there was no worker nothing else is known.
            self._leave(row["time"], "")
        elif what == "worker begins":
            self.why = ""
        elif what == "worker ends" and self.why not in (HELD, PAUSED, DRAINS):
            self.why = EMPTY

    def end(self, is_worked: bool) -> Dict[str, Any]:
        """What has become of it."""
        self._pass(self.until, JUST if is_worked else NO_WORKER)
        share = min(1.0, self.busy / max(self.until - self.begin, 1e-9))
        if self.run:
            return {"busy_share": share, "spans": self.spans, "idle_since": 0.0, "why": ""}
        why = self.spans[-1]["why"] if self.spans and self.spans[-1]["to"] == self.until else self.why
        return {"busy_share": share, "spans": self.spans, "idle_since": self.idle_since, "why": why or JUST}

    def _leave(self, when: float, why: str) -> None:
        if self.run:
            self.run, self.idle_since = "", min(when, self.until)
        self.why = why

    def _pass(self, when: float, guess: str) -> None:
        """Time passes. `guess`: why it was idle, where nobody has said so."""
        begin, end = self.at, min(max(when, self.at), self.until)
        self.at = end
        if self.run:
            self.busy += end - begin
        elif end > begin:
            self._add(begin, end, self.why or guess)

    def _add(self, begin: float, end: float, why: str) -> None:
        last = self.spans[-1] if self.spans else {"from": 0.0, "to": 0.0, "why": ""}
        if last["to"] == begin and last["why"] in (why, ""):
            last.update(to=end, why=why)
        else:
            self.spans.append({"from": begin, "to": end, "why": why})
