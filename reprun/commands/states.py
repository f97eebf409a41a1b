"""The state of runs as it is now: asked where they run, completed by what else is known of them."""

from __future__ import annotations

from collections.abc import Iterable

from reprun.core.outcome import RunState, state_of
from reprun.runner.state import NO_FOLDER
from reprun.store.rows import Row
from reprun.workspace import Workspace

OVER = ("finished", "failed", "stopped")


def find_states(workspace: Workspace, rows: Iterable[Row]) -> dict[str, RunState]:
    """The state of each run: what is final is known already, the rest is asked, one request for each target and home."""
    result: dict[str, RunState] = {}
    asked: dict[tuple[str, str | None], list[Row]] = {}
    for row in rows:
        if row.run_state.is_final:
            result[row.run_id] = row.run_state
        else:
            asked.setdefault(workspace.place_of(row), []).append(row)
    for group in asked.values():
        answers = workspace.ask(group[0], op="state", run_ids=[row.run_id for row in group])
        result |= {row.run_id: _completed(workspace, row, state_of(answers[row.run_id])) for row in group}
    return result


def get_state(workspace: Workspace, row: Row) -> RunState:
    """The state of one run with its whole record, which the index does not hold."""
    return _completed(workspace, row, state_of(workspace.ask(row, op="state", run_ids=[row.run_id])[row.run_id]))


def put_away(workspace: Workspace, row: Row, state: RunState) -> None:
    """Does what a launch or a supervisor that was killed after the start had left to do: it closes the journal, and puts the
    outcome into the repository."""
    if state.state in ("running", "lost", *OVER):
        workspace.journal(row.run_id).close()
    if state.state in OVER and workspace.shared_outcome(row.run_id) is None:
        workspace.ask(row, op="publish", run_id=row.run_id, git_dir=workspace.repository.common_dir)


def _completed(workspace: Workspace, row: Row, state: RunState) -> RunState:
    """A run without a folder here has ended elsewhere, or its folder was removed; only what nothing speaks for never started."""
    if state.state != "unstarted":
        return state
    shared = workspace.shared_outcome(row.run_id)
    if shared is not None:
        return shared
    journal = workspace.journal(row.run_id)
    if state.reason == NO_FOLDER and journal.find("submit"):
        return RunState("lost", "its folder is gone")
    if not journal.exists():
        return RunState("unknown", "it was launched elsewhere, and its outcome is not here")
    return state
