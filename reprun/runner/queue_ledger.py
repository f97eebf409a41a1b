"""What a worker has still to write into the table: it is kept until it could be."""

from __future__ import annotations

import time

from reprun.runner.queue_db import Table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, List


class Ledger:
    """Changes of entries and events, in their order. What a change answers with is called once it is written."""

    def __init__(self) -> None:
        self._todo: List[Callable[[Table], Any]] = []

    def add(self, act: Callable[[Table], Any]) -> None:
        """Another one."""
        self._todo.append(act)

    def clear(self) -> None:
        """Forgets them: there is another table."""
        self._todo = []

    def set(self, run_id: str, state: str, reason: str) -> None:
        """The state of an entry that is not over."""
        sql = "UPDATE entries SET state = ?, reason = ? WHERE run_id = ? AND state IN ('queued', 'held', 'taken')"
        if state == "queued":
            sql = sql.replace("'held', ", "")  # what somebody holds meanwhile stays so
        self.add(lambda table: table.db.execute(sql, (state, reason, run_id)))

    def note(self, what: str, run_id: str = "", slot: str = "", why: str = "") -> None:
        """An event, with the time that it is now."""
        values = (time.time(), run_id, slot, what, why)
        sql = "INSERT INTO events (time, run_id, slot, what, why) VALUES (?, ?, ?, ?, ?)"
        self.add(lambda table: table.db.execute(sql, values))

    def write(self, table: Table) -> None:
        """Writes what is to be written; what could not be is kept."""
        if not self._todo:
            return
        todo = list(self._todo)
        with table.writing():
            after = [act(table) for act in todo]
        del self._todo[: len(todo)]
        for then in after:
            if callable(then):
                then()
