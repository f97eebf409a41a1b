"""What is next for a free slot: one pure function on plain records.

Tasks come in their order (priority, then age) and each starts if it fits. For the first that does not fit though it could, as
it wants more slots, processors or memory than are free, a place is kept: what comes after it may start only if that does not
delay it, because it ends before that, by its estimate, or needs nothing of what is kept. So a wide run is not overtaken for
ever, and a short one fills the gap before it.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Iterable, List, NamedTuple, Optional, Sequence, Set, Tuple
else:
    from reprun.runner.tuples import NamedTuple

ANY, NONE = 0, -1  # a task that wants so many GPUs: one slot, whatever is in it; a slot without any


class Task(NamedTuple):
    """A run that may start as far as other runs are concerned. A claim of 0 is none; `seconds`: how long it takes, 0 unknown."""

    run_id: str
    priority: float = 0.0
    rank: float = 0.0
    project: str = ""
    limit: int = 0
    gpus: int = ANY
    cpus: int = 0
    memory: int = 0
    seconds: float = 0.0
    not_before: float = 0.0


class Slot(NamedTuple):
    """What one run holds: GPUs by their ids, none for a slot of processors. `blocked` says why it is not given out."""

    name: str
    gpus: Tuple[str, ...] = ()
    blocked: str = ""


class Running(NamedTuple):
    """A run that holds slots until about `ends`."""

    run_id: str
    slots: Tuple[str, ...]
    ends: float
    project: str = ""
    cpus: int = 0
    memory: int = 0


class Machine(NamedTuple):
    """What there is; 0 processors or bytes: nobody counts."""

    slots: Tuple[Slot, ...]
    cpus: int = 0
    memory: int = 0


class Start(NamedTuple):
    """A run, and the slots it gets."""

    run_id: str
    slots: Tuple[str, ...]


class Choice(NamedTuple):
    """What is to start now, for whom a place is kept, why each other slot stays free, and when it may be worth asking again."""

    starts: Tuple[Start, ...]
    kept_for: str
    why: Dict[str, str]
    again: float


def order(task: Task) -> Tuple[float, float, str]:
    """Sorts tasks: high priority first, then by age or where somebody has moved them."""
    return (-task.priority, task.rank, task.run_id)


def choose(tasks: Iterable[Task], running: Sequence[Running], machine: Machine, now: float) -> Choice:
    """What starts now of `tasks`, which come in their order. Pure."""
    room = Room(machine, running)
    starts: List[Start] = []
    kept: Optional[Kept] = None
    reason, again = "", 0.0
    hopeless: Set[Tuple[object, ...]] = set()  # what was refused is refused to its like, of which there may be 10,000
    for task in tasks:
        if not room.free:
            break
        if task.not_before > now:
            again = min(again or task.not_before, task.not_before)
        like = task[3:9]  # all that it asks for, from its project to its seconds
        if like in hopeless and task.not_before <= now:
            continue
        why = _obstacle(task, room, now)
        taken = () if why else room.fit(task)
        if not why and not taken:
            why = room.why_not(task)
            if kept is None:
                kept = keep(task, room, now)
                why = kept.reason if kept else why
        elif not why and kept is not None and not kept.lets(task, taken, room, now):
            why, taken = kept.reason, ()
        reason = reason or why
        if not taken and task.not_before <= now:
            hopeless.add(like)
        if taken:
            hopeless.clear()
            room.take(task, taken, now)
            starts.append(Start(task.run_id, taken))
    why_free = {slot.name: slot.blocked or reason for slot in machine.slots if slot.name not in room.busy}
    return Choice(tuple(starts), kept.task.run_id if kept else "", why_free, again)


def obstacle(task: Task, room: Room, now: float) -> str:
    """Why a task does not start though its conditions are met; empty where it only waits for its turn. Pure."""
    return _obstacle(task, room, now) or ("" if room.fit(task) or not room.free else room.why_not(task))


def _obstacle(task: Task, room: Room, now: float) -> str:
    if task.not_before > now:
        return "not before its time"
    if task.limit and room.projects.get(task.project, 0) >= task.limit:
        return "no more than %d runs of its project at once" % task.limit
    return ""


class Room:
    """What is free while a choice is made."""

    def __init__(self, machine: Machine, running: Iterable[Running]) -> None:
        self.machine = machine
        self.running = list(running)
        self.busy: Set[str] = {name for one in self.running for name in one.slots}
        self.free = [slot for slot in machine.slots if slot.name not in self.busy and not slot.blocked]
        self.cpus = machine.cpus - sum(one.cpus for one in self.running)
        self.memory = machine.memory - sum(one.memory for one in self.running)
        self.projects: Dict[str, int] = {}
        for one in self.running:
            self.projects[one.project] = self.projects.get(one.project, 0) + 1

    def fit(self, task: Task) -> Tuple[str, ...]:
        """The slots that the task would get now; none when it does not fit."""
        if not self.has(task):
            return ()
        return pick_slots(task.gpus, self.free, self.machine.slots)

    def has(self, task: Task) -> bool:
        """Whether its processors and memory are there."""
        is_short = self.machine.cpus and task.cpus > self.cpus
        return not is_short and not (self.machine.memory and task.memory and task.memory > self.memory)

    def take(self, task: Task, names: Tuple[str, ...], now: float) -> None:
        """Gives the slots away."""
        self.busy.update(names)
        self.free = [slot for slot in self.free if slot.name not in names]
        self.cpus -= task.cpus
        self.memory -= task.memory
        self.projects[task.project] = self.projects.get(task.project, 0) + 1
        ends = now + task.seconds if task.seconds else now
        self.running.append(Running(task.run_id, names, ends, task.project, task.cpus, task.memory))

    def why_not(self, task: Task) -> str:
        """Why it does not fit."""
        if self.machine.cpus and task.cpus > self.cpus:
            return "needs %d processors, %d of %d are free" % (task.cpus, max(0, self.cpus), self.machine.cpus)
        if not self.has(task):
            parts = (task.memory / 1e9, max(0, self.memory) / 1e9, self.machine.memory / 1e9)
            return "needs %.4g GB of memory, %.4g of %.4g are free" % parts
        if task.gpus > 0:
            counts = [len({gpu for slot in slots for gpu in slot.gpus}) for slots in (self.free, self.machine.slots)]
            return "needs %d GPUs, %d of %d are free" % (task.gpus, counts[0], counts[1])
        return "needs a slot %s GPUs" % ("without" if task.gpus == NONE else "with")


class Kept(NamedTuple):
    """A place kept for a task: when it will be free, by what is known, which slots it will be, what is left over beside it."""

    task: Task
    until: float
    slots: Tuple[str, ...]
    cpus: int
    memory: int

    @property
    def reason(self) -> str:
        """Why a slot stays free for it."""
        return "kept for %s" % self.task.run_id

    def lets(self, task: Task, slots: Sequence[str], room: Room, now: float) -> bool:
        """Whether another task may start on these slots without delaying it."""
        if task.seconds and now + task.seconds <= self.until:
            return True
        if any(name in self.slots for name in slots):
            return False
        others = [one for one in room.running if one.ends > self.until or one.ends <= now]
        machine = room.machine
        cpus = machine.cpus - sum(one.cpus for one in others) - self.task.cpus
        memory = machine.memory - sum(one.memory for one in others) - self.task.memory
        return (not machine.cpus or task.cpus <= cpus) and (not machine.memory or task.memory <= memory)


def keep(task: Task, room: Room, now: float) -> Optional[Kept]:
    """The place to keep for a task that does not fit now; None when the runs that hold it up are not the reason."""
    later = Room(room.machine, room.running)
    for one in sorted(room.running, key=lambda one: (one.ends, one.run_id)):
        left = [other for other in later.running if other.run_id != one.run_id]
        later = Room(room.machine, left)
        names = later.fit(task)
        if names:
            return Kept(task, max(one.ends, now), names, later.cpus - task.cpus, later.memory - task.memory)
    return None


def pick_slots(gpus: int, free: Sequence[Slot], every: Sequence[Slot]) -> Tuple[str, ...]:
    """Of the free slots those that a task with so many GPUs gets: as few GPUs as will do, each of them once."""
    if gpus <= 0:
        wants_gpu = gpus == ANY and any(slot.gpus for slot in every)
        fitting = [slot for slot in free if bool(slot.gpus) == wants_gpu]
        if not fitting and gpus == NONE and all(slot.gpus for slot in every):
            fitting = list(free)  # a machine that has only such slots
        return (min(fitting, key=lambda slot: len(slot.gpus)).name,) if fitting else ()
    enough = [slot for slot in free if len(slot.gpus) >= gpus]
    if enough:
        return (min(enough, key=lambda slot: len(slot.gpus)).name,)
    large = sorted((slot for slot in free if slot.gpus), key=lambda slot: -len(slot.gpus))
    best: List[Slot] = []
    for first in range(len(large)):
        found = _gather(gpus, large[first:] + large[:first])
        if found and (not best or _count(found) < _count(best)):
            best = found
    return tuple(slot.name for slot in best)


def _gather(gpus: int, slots: Sequence[Slot]) -> List[Slot]:
    found: List[Slot] = []
    held: Set[str] = set()
    for slot in slots:
        if held.isdisjoint(slot.gpus):
            found.append(slot)
            held.update(slot.gpus)
            if len(held) >= gpus:
                return found
    return []


def _count(slots: Sequence[Slot]) -> int:
    return sum(len(slot.gpus) for slot in slots)
