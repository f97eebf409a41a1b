"""Which host gets which tasks of a sweep: no more than it can begin soon, the rest waits where it can still go anywhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from reprun.core.frozen import dataclass, field

ALL = -1  # so many ahead: everything is given away at once
AHEAD = 2


@dataclass(frozen=True)
class Place:
    """A host as it is now: how many runs it can have at once, how many more it could begin, how many wait there for a slot.

    `ours` are runs of this sweep that wait there, in their order, each with its task; those in `fenced` wait for a word, for
    the host came up after they were given to it. A `trouble` is why nothing can be given to it.
    """

    name: str
    slots: int = 1
    free: int = 0
    waiting: int = 0
    ours: tuple[tuple[str, str], ...] = field(default=())
    trouble: str = ""
    has_worker: bool = True
    fenced: tuple[str, ...] = ()
    answers: bool = True

    @property
    def idle(self) -> int:
        """Slots for which nothing waits."""
        return 0 if self.trouble else max(0, self.free - self.waiting)

    def room(self, ahead: int) -> int:
        """How many more tasks it gets."""
        return 0 if self.trouble else self.free + ahead * self.slots - self.waiting


def share(tasks: Iterable[tuple[str, str]], places: Sequence[Place], ahead: int) -> dict[str, str]:
    """The host of each task that gets one now. `tasks` come in their order, each with the host that it is bound to, or ""."""
    given: dict[str, int] = {place.name: 0 for place in places if not place.trouble}
    open_ones = {place.name: place for place in places if not place.trouble}
    found: dict[str, str] = {}
    for task, bound in tasks:
        names = [bound] if bound in open_ones else [] if bound else list(open_ones)
        fitting = [name for name in names if bound or ahead == ALL or open_ones[name].room(ahead) > given[name]]
        if not fitting:
            continue
        best = max(fitting, key=lambda name: _rank(open_ones[name], given[name], ahead))
        given[best] += 1
        found[task] = best
    return found


def _rank(place: Place, given: int, ahead: int) -> tuple[bool, float]:
    """The next task goes where a slot is free, and then where there is most room for each slot."""
    room = place.room(1 if ahead == ALL else ahead) - given
    return place.free - place.waiting > given, room / max(1, place.slots)


def surplus(places: Sequence[Place]) -> dict[str, list[str]]:
    """Which tasks to take back, by host, when nothing waits on this side: where a slot is idle, the last of those that have to
    wait elsewhere are wanted."""
    idle = sum(place.idle for place in places)
    found: dict[str, list[str]] = {}
    while idle > 0:
        crowded = [place for place in places if not place.idle]
        left = {place.name: _tasks(place)[: -len(found.get(place.name, ())) or None] for place in crowded}
        most = max(crowded, key=lambda place: len(left[place.name]) / max(1, place.slots), default=None)
        if most is None or not left[most.name]:
            break
        found.setdefault(most.name, []).append(left[most.name][-1])
        idle -= 1
    return found


def _tasks(place: Place) -> list[str]:
    """The tasks of which something waits there; the first that a free slot there will take stay, if it gives any."""
    return list(dict.fromkeys(task for _, task in place.ours))[0 if place.trouble else max(0, place.free) :]


def runs_of(place: Place, tasks: Sequence[str]) -> list[str]:
    """The waiting runs of those tasks, the last stage first: what follows a run never loses it before it is taken back itself."""
    return [run_id for run_id, task in reversed(place.ours) if task in tasks]


def words_of(counts: Mapping[str, int]) -> str:
    """`gpu1: 3, gpu2: 1`."""
    return ", ".join(f"{name}: {count}" for name, count in counts.items() if count)
