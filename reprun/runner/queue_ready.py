"""The runs that a worker holds ready: forked ahead of their start, in the order of the queue."""

from __future__ import annotations

import os
import time

from reprun.runner.facts import ask_gpus, host_facts, read_gpus
from reprun.runner.paths import Home
from reprun.runner.queue_db import Table
from reprun.runner.queue_hands import Hand, fork_hand
from reprun.runner.queue_ledger import Ledger
from reprun.runner.queue_lives import READY, Live
from reprun.runner.queue_tasks import Tasks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Dict, Iterator, List, Optional, Tuple

    from reprun.runner.queue_policy import Task


class Ready:
    """What waits, what is at hand, and the supervisors."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.tasks = Tasks(home)
        self.ledger = Ledger()
        self.lives: Dict[str, Live] = {}
        self.hands: Dict[int, Hand] = {}  # by descriptor
        self.trouble, self.trouble_until = "", 0.0
        self._most = 0
        self._host = {**host_facts(), "gpus": read_gpus(ask_gpus())}
        self._undecided = os.path.join(home.queue(), "undecided.lock")

    def holding(self) -> List[Live]:
        """The runs that have slots."""
        return [one for one in self.lives.values() if one.holds]

    def count(self, phase: str) -> int:
        """How many are in a phase."""
        return sum(one.phase == phase for one in self.lives.values())

    def has_tasks(self) -> bool:
        """Whether something could start as far as other runs are concerned."""
        return len(self.tasks) > self.tasks.waiting or self.count(READY) > 0

    def is_blind(self) -> bool:
        """Whether a run must be looked at, for nothing tells of its end."""
        return any(one.is_unseen() for one in self.lives.values())

    def line(self) -> Iterator[Task]:
        """All that may start, in order: those that are held ready stay where they were."""
        return iter(self.tasks)

    def set_trouble(self, why: str, seconds: float) -> None:
        """Nothing starts for a while, and it is said why."""
        from reprun.runner.queue_worker import log

        if self.trouble_until <= time.monotonic():
            log(why)
        self.trouble, self.trouble_until = why, time.monotonic() + seconds

    def _has_hand(self) -> bool:
        """Whether one is idle, or another may be forked ahead. More than a few that put away what has ended are no gain: each
        costs a fork, and copies all that it touches."""
        return any(hand.is_idle for hand in self.hands.values()) or len(self.hands) < self._most

    def make_ready(self, depth: int, parted: List[int]) -> bool:
        """Forks the next supervisor ahead, one at a time; True when another is wanted."""
        if self.trouble_until > time.monotonic():
            return False
        missing = []
        for number, task in enumerate(self.tasks):
            if number >= depth:
                break
            if task.run_id not in self.lives and task.not_before <= time.time():
                missing.append(task.run_id)
        self._most = depth + max(2, depth // 2)
        if missing and not self._has_hand():
            missing = []
        if missing:
            self._fork(missing[0], parted)
        if self.count(READY) > 2 * depth + 4:
            self._trim(depth)
        return len(missing) > 1

    def get_ready(self, run_id: str, table: Table, parted: List[int]) -> Optional[Live]:
        """The supervisor of a run that is to start now; None when it cannot."""
        live = self.lives.get(run_id) or self._fork(run_id, parted)
        if not live.is_written:
            self.ledger.write(table)
        return live if live.is_written and live.phase == READY else None

    def give(self, live: Live, slots: Tuple[str, ...], gpus: Tuple[str, ...], env: Dict[str, str]) -> None:
        """Opens the gate."""
        if live.give(slots, gpus, env):
            self.tasks.drop(live.run.run_id)

    def _fork(self, run_id: str, parted: List[int]) -> Live:
        live = Live(self.home.run(run_id), self.tasks.entries[run_id], READY)
        told = {"run": live.run.path}
        hand = next((one for one in self.hands.values() if one.is_idle and one.tell(told)), None)
        if hand is None:
            hand = fork_hand(self._host, self._undecided, [*parted, *self.hands])
            self.hands[hand.line.fileno()] = hand
            hand.tell(told)
        hand.is_idle, hand.live, live.hand = False, live, hand
        self.lives[run_id] = live
        self._mark(live)
        return live

    def _mark(self, live: Live) -> None:
        def mark(table: Table) -> Callable[[], None]:
            sql = "UPDATE entries SET state = 'taken', reason = '' WHERE run_id = ? AND state IN ('queued', 'taken')"
            found = table.db.execute(sql, (live.run.run_id,)).rowcount
            return lambda: self._marked(live, found > 0)

        self.ledger.add(mark)

    def _marked(self, live: Live, is_there: bool) -> None:
        """It may start now; or it was held or removed, and must not."""
        live.is_written = is_there
        if not is_there and live.phase == READY:
            self._take_back(live.run.run_id)
            self.tasks.drop(live.run.run_id)

    def _trim(self, depth: int) -> None:
        """Lets go of those that are no longer among the next."""
        near = {task.run_id for number, task in enumerate(self.tasks) if number < depth}
        for run_id in [one for one, live in self.lives.items() if live.phase == READY and one not in near]:
            self._take_back(run_id)
            self.ledger.set(run_id, "queued", "")

    def _take_back(self, run_id: str) -> None:
        live = self.lives.get(run_id)
        if live is not None and live.phase == READY:
            if live.hand is not None:
                live.hand.tell({})
                live.hand.live = None
                live.hand = None
            del self.lives[run_id]

    def let_go(self) -> None:
        """Takes all back that have not begun."""
        for run_id in [one for one, live in self.lives.items() if live.phase == READY]:
            self._take_back(run_id)
            self.ledger.set(run_id, "queued", "")
        for hand in self.hands.values():
            hand.line.close()
        self.hands = {}
