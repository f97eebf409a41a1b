"""A launch, from top to bottom. `resume`, `reproduce` and whatever comes later start jobs through here and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from reprun.commands.beginning import begin, warm
from reprun.core.frozen import dataclass
from reprun.core.spec import Attempt, Job, RunSpec, Snapshot, Worktree
from reprun.workspace import Workspace

Tell = Callable[[str], None]


def ignore(text: str) -> None:
    """Hears nothing."""


@dataclass(frozen=True)
class Launched:
    """A launched run and the receipts of its steps."""

    run_id: str
    name: str
    target: str
    snapshot: Snapshot
    worktree: Worktree
    job: Job
    retries: tuple[str, ...] = ()  # further attempts, which are queued behind it


def launch(workspace: Workspace, spec: RunSpec, run_id: str = "", tell: Tell = ignore) -> Launched:
    """Runs `spec` once. With `run_id` an interrupted launch is carried on: every step finds what an earlier try left.

    `tell` hears what is being done, for people who wait.
    Raises the errors of its steps; from the first journal line on each of them names the run and the command to go on with.
    """
    target = workspace.target(spec.target)
    target.host.connect()
    attempt = Attempt(run_id, first=False) if run_id else begin(workspace, spec)
    if "rehearsal" not in spec.preflight:  # then the start is far away
        warm(workspace, target, spec, attempt)
    from reprun.commands import steps  # loaded while the target warms up
    from reprun.preflight.clearing import clear

    hooks = steps.find_hooks(workspace)
    with steps.explained(workspace, target, attempt):
        snapshot, prepared = steps.ensure_prepared(workspace, target, spec, (attempt, hooks), tell)
        cleared = clear(attempt, spec, prepared)
        if "rehearsal" in spec.preflight:
            from reprun.commands.rehearsing import Stage, rehearse

            prepared = rehearse(workspace, spec, Stage(attempt, snapshot, prepared), tell)
            cleared = clear(attempt, spec, prepared)
        workspace.notes.extend(f"{found.check}: {found.message}; {found.hint}" for found in cleared.warnings)
        sealed = steps.ensure_manifest(workspace, target, spec, snapshot, prepared, cleared)
        with _spares(workspace, spec, attempt, tell) as retries:
            tell("entering the queue" if spec.queue else "starting the job")
            job = steps.start(workspace, target, spec, prepared, sealed)
        steps.remember(workspace, target, spec, sealed)
    if hooks is not None:
        hooks.after(spec, snapshot, job)
    if workspace.settings.push:
        from reprun.commands.backup import back_up

        back_up(workspace)
    tree = prepared["worktree"]
    return Launched(attempt.run_id, spec.name, target.name, snapshot, Worktree(tree["path"], tree["store"]), job, tuple(retries))


def _spares(workspace: Workspace, spec: RunSpec, attempt: Attempt, tell: Tell) -> AbstractContextManager[list[str]]:
    """What stands in for a run if it fails. It is queued before it: a launch that is killed in between has started nothing."""
    if not spec.queue.get("retries"):
        return nullcontext([])
    from reprun.commands.retrying import spares_before

    return spares_before(workspace, attempt, tell)
