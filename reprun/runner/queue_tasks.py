"""What waits, as the worker has it in memory: in order what may start, aside what waits for other runs."""

from __future__ import annotations

import bisect

from reprun.runner.paths import Home
from reprun.runner.queue_conditions import MET, NEVER, judge, named
from reprun.runner.queue_db import entry_of
from reprun.runner.queue_entry import task_of
from reprun.runner.queue_policy import Task, order
from reprun.runner.state import NO_FOLDER, find_state

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from typing import Any, Dict, Iterator, List, Optional, Set, Tuple

FINAL = ("finished", "failed", "stopped", "lost", "canceled")


class Tasks:
    """All queued entries that no supervisor has."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.entries: Dict[str, Dict[str, Any]] = {}
        self._line: List[Tuple[Tuple[float, float, str], Task]] = []
        self._keys: Dict[str, Tuple[float, float, str]] = {}  # of those in the line
        self._waiting: Dict[str, Tuple[float, float]] = {}
        self._wanted: Dict[str, Set[str]] = {}  # run → those that wait for it
        self._known: Dict[str, Dict[str, Any]] = {}  # what has ended stays as it is

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[Task]:
        for _, task in self._line:
            yield task

    @property
    def waiting(self) -> int:
        """How many wait for other runs."""
        return len(self._waiting)

    def put(self, row: "sqlite3.Row") -> str:
        """Adds an entry, or its new place; why it can never start, if so."""
        run_id = str(row["run_id"])
        self.drop(run_id)
        entry = self.entries[run_id] = entry_of(row)
        return self._place(run_id, entry, float(row["priority"]), float(row["rank"]))

    def put_back(self, run_id: str, entry: Dict[str, Any], priority: float, rank: float) -> None:
        """Adds one whose conditions are met."""
        self.drop(run_id)
        self.entries[run_id] = entry
        self._queue(run_id, entry, priority, rank)

    def drop(self, run_id: str) -> None:
        """Forgets one."""
        if self.entries.pop(run_id, None) is None:
            return
        self._waiting.pop(run_id, None)
        key = self._keys.pop(run_id, None)
        if key is not None:
            del self._line[bisect.bisect_left(self._line, (key,))]

    def ended(self, run_id: str) -> "Iterator[Tuple[str, str]]":
        """Looks again at those that wait for a run; yields those that can never start, with why."""
        self._known.pop(run_id, None)
        yield from self._again(self._wanted.get(run_id, ()))

    def look(self) -> "Iterator[Tuple[str, str]]":
        """The same for all."""
        yield from self._again(self._waiting)

    def _again(self, run_ids: Any) -> "Iterator[Tuple[str, str]]":
        fresh: Dict[str, Dict[str, Any]] = {}
        for run_id in [one for one in run_ids if one in self._waiting]:
            why = self._place(run_id, self.entries[run_id], *self._waiting[run_id], fresh)
            if why:
                yield run_id, why

    def _place(
        self,
        run_id: str,
        entry: Dict[str, Any],
        priority: float,
        rank: float,
        fresh: "Optional[Dict[str, Dict[str, Any]]]" = None,
    ) -> str:
        names = named(entry)
        answer = judge(entry, self._states(names, {} if fresh is None else fresh)) if names else None
        if answer is None or answer.what == MET:
            self._waiting.pop(run_id, None)
            self._queue(run_id, entry, priority, rank)
            return ""
        self._waiting[run_id] = (priority, rank)
        for name in names:
            self._wanted.setdefault(name, set()).add(run_id)
        return answer.why if answer.what == NEVER else ""

    def _queue(self, run_id: str, entry: Dict[str, Any], priority: float, rank: float) -> None:
        task = task_of(run_id, entry, priority, rank)
        key = self._keys[run_id] = order(task)
        bisect.insort(self._line, (key, task))

    def _states(self, names: List[str], fresh: "Dict[str, Dict[str, Any]]") -> "Dict[str, Dict[str, Any]]":
        found = {}
        for name in names:
            state = self._known.get(name) or fresh.get(name)
            if state is None:
                state = fresh[name] = find_state(self.home.run(name))
                if state["state"] in FINAL:
                    self._known[name] = state
            if state["reason"] != NO_FOLDER:
                found[name] = state
        return found
