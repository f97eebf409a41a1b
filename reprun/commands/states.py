"""The state of runs as it is now: asked where they run, completed by what else is known of them."""

from __future__ import annotations

from collections.abc import Iterable

from reprun.commands.asking import Heard, hear
from reprun.commands.unheard import unasked, unheard
from reprun.core.errors import RefusedError, ReprunError, UnreachableError
from reprun.core.outcome import RunState, Sighting
from reprun.runner.state import NO_FOLDER
from reprun.store.journal import Journal
from reprun.store.rows import Row
from reprun.system.clock import now_seconds
from reprun.workspace import Workspace

OVER = ("finished", "failed", "stopped", "canceled")
FOLDER_GONE = "its folder is gone"
_DOUBTFUL = ("unstarted", "lost", "unknown")  # what a machine says of a run that was never there


def find_states(workspace: Workspace, rows: Iterable[Row], offline: bool = False) -> dict[str, RunState]:
    """The state of each run: what is final is known already, the rest is asked, one request for each host and home.

    With `offline` only this machine is asked.
    """
    result: dict[str, RunState] = {}
    asked: list[Row] = []
    for row in rows:
        if row.run_state.is_final:
            result[row.run_id] = row.run_state
        else:
            asked.append(row)
    known = unasked(workspace, asked, offline)
    return result | known | look(workspace, [row for row in asked if row.run_id not in known])


def get_state(workspace: Workspace, row: Row) -> RunState:
    """The state of one run with its whole record, which the index does not hold."""
    if row.run_state.is_final and not workspace.is_here(row):
        shared = workspace.shared_outcome(row.run_id)
        if shared is not None:
            if workspace.journal(row.run_id).exists():
                workspace.seen.setdefault(row.run_id, (row, shared))
            return shared
    return look(workspace, [row])[row.run_id]


def look(workspace: Workspace, rows: Iterable[Row]) -> dict[str, RunState]:
    """Asks for the state of each run. Of what is on other machines it is remembered what was seen, and outcomes are kept."""
    rows = list(rows)
    heard = hear(workspace, rows)
    result = unheard(workspace, [row for row in rows if heard[row.run_id].trouble is not None])
    told = {row.run_id: heard[row.run_id].states[row.run_id] for row in rows if row.run_id not in result}
    shared = workspace.shared_outcomes([run_id for run_id, state in told.items() if state.state == "unstarted"])
    for row in rows:
        if row.run_id in told:
            result[row.run_id] = shared.get(row.run_id) or _judged(workspace, row, told[row.run_id], heard[row.run_id])
    far = [row for row in rows if not heard[row.run_id].is_here and heard[row.run_id].trouble is None]
    if far:
        _remember(workspace, far, result)
    workspace.ended.update((run_id, state) for run_id, state in result.items() if state.is_final)
    for one in heard.values():
        if one.trouble is not None and one.trouble not in workspace.troubles:
            workspace.troubles.append(one.trouble)
    return result


def require_link(workspace: Workspace, row: Row, state: RunState, again: str = "") -> RunState:
    """The state, where it was heard. Raises the error of the link where it was not: what happens there is unknown, not over.

    `again` is the command to type then, without the run.
    """
    if state.link == "ok" or state.state == "unstarted" or state.is_final:
        return state
    error = workspace.troubles.pop() if workspace.troubles else UnreachableError(f"the target {row.target} was not asked")
    parts = (error.hint, f"{row.run_id} is {state.words}", f"once it answers: {again} {row.run_id}" if again else "")
    error.hint = "; ".join(part for part in parts if part)
    raise error


def require_own(workspace: Workspace, row: Row) -> None:
    """Raises `RefusedError` for a run on another machine that this repository has only heard of: it can be watched from here."""
    if workspace.is_here(row) or workspace.journal(row.run_id).exists():
        return
    raise RefusedError(
        f"{row.run_id} was launched from another repository: it can be watched from here, and no more",
        hint=f"reprun import --from {row.target}   if it is yours",
    )


def put_away(workspace: Workspace, row: Row, state: RunState) -> None:
    """Does what a launch or a supervisor that was killed after the start had left to do: it closes the journal, and puts the
    outcome into the repository."""
    if state.state in ("queued", "running", "lost", *OVER) and state.link == "ok":
        workspace.journal(row.run_id).close()
    if state.state in OVER and workspace.is_here(row) and workspace.shared_outcome(row.run_id) is None:
        workspace.ask(row, op="publish", run_id=row.run_id, git_dir=workspace.repository.common_dir)


def learned(workspace: Workspace, row: Row, state: RunState) -> RunState:
    """The state that an action on a run has brought, remembered like one that was looked at."""
    if not workspace.is_here(row):
        _remember(workspace, [row], {row.run_id: state})
    if state.is_final:
        workspace.ended[row.run_id] = state
    return state


def _remember(workspace: Workspace, rows: Iterable[Row], states: dict[str, RunState]) -> None:
    from reprun.commands.keeping import keep_outcomes

    rows, now = list(rows), now_seconds()
    kept = keep_outcomes(workspace, [(row, states[row.run_id]) for row in rows])
    seen: dict[str, Sighting] = {}
    for row in rows:
        state = states[row.run_id]
        if (
            row.run_id not in kept
            and state.state in ("queued", "starting", "running", "lost", *OVER)
            and state.reason != FOLDER_GONE
        ):
            seen[row.run_id] = Sighting(state.state, state.reason, state.exit_code, now, state.has_outcome)
    workspace.sightings.add(seen, kept)


def _judged(workspace: Workspace, row: Row, state: RunState, heard: Heard) -> RunState:
    """What is believed of what a machine said. A run without a folder there was launched elsewhere, or its folder was removed;
    only what nothing speaks for never started."""
    if state.state not in _DOUBTFUL:
        return state
    journal = workspace.journal(row.run_id)
    if state.state == "unstarted" and not journal.exists():
        return RunState("unknown", "it was launched elsewhere, and its outcome is not here")
    other = _other_machine(workspace, row, heard)
    if other:
        return RunState("unknown", other)
    if state.state == "unstarted" and state.reason == NO_FOLDER and _had_folder(workspace, journal, heard):
        return RunState("lost", FOLDER_GONE)
    return state


def _had_folder(workspace: Workspace, journal: Journal, heard: Heard) -> bool:
    """Whether there was a folder for the run, or may have been. Of one whose start was sent ahead, and not heard of, there was
    none if the host stands as it stood then: what it takes in stays there."""
    if journal.find("submit") or journal.find("adopted"):
        return True
    ahead = journal.find("ahead")
    return ahead is not None and (ahead.get("standing") != heard.standing or journal.run_id in workspace.sightings.read())


def _other_machine(workspace: Workspace, row: Row, heard: Heard) -> str:
    """Why what this machine says is nothing about the run: it is not the one where the run was started."""
    recorded = workspace.journal(row.run_id).find("submit") or {}
    if not recorded.get("machine_id"):
        try:
            recorded = workspace.manifest(row.run_id).table("target")
        except ReprunError:
            return ""
    if not heard.machine_id or recorded.get("machine_id", heard.machine_id) in ("", heard.machine_id):
        return ""
    where = str(recorded.get("hostname", ""))
    names = f": {heard.hostname}, not {where}" if where not in ("", heard.hostname) else " or was set up anew"
    return f"{'this' if heard.is_here else heard.target} is another machine now{names}"
