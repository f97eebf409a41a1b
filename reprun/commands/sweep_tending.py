"""What is done for runs of a sweep that wait on hosts already: their worker is woken, and tasks move to where a slot is idle."""

from __future__ import annotations

from collections.abc import Sequence

from reprun.commands.sweep_open import Opened
from reprun.core.errors import ReprunError
from reprun.core.frozen import replace
from reprun.core.measured import items
from reprun.sweeps.plan import GIVEN_AWAY, TAKEN_BACK, Known, superseded
from reprun.sweeps.sharing import Place, runs_of, surplus

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reprun.commands.sweep_pass import Passed


def settle(opened: Opened, places: Sequence[Place], known: Sequence[Known]) -> list[Place]:
    """The places, after what another host has got meanwhile was taken out of their queues, the rest that waits for a word after a
    reboot was let go, and workers were woken. One that cannot work gets a trouble."""
    others = superseded(known)
    states = {run.run_id: run.state for run in known}
    found = []
    for place in places:
        stale = [run_id for run_id, _ in place.ours if run_id in others or states.get(run_id) == "lost"]
        trouble = place.trouble
        try:
            _settle(opened, place, stale)
        except ReprunError as error:
            trouble = trouble or error.message
        found.append(replace(place, ours=tuple(one for one in place.ours if one[0] not in stale), trouble=trouble))
    return found


def _settle(opened: Opened, place: Place, stale: Sequence[str]) -> None:
    """What is `stale` was believed lost, or is done elsewhere."""
    ask = opened.workspace.target(place.name).host.ask
    if stale:
        ask({"op": "queue", "do": "rm", "runs": list(stale), "reason": GIVEN_AWAY})
        opened.workspace.sightings.add({}, stale)  # what was believed of them is asked again
    awaited = [run_id for run_id in place.fenced if run_id not in stale]
    if awaited:
        ask({"op": "queue", "do": "release", "runs": awaited})
    if not place.trouble and not place.has_worker and len(place.ours) > len(stale):
        ask({"op": "enqueue", "entries": []})  # nobody enters: it starts the worker where that was killed


def rebalance(opened: Opened, passed: Passed) -> dict[str, list[str]]:
    """Takes back what waits on a host and another one could begin now, when nothing waits here: the tasks by the host that had
    them. A host that does not answer meanwhile is met by the next pass."""
    if any(step.action in ("start", "later") for step in passed.ran.steps):
        return {}
    places = {place.name: place for place in passed.places}
    found = surplus([replace(place, ours=_movable(place, passed)) for place in passed.places])
    return {name: done for name, tasks in found.items() if (done := _take_back(opened, places[name], tasks))}


def _movable(place: Place, passed: Passed) -> tuple[tuple[str, str], ...]:
    """Of what waits there the tasks of which nothing has begun: the output of an earlier stage stays where it is."""
    waiting = {run_id for run_id, _ in place.ours} - set(place.fenced)
    begun = {step.wanted.task for step in passed.ran.steps if step.run_id not in waiting}
    return tuple((run_id, task) for run_id, task in place.ours if task not in begun)


def _take_back(opened: Opened, place: Place, tasks: list[str]) -> list[str]:
    """Under the claim of their start: what has begun meanwhile stays. Returns the tasks of which something was taken back."""
    request = {"op": "queue", "do": "rm", "runs": runs_of(place, tasks), "reason": TAKEN_BACK}
    try:
        removed = items(opened.workspace.target(place.name).host.ask(request).get("removed"))
    except ReprunError:
        return []
    return list(dict.fromkeys(task for run_id, task in place.ours if run_id in removed))
