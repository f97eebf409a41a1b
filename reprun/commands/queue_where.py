"""Where queued runs stand: asked of the queue itself, for people. What state a run is in does not depend on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from reprun.core.errors import ReprunError
from reprun.core.frozen import replace
from reprun.core.measured import items, mapping, number
from reprun.core.outcome import RunState

if TYPE_CHECKING:
    from reprun.store.rows import Row
    from reprun.workspace import Workspace


def with_places(workspace: Workspace, states: Mapping[str, RunState], rows: list[Row]) -> dict[str, RunState]:
    """The states, those of queued runs with their position and what they wait for. Each host is asked once."""
    places = {row.run_id: workspace.place_of(row) for row in rows if _is_queued(states[row.run_id])}
    told: dict[str, str] = {}
    for name, home in sorted(set(places.values()), key=str):
        told |= _ask(workspace, name, home)
    return {
        run_id: replace(state, reason=told[run_id]) if run_id in places and told.get(run_id) else state
        for run_id, state in states.items()
    }


def with_place(workspace: Workspace, state: RunState, row: Row) -> RunState:
    """The same for one run."""
    return with_places(workspace, {row.run_id: state}, [row])[row.run_id] if _is_queued(state) else state


def _is_queued(state: RunState) -> bool:
    return state.state == "queued" and state.link == "ok"


def _ask(workspace: Workspace, name: str, home: str | None) -> dict[str, str]:
    try:
        answer = workspace.target(name).host.ask({"op": "queue", "do": "ls", "home": home})
    except ReprunError:
        return {}
    state = "paused" if answer.get("paused") else ""
    return {str(mapping(entry).get("run_id")): _words(mapping(entry), state) for entry in items(answer.get("entries"))}


def _words(entry: Mapping[str, Any], state: str) -> str:
    position, reason = number(entry.get("position")), str(entry.get("reason") or state)
    place = f"position {position}" if position else ""
    return ", ".join(part for part in (place, reason) if part)
