"""The way to a run's session."""

from __future__ import annotations

from reprun.runner.paths import Home, home
from reprun.schedulers.base import Submission
from reprun.store.rows import Row
from reprun.workspace import Workspace


def attach_words(workspace: Workspace, row: Row) -> list[str]:
    """The command that shows the session of a run in this terminal."""
    target = workspace.target(row.target or "local")
    return target.host.attach(target.scheduler.attach(Submission(row.run_id, Home(home()).socket())))
