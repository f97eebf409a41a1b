"""What is said of runs whose target was not asked, or did not answer: nothing is guessed, but what was seen last is told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reprun.core.outcome import RunState, Sighting
from reprun.core.text import human_ago
from reprun.store.rows import Row
from reprun.system.clock import now, now_seconds
from reprun.workspace import Workspace


def unasked(workspace: Workspace, rows: Iterable[Row], offline: bool) -> dict[str, RunState]:
    """The states of the runs on other machines that need no question: they were seen to be over. With `offline` of all."""
    far = [row for row in rows if not workspace.is_here(row)]
    seen = workspace.sightings.read() if far else {}
    result = {}
    for row in far:
        last = seen.get(row.run_id)
        if last is not None and RunState(last.state).is_final:
            result[row.run_id] = _over(last)
        elif offline:
            result[row.run_id] = RunState("unknown", f"not asked; {_told(row, last)}", link="not asked", last=last)
    return result


def unheard(workspace: Workspace, rows: Sequence[Row]) -> dict[str, RunState]:
    """The states of runs whose target does not answer. What is known for sure is said; the rest is the state of the link."""
    if not rows:
        return {}
    seen, shared = workspace.sightings.read(), workspace.shared_outcomes([row.run_id for row in rows])
    return {row.run_id: shared.get(row.run_id) or _unheard(workspace, row, seen.get(row.run_id)) for row in rows}


def _unheard(workspace: Workspace, row: Row, last: Sighting | None) -> RunState:
    steps = {line["step"] for line in workspace.journal(row.run_id).read()}
    if steps and not steps & {"ahead", "submit", "adopted"}:  # written before the target is asked to start anything
        return RunState("unstarted", "its launch was interrupted before the start", link="unreachable")
    if last is not None and RunState(last.state).is_final:
        return _over(last)
    return RunState("unreachable", _told(row, last), link="unreachable", last=last)


def _over(last: Sighting) -> RunState:
    record = {"ended": True} if last.ended else {}
    return RunState(last.state, last.reason, last.exit_code, record)


def _told(row: Row, last: Sighting | None) -> str:
    if last is not None:
        return f"last seen {RunState(last.state, last.reason, last.exit_code).words} {human_ago(now_seconds() - last.at)}"
    age = _age(row.created)
    return f"not seen since its launch {age}" if age else "never seen"


def _age(created: str) -> str:
    from datetime import datetime

    try:
        return human_ago((now() - datetime.fromisoformat(created)).total_seconds())
    except (ValueError, TypeError):
        return ""
