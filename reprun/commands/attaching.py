"""The way to a run's session."""

from __future__ import annotations

from reprun.core.errors import RefusedError
from reprun.runner.paths import Home, home
from reprun.schedulers.base import Submission
from reprun.store.rows import Row
from reprun.system.process import run
from reprun.workspace import Workspace


def attach_words(workspace: Workspace, row: Row) -> list[str]:
    """The command that shows the session of a run in this terminal. Raises `RefusedError` when the session is gone."""
    name, place = workspace.place_of(row)
    target = workspace.target(name)
    submission = Submission(row.run_id, Home(place or home()).socket())
    if run(target.host.attach(target.scheduler.look(submission)), check=False).returncode:
        raise RefusedError(
            f"the session of {row.run_id} is gone; the run goes on without it", hint=f"reprun logs -f {row.run_id}"
        )
    return target.host.attach(target.scheduler.attach(submission))
