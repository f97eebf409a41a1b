"""Listing and showing runs. Looking changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from reprun.core.errors import ReprunError
from reprun.core.outcome import RunState
from reprun.core.select import Filter
from reprun.store.journal import list_journals
from reprun.store.rows import Row
from reprun.workspace import Workspace


@dataclass(frozen=True)
class Listed:
    """A row of the history with its state as it is now."""

    row: Row
    state: RunState


def list_runs(workspace: Workspace, wanted: Filter) -> list[Listed]:
    """The newest runs that fit. A filter by state looks at the state of this moment, not at the one in the index."""
    history = workspace.history()
    if not wanted.state:
        return _with_states(workspace, history.newest(wanted))
    unfinished = _with_states(workspace, history.unfinished(10_000))
    fitting = {item.row.run_id: item for item in unfinished if item.state.state == wanted.state}
    ended = _with_states(workspace, history.newest(wanted))
    fitting |= {item.row.run_id: item for item in ended if item.state.state == wanted.state}
    keep = {row.run_id for row in history.newest(replace(wanted, state="", limit=1_000_000))} if unfinished else set(fitting)
    return sorted((item for run_id, item in fitting.items() if run_id in keep), key=lambda item: item.row.run_id, reverse=True)[
        : wanted.limit
    ]


def unfinished_runs(workspace: Workspace) -> list[Listed]:
    """What is not over: running, starting, interrupted before the start, lost without anybody having said so."""
    history = workspace.history()
    known = _with_states(workspace, history.unfinished(1000))
    listed = [item for item in known if not item.state.has_outcome or not item.state.is_final]
    begun = [run_id for run_id in list_journals(workspace.repository.state_dir)[-200:] if history.find(run_id) is None]
    listed += _with_states(workspace, [Row(run_id, target="local", state="unstarted") for run_id in begun])
    return sorted(listed, key=lambda item: item.row.run_id, reverse=True)


def _with_states(workspace: Workspace, rows: Sequence[Row]) -> list[Listed]:
    states = workspace.states(rows)
    return [Listed(row, _told(workspace, row, states[row.run_id])) for row in rows]


def _told(workspace: Workspace, row: Row, state: RunState) -> RunState:
    # A run of a colleague has no folder here; what the index learned from its outcome is then all there is.
    if state.state == "unstarted" and not workspace.journal(row.run_id).read():
        return (
            row.run_state
            if row.run_state.state != "unstarted"
            else RunState("unknown", "it ran elsewhere, and its outcome is not here")
        )
    return state


def show_run(workspace: Workspace, row: Row) -> dict[str, Any]:
    """Everything that is recorded of a run: manifest, state, outcome, where things are."""
    state = workspace.state(row)
    data: dict[str, Any] = {"run_id": row.run_id, "state": state.state, "state_words": state.words, "exit_code": state.exit_code}
    try:
        data["manifest"] = workspace.manifest(row.run_id).data
    except ReprunError as error:
        if state.state != "unstarted":
            raise
        data["manifest"], data["problem"] = None, error.message
    data["outcome"] = state.record
    data["run_dir"] = run_dir_of(row.run_id)
    data["journal"] = workspace.journal(row.run_id).read()
    return data


def run_dir_of(run_id: str) -> str:
    """The folder of a run on this machine."""
    from reprun.runner.paths import Home, home

    return Home(home()).run(run_id).path
