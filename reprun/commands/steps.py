"""The steps of a launch. Each may be done twice: its effects are named by the run id or by a digest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from reprun.commands.records import Sealed, manifest_data, plan_of, spec_data
from reprun.core.errors import NotFoundError, RefusedError, ReprunError, ToolError
from reprun.core.manifest import Manifest
from reprun.core.outcome import state_of
from reprun.core.spec import Attempt, Job, RunSpec, Snapshot
from reprun.repo import refs
from reprun.repo.snapshot import Wish, take_snapshot
from reprun.runner.identity import own
from reprun.schedulers.base import SOCKET, Submission
from reprun.store.manifests import parse_manifest, render_manifest
from reprun.system.clock import iso_now, new_run_id
from reprun.workspace import Workspace

if TYPE_CHECKING:
    from reprun.preflight.base import Cleared
    from reprun.targets import Target


def begin(workspace: Workspace, spec: RunSpec) -> Attempt:
    """Names the run and writes down what was asked for, before anything is done about it."""
    run_id = new_run_id()
    workspace.journal(run_id).write("begin", created=iso_now(), spec=spec_data(spec), process=own())
    return Attempt(run_id, first=True)


@contextmanager
def explained(workspace: Workspace, attempt: Attempt) -> Iterator[None]:
    """Adds to every error whether something may be running and which command goes on.

    What is refused at the first attempt leaves nothing behind; a launch that is carried on is never forgotten.
    """
    try:
        yield
    except RefusedError:
        if attempt.first:
            forget(workspace, attempt.run_id)
        raise
    except ReprunError as error:
        again = f"reprun resume {attempt.run_id}"
        if again not in error.hint:
            error.hint = "; ".join(part for part in (error.hint, f"nothing is running yet, to go on: {again}") if part)
        raise


def forget(workspace: Workspace, run_id: str) -> None:
    """Takes back a run that was refused: its refs, its journal, its empty folder."""
    refs.delete_refs(workspace.repository, run_id)
    workspace.target("local").host.ask({"op": "remove", "key": workspace.key, "runs": [run_id]})
    workspace.journal(run_id).remove()


def ensure_snapshot(workspace: Workspace, spec: RunSpec, attempt: Attempt) -> Snapshot:
    """The commit to run: the one that is recorded, or the dev tree as it stands now."""
    run_id, repository = attempt.run_id, workspace.repository
    journal = workspace.journal(run_id)
    known = None if attempt.first else workspace.snapshot(run_id)
    if known is not None:
        receipt = journal.find("snapshot")
        return Snapshot(**receipt["snapshot"]) if receipt else known
    if spec.commit:
        tree = refs.get_tree(repository, spec.commit)
        ref = refs.create_ref(repository, refs.run_ref(run_id), spec.commit)
        snapshot = Snapshot(spec.commit, tree, "", "", ref, dirty=False)
    else:
        settings = workspace.settings
        snapshot = take_snapshot(repository, Wish(run_id, settings.auto_commit, settings.require_clean, spec.name))
    journal.write("snapshot", snapshot=vars(snapshot))
    return snapshot


def prepare(workspace: Workspace, target: Target, spec: RunSpec, snapshot: Snapshot, run_id: str) -> dict[str, Any]:
    """Lets the target make the worktree and tell what the manifest has to say of it."""
    repository = workspace.repository
    return target.host.ask(
        {
            "op": "prepare",
            "run_id": run_id,
            "key": workspace.key,
            "objects": refs.objects_dir(repository),
            "object_format": repository.object_format,
            "commit": snapshot.commit,
            "cwd": spec.cwd,
            "argv": list(spec.argv),
            "writable": list(spec.writable),
            "variables": spec.variables,
            "pass_env": list(workspace.settings.pass_env),
            "gpus": spec.gpus,
            "data": list(spec.data),
            "data_base": repository.top,
        }
    )


def ensure_manifest(
    workspace: Workspace, target: Target, spec: RunSpec, snapshot: Snapshot, prepared: Mapping[str, Any], cleared: Cleared
) -> Sealed:
    """Seals the manifest and keeps it in the object database; one that is there already is final and is used as it is."""
    repository, run_id = workspace.repository, cleared.attempt.run_id
    ref = refs.MANIFESTS + run_id
    blob = None if cleared.attempt.first else refs.find_ref(repository, ref)
    text = next(refs.read_blobs(repository, [blob]), None) if blob else None
    if text is not None:
        return Sealed(parse_manifest(text, run_id), text.decode(), cleared)
    data = manifest_data(spec, snapshot, prepared, cleared, target)
    text = render_manifest(data).encode()
    refs.create_ref(repository, ref, refs.write_blob(repository, text))
    workspace.journal(run_id).write("sealed", ref=ref)
    return Sealed(Manifest(data), text.decode(), cleared)


def start(workspace: Workspace, target: Target, spec: RunSpec, prepared: Mapping[str, Any], sealed: Sealed) -> Job:
    """Hands the run to the target's scheduler. The target starts it once, however often it is asked."""
    run_id, journal = sealed.manifest.run_id, workspace.journal(sealed.manifest.run_id)
    journal.write("submit", run_dir=prepared["run_dir"])  # from here on it may have started, whatever else is lost
    config = {"name": f"config.{spec.config.format}", "text": spec.config.text} if spec.config else None
    answer = target.host.ask(
        {
            "op": "start",
            "manifest": sealed.text,
            "config": config,
            "plan": plan_of(workspace, spec, prepared, sealed),
            **submission_of(target, run_id),
        }
    )
    state = state_of(answer)
    if state.state == "unstarted":
        raise ToolError(
            f"{target.scheduler.name} took the run, but its supervisor did not appear", hint=f"reprun resume {run_id}"
        )
    if state.state not in ("unstarted", "starting"):
        journal.close()
    shown = Submission(run_id, prepared["socket"])
    attach = tuple(target.host.attach(target.scheduler.attach(shown)))
    return Job(run_id, prepared["run_dir"], target.scheduler.session(shown), attach, state.state)


def submission_of(target: Target, run_id: str) -> dict[str, Any]:
    """What the host needs to hand a run to its scheduler."""
    words = target.scheduler.submit(Submission(run_id, SOCKET))
    return {"run_id": run_id, "submit": words, "python": target.host.python()}


def remember(workspace: Workspace, spec: RunSpec, sealed: Sealed) -> None:
    """Adds the run to the index."""
    from reprun.core.dotted import flatten
    from reprun.store.rows import flat_json, row_of

    values = flat_json(flatten(spec.config.values)) if spec.config else "{}"
    workspace.note(row_of(sealed.manifest, values))


def get_spec(workspace: Workspace, run_id: str) -> RunSpec:
    """What an interrupted launch was asked for. Raises `NotFoundError` when its journal does not say."""
    from reprun.commands.records import spec_from_data

    receipt = workspace.journal(run_id).find("begin")
    if receipt is None:
        raise NotFoundError(f"nothing is written down about the launch of {run_id}", hint="reprun ls")
    return spec_from_data(receipt["spec"])
