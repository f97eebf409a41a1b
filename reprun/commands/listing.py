"""Listing and showing runs. Looking changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

from reprun.commands.states import find_states, get_state
from reprun.core.errors import ReprunError
from reprun.core.frozen import dataclass, replace
from reprun.core.outcome import RunState
from reprun.core.select import Filter
from reprun.store.rows import Row
from reprun.workspace import Workspace


@dataclass(frozen=True)
class Listed:
    """A row of the history with its state as it is now."""

    row: Row
    state: RunState


def list_runs(workspace: Workspace, wanted: Filter, offline: bool = False) -> list[Listed]:
    """The newest runs that fit. A filter by state looks at the state of this moment, not at the one in the index.

    With `offline` no other machine is asked.
    """
    history = workspace.history()
    if not wanted.state:
        return _with_states(workspace, history.newest(wanted), offline)
    everything = history.newest(replace(wanted, state="", limit=0))
    states = find_states(workspace, everything, offline)
    fitting = list(islice((row for row in everything if states[row.run_id].state == wanted.state), wanted.limit))
    states = _placed(workspace, states, fitting)
    return [Listed(row, states[row.run_id]) for row in fitting]


def unfinished_runs(workspace: Workspace, offline: bool = False) -> list[Listed]:
    """What is not over: running, starting, interrupted before the start, lost without anybody having said so."""
    known = _with_states(workspace, workspace.history().unfinished(1000), offline)
    listed = [item for item in known if not item.state.has_outcome or not item.state.is_final]
    return sorted(listed, key=lambda item: item.row.run_id, reverse=True)


def _with_states(workspace: Workspace, rows: Sequence[Row], offline: bool) -> list[Listed]:
    states = _placed(workspace, find_states(workspace, rows, offline), rows)
    return [Listed(row, states[row.run_id]) for row in rows]


def _placed(workspace: Workspace, states: dict[str, RunState], rows: Sequence[Row]) -> dict[str, RunState]:
    """With their places in the queue, where some wait there."""
    if not any(states[row.run_id].state == "queued" for row in rows):
        return states
    from reprun.commands.queue_where import with_places

    return with_places(workspace, states, list(rows))


def show_run(workspace: Workspace, row: Row) -> dict[str, Any]:
    """Everything that is recorded of a run: manifest, state, outcome, where things are."""
    state = _placed(workspace, {row.run_id: get_state(workspace, row)}, [row])[row.run_id]
    data: dict[str, Any] = {"run_id": row.run_id, **state.data}
    try:
        data["manifest"] = workspace.manifest(row.run_id).data
    except ReprunError as error:
        if state.state != "unstarted":
            raise
        data["manifest"], data["problem"] = None, error.message
    data["outcome"] = state.record
    if data["manifest"] is not None:
        from reprun.commands.repeats import known_of

        data["repeats"] = known_of(workspace, data["manifest"])
    data["run_dir"] = row.run_dir or run_dir_of(row.run_id)
    data["journal"] = workspace.journal(row.run_id).read()
    return data


def run_dir_of(run_id: str) -> str:
    """The folder of a run on this machine."""
    from reprun.runner.paths import Home, home

    return Home(home()).run(run_id).path
