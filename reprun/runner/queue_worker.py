"""The worker: one process for a host, as long as something is queued or runs. It keeps every slot busy.

It holds the next runs ready (see queue_supervisor.py) and opens a gate the moment a job ends. The order on that path: hear the
end, choose, open; everything else, the table too, comes after that. Killed at any moment it loses nothing: supervisors go on
by themselves, and the worker that follows reads from the run folders what became of them.
"""

from __future__ import annotations

import contextlib
import os
import select
import sqlite3
import sys
import time

from reprun.runner.errors import RunnerError
from reprun.runner.files import read_text
from reprun.runner.paths import Home
from reprun.runner.queue_db import Table, is_damage, open_table, set_aside
from reprun.runner.queue_gpus import Foreigners, Late
from reprun.runner.queue_idle import DRAINS, EMPTY, HELD, PAUSED
from reprun.runner.queue_lives import ENDING, READY, Live
from reprun.runner.queue_policy import NONE, Choice, Running, choose
from reprun.runner.queue_session import Sessions
from reprun.runner.queue_slots import find_slots, machine_of, one_each, usual_slots, variables, write_slots
from reprun.runner.queue_stock import Stock
from reprun.runner.queue_wake import LEAVE, paused_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Optional, Set

    from reprun.runner.queue_policy import Slot

_LOOK = 5.0  # seconds between two looks at what nobody tells us of
_LINGERS = 1.0  # seconds without anything to do after which the worker ends
_IDLE = 1.0  # a slot that is free for longer than that is idle, and it is written down why
_MOST_ENDING = 64  # ended runs whose outcome is still being written: no more start while there are so many
_TROUBLE = 5.0  # pause after a start that the machine did not allow


