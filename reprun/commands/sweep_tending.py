"""What is done for runs of a sweep that wait on hosts already: their worker is woken, and tasks move to where a slot is idle."""

from __future__ import annotations

from collections.abc import Sequence

from reprun.commands.sweep_open import Opened
from reprun.core.errors import ReprunError
from reprun.core.frozen import replace
from reprun.core.measured import items
from reprun.sweeps.plan import GIVEN_AWAY, TAKEN_BACK, superseded
from reprun.sweeps.sharing import Place, runs_of, surplus

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reprun.commands.sweep_pass import Passed


def tend(opened: Opened, passed: Passed) -> dict[str, list[str]]:
    """Settles what waits, and takes back what another host could begin now: the tasks by the host that had them. A host that does
    not answer meanwhile is met by the next pass."""
    settle(opened, passed)
    if any(step.action in ("start", "later") for step in passed.ran.steps):
        return {}
    places = {place.name: place for place in passed.places}
    found = surplus([replace(place, ours=_movable(place, passed)) for place in passed.places])
    return {name: _take_back(opened, places[name], tasks) for name, tasks in found.items()}


def settle(opened: Opened, passed: Passed) -> None:
    """Takes out of the queues what another host has got meanwhile, lets the rest go that waits for a word after a reboot, and
    wakes workers."""
    others = superseded(passed.known)
    states = {run.run_id: run.state for run in passed.known}
    for place in passed.places:
        if not place.trouble and place.ours:
            stale = [run_id for run_id, _ in place.ours if run_id in others or states.get(run_id) == "lost"]
            _settle(opened, place, stale)


def _settle(opened: Opened, place: Place, stale: Sequence[str]) -> None:
    """What is `stale` was believed lost, or is done elsewhere."""
    if stale:
        _ask(opened, place, op="queue", do="rm", runs=list(stale), reason=GIVEN_AWAY)
        opened.workspace.sightings.add({}, stale)  # what was believed of them is asked again
    awaited = [run_id for run_id in place.fenced if run_id not in stale]
    if awaited:
        _ask(opened, place, op="queue", do="release", runs=awaited)
    if not place.has_worker:
        _ask(opened, place, op="enqueue", entries=[])  # nobody enters: it starts the worker where that was killed


def _movable(place: Place, passed: Passed) -> tuple[tuple[str, str], ...]:
    """Of what waits there the tasks of which nothing has begun: the output of an earlier stage stays where it is."""
    waiting = {run_id for run_id, _ in place.ours} - set(place.fenced)
    begun = {step.wanted.task for step in passed.ran.steps if step.run_id not in waiting}
    return tuple((run_id, task) for run_id, task in place.ours if task not in begun)


def _take_back(opened: Opened, place: Place, tasks: list[str]) -> list[str]:
    """Under the claim of their start: what has begun meanwhile stays. Returns the tasks of which something was taken back."""
    said = _ask(opened, place, op="queue", do="rm", runs=runs_of(place, tasks), reason=TAKEN_BACK)
    removed = items(said.get("removed"))
    return list(dict.fromkeys(task for run_id, task in place.ours if run_id in removed))


def _ask(opened: Opened, place: Place, **request: object) -> dict[str, object]:
    try:
        return opened.workspace.target(place.name).host.ask(request)
    except ReprunError:
        return {}
