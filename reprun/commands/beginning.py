"""The beginning of a launch: its name, its first line in the journal, and a word to the target ahead of time."""

from __future__ import annotations

from reprun.commands.records import spec_data
from reprun.core.outcome import RunState
from reprun.core.spec import Attempt, Job, RunSpec
from reprun.runner.identity import own
from reprun.schedulers.base import SOCKET, Submission
from reprun.system.clock import iso_now, new_run_id
from reprun.workspace import Workspace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from reprun.targets import Target


def begin(workspace: Workspace, spec: RunSpec) -> Attempt:
    """Names the run and writes down what was asked for, before anything is done about it."""
    asked = workspace.repository.asked
    run_id = asked.early.pop() if asked is not None and asked.early else new_run_id()
    workspace.journal(run_id).write("begin", created=iso_now(), spec=spec_data(spec), process=own())
    return Attempt(run_id, first=True)


def warm(workspace: Workspace, target: Target, spec: RunSpec, attempt: Attempt) -> None:
    """Lets the target begin with what does not depend on the snapshot.

    Only at the first attempt: an earlier try may have left its plan, and a supervisor that comes early would start it at once. A
    run that will wait in the queue gets no supervisor now.
    """
    if attempt.first:
        about = {"key": workspace.key, "object_format": workspace.repository.object_format}
        ahead = {"run_id": attempt.run_id} if spec.queue else submission_of(target, attempt.run_id)
        target.host.warm({**about, **ahead})


def submission_of(target: Target, run_id: str) -> dict[str, Any]:
    """What the host needs to hand a run to its scheduler."""
    words = target.scheduler.submit(Submission(run_id, SOCKET))
    return {"run_id": run_id, "submit": words, "python": target.host.python()}


def entry_into_queue(workspace: Workspace, target: Target, spec: RunSpec) -> dict[str, Any]:
    """What makes of a start an entry in the queue; nothing for a run that starts at once."""
    if not spec.queue:
        return {}
    from reprun.commands.queue_entry import ensure_slots, entry_of

    ensure_slots(workspace, target)
    return {"queue": entry_of(workspace, spec)}


def queued_job(run_id: str, run_dir: str, state: RunState, position: object) -> Job:
    """What a queued launch comes to: it is started by a worker, and not by the scheduler, so it has no session."""
    place = f"position {position}" if state.state == "queued" and position else ""
    return Job(run_id, run_dir, "", (), state.state, state.reason or place)
