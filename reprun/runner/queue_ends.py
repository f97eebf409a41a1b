"""What the end of a queued run means for the queue: its entry is done, a retry may be wanted, and a sweep that fails alike again
and again is held."""

from __future__ import annotations

import json
import os
import re

from reprun.runner.paths import RunDir
from reprun.runner.queue_db import Table

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from typing import Any, Dict, Mapping, Set, Tuple

_TAIL = 4096
_VARYING = re.compile(r"0x[0-9a-fA-F]+|[0-9]+(\.[0-9]+)?|/\S+")
RETRY = "retry wanted"
ALIKE = "runs of its sweep ended alike"


def words_of(state: Mapping[str, Any]) -> str:
    """The end of a run in a few words: the reason that is kept."""
    text = str(state["state"])
    if text == "failed" and state.get("exit_code") is not None:
        text += " %d" % state["exit_code"]
    return "%s (%s)" % (text, state["reason"]) if state.get("reason") else text


def signature(run: RunDir, state: Mapping[str, Any]) -> str:
    """Equal for failures that look alike: exit status and the last line on standard error, but for numbers and paths."""
    if state["state"] not in ("failed", "lost"):
        return ""
    line = _last_line(run)
    return "%s: %s" % (words_of(state), _VARYING.sub("…", line)[:200]) if line else words_of(state)


def _last_line(run: RunDir) -> str:
    try:
        with open(run.stderr, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TAIL))
            lines = file.read().decode("utf-8", "replace").strip().splitlines()
            return lines[-1].strip() if lines else ""
    except OSError:
        return ""


def record_end(table: Table, run: RunDir, entry: Mapping[str, Any], state: Mapping[str, Any], slot: str) -> None:
    """Writes the end, within a transaction."""
    run_id, what, mark = run.run_id, words_of(state), signature(run, state)
    record: Dict[str, Any] = dict(state.get("record") or {})
    values = ("done", what, slot, float(record.get("exited") or record.get("ended") or 0), str(state["state"]), mark, run_id)
    sql = "UPDATE entries SET state = ?, reason = ?, slot = ?, ended = ?, outcome = ?, signature = ? WHERE run_id = ?"
    table.db.execute(sql, values)
    table.note("done", run_id, slot, what)
    if mark:
        _want_retry(table, run_id, entry, what)


def _want_retry(table: Table, run_id: str, entry: Mapping[str, Any], what: str) -> None:
    """A run starts at most once, so another attempt is another run, and its manifest is made where manifests are made: it may be
    in the queue already (`retry_of`), else the wish stands here."""
    if entry["attempt"] > entry["retries"]:
        return
    waiting = table.rows("state IN ('queued', 'held') AND project = ? AND entry LIKE ?", (entry["project"], '%%"%s"%%' % run_id))
    if waiting:
        return
    why = "%s; %s (%d of %d)" % (what, RETRY, entry["attempt"], entry["retries"])
    table.db.execute("UPDATE entries SET reason = ? WHERE run_id = ?", (why, run_id))
    table.note(RETRY, run_id, why=why)


class Alike:
    """Counts the failures of each sweep that look alike, those of one `reprun sweep`: `round` says which. What is known at once
    is counted at once: the outcome comes later."""

    def __init__(self) -> None:
        self._counts: Dict[Tuple[str, str, str], Dict[str, int]] = {}
        self._counted: Set[str] = set()
        self._held: Set[str] = set()

    def load(self, table: Table, project: str, sweep: str) -> None:
        """Counts what the table has of a sweep."""
        for key in [one for one in self._counts if one[:2] == (project, sweep)]:
            del self._counts[key]
        sql = "SELECT signature, entry FROM entries WHERE project = ? AND sweep = ? AND signature <> ''"
        for mark, entry in table.db.execute(sql, (project, sweep)):
            self._add(json.loads(entry), str(mark))

    def came_back(self, table: Table, run_id: str, row: "sqlite3.Row") -> None:
        """Somebody lets a run go that was held for this: failures of before do not count any more."""
        if run_id in self._held:
            self._held.discard(run_id)
            self.load(table, row["project"], row["sweep"])

    def count(self, run: RunDir, entry: Mapping[str, Any], state: Mapping[str, Any]) -> str:
        """Counts an end, once; why the rest of the sweep is to be held, if it is."""
        most = entry["stop_after"]
        if not most or not entry["sweep"] or run.run_id in self._counted:
            return ""
        mark = signature(run, state)
        if not mark:
            return ""
        self._counted.add(run.run_id)
        count = self._add(entry, mark)
        if count < most:
            return ""
        line = _last_line(run)[:200]
        return "%d %s: %s%s" % (count, ALIKE, words_of(state), ": " + line if line else "")

    def _add(self, entry: Mapping[str, Any], mark: str) -> int:
        counts = self._counts.setdefault((entry["project"], entry["sweep"], str(entry.get("round", ""))), {})
        counts[mark] = counts.get(mark, 0) + 1
        return counts[mark]

    def held(self, run_id: str) -> None:
        """Remembers that a run is held for this."""
        self._held.add(run_id)
