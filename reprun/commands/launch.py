"""A launch, from top to bottom. `resume`, `reproduce` and whatever comes later start jobs through here and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass

from reprun.commands import steps
from reprun.core.spec import Job, RunSpec, Snapshot, Worktree
from reprun.preflight.base import clear
from reprun.workspace import Workspace


@dataclass(frozen=True)
class Launched:
    """A launched run and the receipts of its steps."""

    run_id: str
    name: str
    snapshot: Snapshot
    worktree: Worktree
    job: Job


def launch(workspace: Workspace, spec: RunSpec, run_id: str = "") -> Launched:
    """Runs `spec` once. With `run_id` an interrupted launch is carried on: every step finds what an earlier try left.

    Raises the errors of its steps; from the first journal line on each of them names the run and the command to go on with.
    """
    target = workspace.target(spec.target)
    run_id = run_id or steps.begin(workspace, spec)
    with steps.explained(workspace, run_id):
        snapshot = steps.ensure_snapshot(workspace, spec, run_id)
        prepared = steps.prepare(workspace, target, spec, snapshot, run_id)
        cleared = clear(run_id, spec, prepared)
        sealed = steps.ensure_manifest(workspace, target, spec, snapshot, prepared, cleared)
        job = steps.start(workspace, target, spec, prepared, sealed)
    steps.remember(workspace, sealed, job)
    tree = prepared["worktree"]
    return Launched(run_id, spec.name, snapshot, Worktree(tree["path"], tree["store"]), job)
