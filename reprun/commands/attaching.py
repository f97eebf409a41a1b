"""The way to a run's session."""

from __future__ import annotations

from reprun.core.errors import RefusedError
from reprun.schedulers.base import SOCKET, Submission
from reprun.store.rows import Row
from reprun.workspace import Workspace


def attach_words(workspace: Workspace, row: Row) -> list[str]:
    """The command that shows the session of a run in this terminal. Raises `RefusedError` when the session is gone."""
    target = workspace.target(workspace.place_of(row)[0])
    answer = workspace.ask(row, op="session", run_id=row.run_id, look=target.scheduler.look(Submission(row.run_id, SOCKET)))
    if not answer["there"]:
        raise RefusedError(
            f"the session of {row.run_id} is gone; the run goes on without it", hint=f"reprun logs -f {row.run_id}"
        )
    return target.host.attach(target.scheduler.attach(Submission(row.run_id, str(answer["socket"]))))