class Worker:
    """See above. `work` returns when nothing is left to do."""

    def __init__(self, home: Home, pipe: int) -> None:
        self.home = home
        self.pipe = pipe
        self.paused = paused_file(home)
        self.table: Table = open_table(home, durable=False)
        self.stock = Stock(home)
        self.sessions = Sessions(home)
        self.slots: List[Slot] = []
        self.slots_seen = -1.0
        self.foreign, self.late = Foreigners(home.root), Late()
        self.why: Dict[str, str] = {}  # why each free slot is free
        self.noted: Dict[str, str] = {}
        self.free_since: Dict[str, float] = {}
        self.looked = time.monotonic()
        self.busy_at = time.monotonic()
        self.is_poked, self.is_leaving = True, False
        self.choice: Optional[Choice] = None

    def begin(self) -> None:
        """Finds out what there is."""
        slots, configured = find_slots(self.table)
        if not configured:
            slots = usual_slots()
            write_slots(self.table, slots, configured=False)
        self._read_slots()
        self.stock.take_over(self.table)
        if self._gpus():
            self.foreign.first(self._gpus(), self._held())

    def work(self) -> None:
        """Until nothing is left, or another worker is to take the place of this one."""
        while not self.is_leaving:
            try:
                more = self._step()
                if more or not self._is_done():
                    self.busy_at = time.monotonic()
                elif time.monotonic() - self.busy_at > _LINGERS:
                    return
                self._wait(0.0 if more else self._pause())
            except sqlite3.DatabaseError as error:
                self._mend(error)
            except (RunnerError, OSError) as error:  # a full disk, no more processes
                self.stock.set_trouble("%s" % error, _TROUBLE)
                self._rest()

    def has_news(self) -> bool:
        """Whether something was entered since it last read."""
        if self.is_leaving:
            return False
        try:
            return self.stock.has_news(self.table) and not os.path.lexists(self.paused)
        except sqlite3.Error:
            return True

    def end(self) -> None:
        """Lets go of what has not begun."""
        self.stock.let_go()
        with contextlib.suppress(sqlite3.Error):
            self.stock.ledger.write(self.table)
        self.table.close()

    def _step(self) -> bool:
        """One turn; True when there is more to do at once."""
        self._start()
        more = False
        if self.is_poked:
            if self.table.is_replaced():
                raise sqlite3.DatabaseError("the database was replaced")
            more = self.stock.read(self.table)
            self.is_poked = more
            self._read_slots()
        if time.monotonic() - self.looked > _LOOK:
            self.looked = time.monotonic()
            self.is_poked = True  # a poke may have been lost with a full pipe
            self.stock.look()
        self.stock.ledger.write(self.table)
        self._start()
        more = self.stock.make_ready(self._depth(), self._slot_fds()) or more
        gpus = self._gpus()
        if self.foreign.look(gpus, self._held()) if gpus else self._find_late():
            more = True
        self.note_idle(_IDLE)
        self.stock.ledger.write(self.table)
        self.sessions.look(self.stock.holding(), time.time())
        return more

    def _start(self) -> None:
        """Gives free slots away."""
        free = self._free()
        self.why = {}
        if not free:
            return
        why = self._why_nothing()
        if why:
            self.why = dict.fromkeys(free, why)
            return
        running = [Running(one.run.run_id, one.slots, one.ends(time.time()), one.entry["project"], one.entry["cpus"],
                           one.entry["memory"]) for one in self.stock.holding()]  # fmt: skip
        self.choice = choose(self.stock.line(), running, machine_of(self.slots, self.foreign.blocked), time.time())
        self.why = self.choice.why
        by_name = {slot.name: slot for slot in self.slots}
        for start in self.choice.starts:
            slots = [by_name[name] for name in start.slots]
            live = self.stock.get_ready(start.run_id, self.table, self._slot_fds())
            if live is not None:
                gpus = tuple(gpu for slot in slots for gpu in slot.gpus)
                env = variables(slots, is_hidden=live.entry["gpus"] == NONE)
                self.stock.give(live, start.slots, gpus, env)

    def _why_nothing(self) -> str:
        if os.path.lexists(self.paused):
            return DRAINS if read_text(self.paused) == "drain" else PAUSED
        if self.stock.trouble_until > time.monotonic():
            return self.stock.trouble
        if self.stock.count(ENDING) >= _MOST_ENDING:
            return "%d runs that ended are still being recorded" % _MOST_ENDING
        if not self.stock.has_tasks():
            return "all runs wait for others" if self.stock.tasks.waiting else HELD if self._has_held() else EMPTY
        return ""

    def _has_held(self) -> bool:
        return bool(self.table.db.execute("SELECT 1 FROM entries WHERE state = 'held' LIMIT 1").fetchone())

    def _free(self) -> List[str]:
        busy = {name for one in self.stock.holding() for name in one.slots}
        return [slot.name for slot in self.slots if slot.name not in busy]

    def _depth(self) -> int:
        """So many runs are held ready."""
        return 0 if os.path.lexists(self.paused) else len(self.slots) + min(len(self.slots), 4)

    def _held(self) -> Set[str]:
        return {gpu for one in self.stock.holding() for gpu in one.gpus}

    def _gpus(self) -> Set[str]:
        return {gpu for slot in self.slots for gpu in slot.gpus}

    def _slot_fds(self) -> List[int]:
        return [self.pipe, *(fd for one in self.stock.lives.values() for fd in one.signs)]

    def _is_done(self) -> bool:
        if self.stock.lives and not self._is_paused_with_nothing_running():
            return False
        return not len(self.stock.tasks) or os.path.lexists(self.paused)

    def _is_paused_with_nothing_running(self) -> bool:
        return os.path.lexists(self.paused) and all(one.phase == READY for one in self.stock.lives.values())

    def _find_late(self) -> bool:
        """Whether there are GPUs now, where there were none and the user has set no slots."""
        found = self.late.look()
        if not found or find_slots(self.table)[1]:
            return False
        write_slots(self.table, one_each(found), configured=False)
        self._read_slots()
        self.foreign.first(self._gpus(), self._held())
        return True

    def _read_slots(self) -> None:
        row = self.table.db.execute("SELECT value FROM meta WHERE key = 'slots'").fetchone()
        if row is not None and row[0] != self.slots_seen:
            self.slots_seen = row[0]
            self.slots = find_slots(self.table)[0]

    def note_idle(self, least: float) -> None:
        """Writes down why a slot is free, once it is for so long."""
        now, free = time.monotonic(), set(self._free())
        for name in [one for one in self.free_since if one not in free]:
            del self.free_since[name]
            self.noted.pop(name, None)
        for name in free:
            since = self.free_since.setdefault(name, now)
            why = self.why.get(name, "")
            if why and now - since >= least and self.noted.get(name) != why:
                self.noted[name] = why
                self.stock.ledger.note("idle", "", name, why)

    def _pause(self) -> float:
        """How long nothing happens by itself."""
        pauses = [_LOOK]
        if not self.stock.lives:
            pauses.append(_LINGERS / 4)
        if self.choice is not None and self.choice.again:
            pauses.append(max(0.0, self.choice.again - time.time()) + 0.001)
        if any(name not in self.noted for name in self.free_since):
            pauses.append(_IDLE / 4)
        due = self.sessions.next(self.stock.holding())
        if due:
            pauses.append(max(0.05, due - time.time()))
        if self.foreign.is_asking or self.stock.is_blind():
            pauses.append(0.1)
        if self.stock.trouble_until > time.monotonic():
            pauses.append(self.stock.trouble_until - time.monotonic() + 0.001)
        return min(pauses)

    def _wait(self, seconds: float) -> None:
        """Hears what there is to hear, and first of all whose slot is free."""
        poll = select.poll()
        poll.register(self.pipe, select.POLLIN)
        found: Dict[int, Live] = {fd: live for live in self.stock.lives.values() for fd in live.signs}
        for fd in (*self.stock.hands, *found):
            poll.register(fd, select.POLLIN)
        try:
            ready = poll.poll(seconds * 1000)
        except InterruptedError:
            return
        for fd, _ in ready:
            if fd == self.pipe:
                self.is_poked = True
                with contextlib.suppress(BlockingIOError):
                    self.is_leaving = self.is_leaving or LEAVE in os.read(self.pipe, 1 << 16)
            elif fd in self.stock.hands:
                self.stock.hear(self.stock.hands[fd])
            elif fd in found[fd].signs:
                self.stock.look_at_found(found[fd])
        self.stock.look_at_unseen()
        if self.is_poked and self._free():
            self.stock.read(self.table)  # what was said before a job ended counts for what follows it
        self._start()
        self.stock.settle()

    def _rest(self) -> None:
        """Waits a while, and hears what there is to hear."""
        try:
            self._wait(1.0)
        except (RunnerError, OSError, sqlite3.Error):
            time.sleep(1.0)

    def _mend(self, error: sqlite3.Error) -> None:
        """A full disk passes; a damaged database is set aside, and made anew from the run folders."""
        if not is_damage(error) and not self.table.is_replaced():
            with contextlib.suppress(sqlite3.Error):
                self.table.db.execute("ROLLBACK")
            self.stock.set_trouble("the queue cannot be written: %s" % error, _TROUBLE)
            self._rest()
            return
        log("the queue is damaged, or was replaced: %s" % error)
        self.table.close()
        aside = set_aside(self.home)
        if aside:
            log("it was damaged, and is made anew; what there was is %s" % aside)
        self.table = open_table(self.home, durable=False)
        self.slots_seen = -1.0
        if not find_slots(self.table)[0]:
            write_slots(self.table, self.slots or usual_slots(), configured=False)
        self.stock.start_anew()
        self.is_poked = True


def log(text: str) -> None:
    """A line of worker.log."""
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write("%s %s\n" % (time.strftime("%Y-%m-%d %H:%M:%S"), text))
        sys.stderr.flush()
