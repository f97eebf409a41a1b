"""Waiting for runs to end, and ending them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from reprun.commands.backup import back_up
from reprun.commands.launch import Tell, ignore
from reprun.commands.states import learned, look, put_away
from reprun.core.errors import ReprunError
from reprun.core.outcome import RunState, state_of
from reprun.repo import refs
from reprun.store.rows import Row
from reprun.system.clock import pause
from reprun.workspace import Workspace

_FIRST, _SLOWEST, _SLOWEST_FAR = 0.005, 0.5, 2.0
_FIRST_CUT, _SLOWEST_CUT = 1.0, 30.0  # a host that refuses us must not take us for an attack
_PUBLISHED = 1.0  # seconds
_PATIENCE = 20.0  # seconds that a host waits for the end of a run before it says that there is none
_SLOWEST_WOKEN = 0.1


def wait(workspace: Workspace, row: Row, tell: Tell = ignore) -> RunState:
    """Blocks until the run is over, with its end where a `git push` finds it, or surely will not start by itself."""
    return wait_for(workspace, [row], tell)[row.run_id]


def wait_for(workspace: Workspace, rows: Sequence[Row], tell: Tell = ignore) -> dict[str, RunState]:
    """The ends of the runs, in their order. A host that cannot be reached is tried again until it can, and `tell` hears of it.

    Raises `UsageError` for a run on a target that nobody describes any more.
    """
    for row in rows:
        workspace.target(workspace.watched_place_of(row)[0])
    ends: dict[str, RunState] = {}
    unstarted = {row.run_id: 0 for row in rows}
    rhythm = _Rhythm(all(workspace.is_here(row) for row in rows), tell)
    while True:
        states = look(workspace, [row for row in rows if row.run_id not in ends])
        for run_id, state in states.items():
            unstarted[run_id] = unstarted[run_id] + 1 if state.state == "unstarted" and state.link == "ok" else 0
            if state.is_final or state.state == "unknown" or unstarted[run_id] > 20:
                ends[run_id] = state
        if len(ends) == len(unstarted):
            break
        far = (row for row in rows if row.run_id not in ends and not workspace.is_here(row))
        rhythm.rest(workspace, next((row for row in far if _is_running(states[row.run_id])), None))
    for row in rows:
        if workspace.is_here(row):
            if ends[row.run_id].state == "canceled":
                put_away(workspace, row, ends[row.run_id])  # no supervisor has published it
            _await_publication(workspace, row.run_id, ends[row.run_id])
    back_up(workspace)
    return {row.run_id: ends[row.run_id] for row in rows}


class _Rhythm:
    """The pauses between two looks: growing, longer over a link, and longest while a host cannot be reached."""

    def __init__(self, is_here: bool, tell: Tell) -> None:
        self.slowest, self.tell = _SLOWEST if is_here else _SLOWEST_FAR, tell
        self.delay = _FIRST
        self.broken: set[str] = set()

    def rest(self, workspace: Workspace, running: Row | None) -> None:
        """Pauses, until the end of the run that is `running` on a host at most; before that it tells of links that have broken or
        came back."""
        broken = {error.message for error in workspace.troubles}
        workspace.troubles.clear()
        for message in sorted(broken - self.broken):
            self.tell(f"{message}; it is tried again, and what runs there goes on")
        if self.broken and not broken:
            self.tell("all hosts answer again")
        if bool(broken) != bool(self.broken):
            self.delay = _FIRST_CUT if broken else _FIRST
        self.broken = broken
        pause(self.delay)
        if running and not broken:
            self.delay = min(self.delay * 1.3, _SLOWEST_WOKEN)
            with suppress(ReprunError):  # the next look will see what is wrong
                workspace.ask(running, op="follow", run_id=running.run_id, offsets={}, limit=0, seconds=_PATIENCE)
            return
        self.delay = min(self.delay * 2, _SLOWEST_CUT) if broken else min(self.delay * 1.3, self.slowest)


def _is_running(state: RunState) -> bool:
    return state.state in ("running", "starting") and state.link == "ok"


def _await_publication(workspace: Workspace, run_id: str, state: RunState) -> None:
    """The supervisor publishes an outcome right after it has written it; where it cannot, nobody waits for long."""
    waited, delay = 0.0 if state.record and state.state != "lost" else _PUBLISHED, _FIRST
    while waited < _PUBLISHED and not refs.find_ref(workspace.repository, refs.OUTCOMES + run_id):
        pause(delay)
        waited, delay = waited + delay, delay * 1.3


def leave_queue(workspace: Workspace, row: Row) -> RunState:
    """Takes a run out of the queue; answers with its state afterwards. One that has begun meanwhile goes on."""
    workspace.ask(row, op="queue", do="rm", runs=[row.run_id])
    state = look(workspace, [row])[row.run_id]
    put_away(workspace, row, state)
    return learned(workspace, row, state)


def stop(workspace: Workspace, row: Row, grace: float) -> RunState:
    """TERM, `grace` seconds, KILL for the run's whole process group; answers with the state afterwards."""
    return learned(workspace, row, state_of(workspace.ask(row, op="stop", run_id=row.run_id, grace=grace)))
