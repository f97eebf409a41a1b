"""The steps of a pass with their hosts: what goes where now, and what waits on this side, and why."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from reprun.core.frozen import replace
from reprun.core.text import show
from reprun.sweeps.plan import Known, Step
from reprun.sweeps.sharing import AHEAD, Place, share


def given(steps: Sequence[Step], places: Sequence[Place], known: Sequence[Known], ahead: int | None) -> list[Step]:
    """The steps with their hosts; those for which there is no room wait on this side."""
    where = {run.run_id: run.target for run in known}
    heard = {run.run_id for run in known if run.heard}
    troubles = {place.name: place.trouble for place in places}
    bound: dict[str, str] = {}
    for step in steps:
        if step.action == "start":
            bound[step.wanted.task] = where.get(step.builds_on, "") or bound.get(step.wanted.task, "")
    hosts = share(bound.items(), places, AHEAD if ahead is None else ahead)
    found = []
    for step in steps:
        host = hosts.get(step.wanted.task, "")
        if step.action != "start":
            found.append(_told(replace(step, target=where.get(step.run_id, "")), heard, troubles))
        elif host:
            found.append(replace(step, target=host))
        else:
            found.append(_waiting(step, _why(bound[step.wanted.task], troubles)))
    return found


def without_starts(steps: Sequence[Step], held: Known) -> list[Step]:
    """The steps, of which none starts: all wait as the `held` run does."""
    reason = f"held as {held.run_id} is: {held.words}"
    return [_waiting(step, reason) if step.action == "start" else step for step in steps]


def _waiting(step: Step, reason: str) -> Step:
    return replace(step, action="later", reason=reason, run_id="", builds_on="", waits=False)


def _why(stays: str, troubles: Mapping[str, str]) -> str:
    if stays:
        return f"waits for {show(stays)}, which has the output of the stage before"
    return "waits for a host that takes it" if all(troubles.values()) else "waits for a free slot"


def _told(step: Step, heard: Collection[str], troubles: Mapping[str, str]) -> Step:
    """With what is known of the host of a run that was not heard of."""
    why = troubles.get(step.target, "")
    if step.action != "keep" or step.run_id in heard or not why:
        return step
    words = f"{step.run_id} is on {show(step.target)}, and what became of it is not known: {show(why)}"
    return replace(step, reason=words)
