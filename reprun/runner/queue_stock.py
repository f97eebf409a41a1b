"""What a worker learns: from the table, from its supervisors, from the folders of runs that another worker has started."""

from __future__ import annotations

import errno
import os
import time

from reprun.runner.paths import Home
from reprun.runner.queue_db import Table, entry_of
from reprun.runner.queue_ends import Alike, record_end
from reprun.runner.queue_hands import Hand
from reprun.runner.queue_hold import cancel, hold
from reprun.runner.queue_lives import ENDING, READY, RUNNING, Live, find_running
from reprun.runner.queue_ready import Ready
from reprun.runner.queue_rebuild import read_held
from reprun.runner.queue_supervisor import BEGAN, FAILED, IDLE, OVER
from reprun.runner.queue_tasks import FINAL
from reprun.runner.state import find_state

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from typing import Any, Dict, List, Tuple

_CHUNK = 40  # rows that are read at once, a millisecond: a slot may become free meanwhile
_MACHINE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ENOMEM, errno.EAGAIN, errno.EMFILE, errno.ENFILE)
_TRIES = 3  # starts of one run that may fail for reasons of its own before it is held
_PAUSE = 5.0
_KEPT = 30 * 86400.0  # seconds for which events are kept


class Stock(Ready):
    """Those that are ready, and what is read of the table and heard of the supervisors."""

    def __init__(self, home: Home) -> None:
        super().__init__(home)
        self._seen = 0
        self._leaving: List[Hand] = []  # those whose process is just going
        self._settling: List[Live] = []
        self._alike = Alike()
        self._failures: Dict[str, int] = {}
        self._places: Dict[str, Tuple[float, float]] = {}  # priority and rank of those at hand

    # reading

    def take_over(self, table: Table) -> None:
        """What an earlier worker had, and what somebody had begun to enter."""
        from reprun.runner.queue_enter import take_up
        from reprun.runner.queue_fence import hold_fenced

        take_up(self.home, table)
        hold_fenced(self.home, table)
        for project, sweep in table.db.execute(
            "SELECT DISTINCT project, sweep FROM entries WHERE signature <> '' AND sweep <> ''"
        ):
            self._alike.load(table, project, sweep)
        old = time.time() - _KEPT
        self.ledger.add(lambda table: table.db.execute("DELETE FROM events WHERE time < ?", (old,)))
        # Those that come first, for what is read piece by piece comes in the order in which it was entered.
        for row in table.rows("state = 'queued' ORDER BY priority DESC, rank LIMIT ?", (_CHUNK,)):
            self._put(row)
        for row in table.rows("state = 'taken'"):
            self._look_at(str(row["run_id"]), entry_of(row), float(row["priority"]), float(row["rank"]))
        self.ledger.write(table)

    def start_anew(self) -> None:
        """Reads everything again, from another database."""
        self._seen = 0
        self.ledger.clear()
        for live in self.lives.values():
            live.is_written = False
            self._mark(live)
        for run_id in list(self.tasks.entries):
            if run_id not in self.lives:
                self.tasks.drop(run_id)

    def read(self, table: Table) -> bool:
        """What is new in the table; True when there is more."""
        rows = table.rows("changed > ? ORDER BY changed LIMIT ?", (self._seen, _CHUNK))
        for row in rows:
            run_id, self._seen = str(row["run_id"]), int(row["changed"])
            live = self.lives.get(run_id)
            if live is not None and live.phase != READY:
                continue
            if row["state"] == "queued" or (row["state"] == "taken" and live is not None):
                self._alike.came_back(table, run_id, row)
                self._put(row)
            elif row["state"] == "taken":
                self._look_at(run_id, entry_of(row), float(row["priority"]), float(row["rank"]))
            else:
                self._take_back(run_id)
                self.tasks.drop(run_id)
                for one, why in list(self.tasks.ended(run_id)):
                    self._drop(one, why)
        return len(rows) == _CHUNK

    def has_news(self, table: Table) -> bool:
        """Whether there is something to read."""
        return bool(table.rows("changed > ? LIMIT 1", (self._seen,)))

    def _put(self, row: "sqlite3.Row") -> None:
        run_id, why = str(row["run_id"]), self.tasks.put(row)
        if why:
            self._take_back(run_id)
            self._drop(run_id, why)
        self._places[run_id] = (float(row["priority"]), float(row["rank"]))

    def look(self) -> None:
        """Looks at what nobody tells us of."""
        for run_id, why in list(self.tasks.look()):
            self._drop(run_id, why)
        for live in list(self.lives.values()):
            if live.is_found:
                self.look_at_found(live)
        self.settle()

    def _look_at(self, run_id: str, entry: Dict[str, Any], priority: float, rank: float) -> None:
        """Finds out from its folder what became of a run that was given out, or is said to be."""
        run = self.home.run(run_id)
        state = find_state(run)
        self._places[run_id] = (priority, rank)
        if state["state"] == "running":
            live = self.lives[run_id] = find_running(run, entry, state["record"])
            if live.is_over():
                live.phase = ENDING
            self.tasks.drop(run_id)
        elif state["state"] in FINAL:
            self._record_end(Live(run, entry, ENDING), state)
        elif state["state"] == "queued" and read_held(run) is not None:
            self.tasks.drop(run_id)
            self.ledger.set(run_id, "held", state["reason"])
        elif state["state"] == "starting":  # somebody has its claim, for a moment as a rule
            live = self.lives[run_id] = Live(run, entry, ENDING)
            live.is_found = True
            self.tasks.drop(run_id)
        elif state["state"] == "queued":
            self.tasks.put_back(run_id, entry, priority, rank)
            self.ledger.set(run_id, "queued", "")
            self.ledger.note("queued again", run_id, why="it had not begun")
        else:
            self.tasks.drop(run_id)
            self.ledger.set(run_id, "held", "it %s" % ("is " + state["state"] + ": " + state["reason"]))

    # hearing

    def hear(self, hand: Hand) -> None:
        """A word of a supervisor; what takes long is left to `settle`."""
        words, live = hand.hear(), hand.live
        if words is None:
            del self.hands[hand.line.fileno()]
            hand.line.close()
            self._leaving.append(hand)
        if words is None or words[:1] == [IDLE]:
            hand.is_idle, hand.live = True, None
            if live is not None:
                live.hand = None
                self._settling.append(live)
        elif live is None or not words:
            return
        elif words[0] == BEGAN:
            live.phase = RUNNING
            self._began(live)
        elif words[0] == OVER:
            self._over(live)
            if words[1].strip() not in ("", "0") and not os.path.lexists(live.run.stop):  # who is stopped does not fail
                self._count_alike(live, {"state": "failed", "exit_code": int(words[1]), "reason": ""})
        else:
            live.phase = READY
            if words[0] == FAILED:
                self._failed(live, words[1])

    def look_at_found(self, live: Live) -> None:
        """The same for a run that another worker has started."""
        live.drop_signs()
        if live.phase == RUNNING and live.is_over():
            self._over(live)
        if live.is_gone():
            self._settling.append(live)

    def look_at_unseen(self) -> None:
        """Looks at those."""
        for live in [one for one in self.lives.values() if one.is_unseen()]:
            self.look_at_found(live)

    def _over(self, live: Live) -> None:
        live.phase = ENDING
        run_id, now = live.run.run_id, time.time()
        self.ledger.add(lambda table: table.db.execute("UPDATE entries SET ended = ? WHERE run_id = ?", (now, run_id)))
        self.ledger.note("over", run_id, "+".join(live.slots))

    def _began(self, live: Live) -> None:
        slot, run_id, now = "+".join(live.slots), live.run.run_id, time.time()
        self.ledger.add(
            lambda table: table.db.execute("UPDATE entries SET slot = ?, began = ? WHERE run_id = ?", (slot, now, run_id))
        )
        self.ledger.note("began", run_id, slot, ", ".join(live.gpus))

    def _failed(self, live: Live, said: str) -> None:
        number, _, text = said.partition(" ")
        if number.isdigit() and int(number) in _MACHINE:
            self.set_trouble("starts cannot be recorded: %s" % text, _PAUSE)
            return
        count = self._failures[live.run.run_id] = self._failures.get(live.run.run_id, 0) + 1
        if count >= _TRIES:
            self._hold(live.run.run_id, "it could not be started: %s" % text)

    def settle(self) -> None:
        """What follows the ends: it is no longer urgent."""
        self._leaving = [hand for hand in self._leaving if not hand.is_collected()]
        while self._settling:
            live = self._settling.pop(0)
            run_id = live.run.run_id
            live.close()
            if self.lives.get(run_id) is live:
                del self.lives[run_id]
            state = find_state(live.run)
            if state["state"] in FINAL:
                self._record_end(live, state)
                continue
            priority, rank = self._places.get(run_id, (float(live.entry["priority"]), time.time()))
            self._count_death(live, state["state"])
            if live.phase == READY and state["state"] == "queued" and read_held(live.run) is None:
                self.ledger.set(run_id, "queued", "")
                if run_id not in self.tasks.entries:
                    self.tasks.put_back(run_id, live.entry, priority, rank)
                continue
            self._look_at(run_id, live.entry, priority, rank)

    def _count_death(self, live: Live, state: str) -> None:
        """A supervisor that dies each time before the start is not tried for ever."""
        if state != "queued":
            return
        run_id = live.run.run_id
        self._failures[run_id] = self._failures.get(run_id, 0) + 1
        if self._failures[run_id] >= 10 * _TRIES:
            hold(live.run, "its supervisor was killed before the start, again and again")

    def _record_end(self, live: Live, state: Dict[str, Any]) -> None:
        run_id, slot = live.run.run_id, "+".join(live.slots)
        live.close()
        self.tasks.drop(run_id)
        self._failures.pop(run_id, None)
        self._places.pop(run_id, None)

        self.ledger.add(lambda table: record_end(table, live.run, live.entry, state, slot))
        self._count_alike(live, state)
        for one, why in list(self.tasks.ended(run_id)):
            self._drop(one, why)

    def _count_alike(self, live: Live, state: Dict[str, Any]) -> None:
        why = self._alike.count(live.run, live.entry, state)
        if not why:
            return
        same = ("project", "sweep")
        for run_id, entry in list(self.tasks.entries.items()):
            if all(entry[name] == live.entry[name] for name in same):
                self._alike.held(run_id)
                self._hold(run_id, why)

    # writing

    def _hold(self, run_id: str, why: str) -> None:
        live = self.lives.get(run_id)
        if live is not None and live.phase != READY:
            return
        if hold(self.home.run(run_id), why)["state"] != "queued":
            return
        self._take_back(run_id)
        self.tasks.drop(run_id)
        self.ledger.set(run_id, "held", why)
        self.ledger.note("held", run_id, why=why)

    def _drop(self, run_id: str, why: str) -> None:
        """Ends a run that can never start, and those that can not for that."""
        left = [(run_id, why)]
        while left:
            one, reason = left.pop()
            live = self.lives.get(one)
            if live is not None and live.phase != READY:
                continue
            state = cancel(self.home.run(one), reason, durable=False)
            self._take_back(one)
            self.tasks.drop(one)
            if state["state"] == "canceled":
                self.ledger.set(one, "dropped", reason)
                self.ledger.note("dropped", one, why=reason)
            left += self.tasks.ended(one)
