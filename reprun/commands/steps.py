"""The steps of a launch. Each may be done twice: its effects are named by the run id or by a digest."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

from reprun.commands.beginning import entry_into_queue, queued_job, submission_of
from reprun.commands.preparing import prepare_locked
from reprun.commands.records import BEGUN, Sealed, manifest_data, plan_of
from reprun.commands.snapshotting import ensure_snapshot
from reprun.core.errors import NotFoundError, RefusedError, ReprunError, ToolError, UnreachableError, UsageError
from reprun.core.frozen import replace
from reprun.core.manifest import Manifest
from reprun.core.outcome import state_of
from reprun.core.spec import Attempt, Job, RunSpec, Snapshot
from reprun.core.text import show
from reprun.repo import refs
from reprun.repo.direct import has_ref
from reprun.repo.pruning import await_gc, has_all_objects, keep_blob
from reprun.schedulers.base import Submission
from reprun.store.manifests import parse_manifest, render_manifest
from reprun.system.process import beside
from reprun.workspace import Workspace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from reprun.commands.launch_hooks import LaunchHooks
    from reprun.preflight.base import Cleared
    from reprun.targets import Target


def find_hooks(workspace: Workspace) -> LaunchHooks | None:
    """The hooks that a launch meets; None where there are none."""
    if not workspace.repository.has_hooks():
        return None
    from reprun.commands.launch_hooks import LaunchHooks

    return LaunchHooks(workspace)


@contextmanager
def explained(workspace: Workspace, target: Target, attempt: Attempt) -> Iterator[None]:
    """Adds to every error whether something may be running and which command goes on.

    What is refused at the first attempt, given up with Ctrl-C, or fails before there is a snapshot to go on with, leaves nothing
    behind; a launch that is carried on is never forgotten, nor one that may have started.
    """
    try:
        yield
    except (RefusedError, UsageError):  # also an environment that cannot be solved
        if attempt.first:
            with suppress(UnreachableError):  # why it is refused is worth more than why it cannot be taken back
                forget(workspace, target, attempt.run_id)
        raise
    except KeyboardInterrupt:
        if attempt.first and not _was_told_to_start(workspace, attempt.run_id):
            with suppress(ReprunError, OSError):
                forget(workspace, target, attempt.run_id, asks=target.host.is_here)  # who gives up waits for no other machine
        raise
    except ReprunError as error:
        if attempt.first and _has_no_snapshot(workspace, attempt.run_id):
            with suppress(ReprunError):
                forget(workspace, target, attempt.run_id)
            error.hint = "; ".join(part for part in (error.hint, "nothing was started, launch again") if part)
            raise
        again = f"reprun resume {attempt.run_id}"
        if again not in error.hint:
            between = "\n" if "#" in error.hint else "; "  # a comment of a shell ends with its line
            told = isinstance(error, UnreachableError) and _was_told_to_start(workspace, attempt.run_id)
            what = "whether it runs is not known" if told else "nothing is running yet"
            error.hint = between.join(part for part in (error.hint, f"{what}, to go on: {again}") if part)
        raise


def _was_told_to_start(workspace: Workspace, run_id: str) -> bool:
    return any(line["step"] in ("ahead", "submit") for line in workspace.journal(run_id).read())


def _has_no_snapshot(workspace: Workspace, run_id: str) -> bool:
    try:
        return refs.find_ref(workspace.repository, refs.run_ref(run_id)) is None
    except ReprunError:
        return False


def forget(workspace: Workspace, target: Target, run_id: str, asks: bool = True) -> None:
    """Takes back a run that was refused: its refs, its journal, its empty folder, what its hooks said. Without `asks` what the
    target has of it is left to `gc`."""
    refs.delete_refs(workspace.repository, run_id)
    if os.path.isdir(os.path.join(workspace.repository.state_dir, "hooks")):  # whether or not the hooks are still there
        from reprun.hooks.marks import Marks

        Marks(workspace.repository.state_dir).forget(run_id)
    if asks:
        target.host.ask({"op": "remove", "key": workspace.key, "runs": [run_id]})
    workspace.journal(run_id).remove()


def ensure_prepared(
    workspace: Workspace, target: Target, spec: RunSpec, what: tuple[Attempt, LaunchHooks | None], tell: Callable[[str], None]
) -> tuple[Snapshot, dict[str, Any]]:
    """The snapshot and its worktree. A `git gc` that removed new objects before they hung on a ref is waited for, and the
    snapshot is taken again; all that is new in it is read for the worktree, so nothing can be missing unnoticed."""
    repository, (attempt, hooks) = workspace.repository, what
    can_repeat = attempt.first and not spec.commit and workspace.settings.auto_commit == "ref"
    for _ in range(3 if can_repeat else 1):
        commit = ""
        try:
            tell("taking the snapshot")
            snapshot = ensure_snapshot(workspace, spec, attempt, hooks.asking(spec, attempt, tell) if hooks else id)
            commit = snapshot.commit
            if not await_gc(repository) or has_all_objects(repository, commit):
                return snapshot, prepare_locked(workspace, target, spec, (attempt, snapshot), tell)
        except ToolError as error:
            lost = not has_all_objects(repository, commit) if commit else await_gc(repository) or "object" in error.message
            if not lost or not can_repeat:
                raise
        if can_repeat:
            refs.delete_refs(repository, attempt.run_id)
    raise RefusedError(
        f"git has removed objects of the snapshot of {attempt.run_id} while it was taken; nothing ran",
        hint="wait for git gc or git prune to end, then launch again",
    )


def ensure_manifest(
    workspace: Workspace, target: Target, spec: RunSpec, snapshot: Snapshot, prepared: Mapping[str, Any], cleared: Cleared
) -> Sealed:
    """Seals the manifest and keeps it in the object database; one that is there already is final and is used as it is."""
    if BEGUN in prepared:
        sealed: Sealed = replace(prepared[BEGUN].sealed, cleared=cleared)
    else:
        sealed = _seal(workspace, target, spec, snapshot, prepared, cleared)
    keep_environment(workspace, target, sealed.manifest.table("environment"))
    return sealed


def _seal(
    workspace: Workspace, target: Target, spec: RunSpec, snapshot: Snapshot, prepared: Mapping[str, Any], cleared: Cleared
) -> Sealed:
    repository, run_id = workspace.repository, cleared.attempt.run_id
    ref = refs.MANIFESTS + run_id
    blob = None if cleared.attempt.first else refs.find_ref(repository, ref)
    text = next(refs.read_blobs(repository.git, [blob]), None) if blob else None
    if text is not None:
        manifest = parse_manifest(text, run_id)
        check_machine(manifest, target, prepared)
        if not workspace.journal(run_id).digest():
            _remember_seal(workspace, run_id, text)
        return Sealed(manifest, text.decode(), cleared)
    return keep_manifest(workspace, make_manifest(target, spec, snapshot, prepared, cleared))


def keep_environment(workspace: Workspace, target: Target, environment: Mapping[str, Any]) -> None:
    """Keeps the list of what is installed that a manifest names, where nothing is locked. One that is known costs two looks."""
    digest = str(environment.get("capture", ""))
    path = os.path.join(workspace.repository.state_dir, "captures", digest)
    is_kept = not digest or (os.path.lexists(path) and has_ref(workspace.repository, refs.LOCKS + digest))
    if not is_kept or os.path.lexists(f"{path}.editable"):
        from reprun.commands.env_capture import keep_capture, note_dev_tree

        keep_capture(workspace, target.host, environment)
        if target.host.is_here:
            note_dev_tree(workspace, environment)


def make_manifest(target: Target, spec: RunSpec, snapshot: Snapshot, prepared: Mapping[str, Any], cleared: Cleared) -> Sealed:
    """The manifest, sealed and not kept yet."""
    data = manifest_data(spec, snapshot, prepared, cleared, target)
    return Sealed(Manifest(data), render_manifest(data), cleared)


def keep_manifest(workspace: Workspace, sealed: Sealed, **more: str) -> Sealed:
    """Keeps it in the object database; it is final then. The journal notes `more`."""
    run_id, text = sealed.manifest.run_id, sealed.text.encode()
    keep_blob(workspace.repository, refs.MANIFESTS + run_id, text)
    _remember_seal(workspace, run_id, text, **more)
    return sealed


def check_machine(manifest: Manifest, target: Target, prepared: Mapping[str, Any]) -> None:
    """A run starts on the machine of its manifest, or not at all."""
    sealed, now = manifest.table("target"), prepared["host"]
    if sealed.get("machine_id") in (None, "", now["machine_id"]):
        return
    raise RefusedError(
        f"{manifest.run_id} was prepared on {show(str(sealed.get('hostname')))}, and {target.name} leads to another machine now, "
        f"{show(now['hostname'])}; nothing ran",
        hint=f"reprun reproduce {manifest.run_id}",
    )


def _remember_seal(workspace: Workspace, run_id: str, text: bytes, **more: str) -> None:
    """By the digest this repository knows the manifest as its own: what comes by `git fetch` is a stranger's."""
    from reprun.store.manifests import digest_of

    workspace.journal(run_id).write("sealed", ref=refs.MANIFESTS + run_id, digest=digest_of(text), **more)


def start(workspace: Workspace, target: Target, spec: RunSpec, prepared: Mapping[str, Any], sealed: Sealed) -> Job:
    """Hands the run to the target's scheduler. The target starts it once, however often it is asked."""
    run_id, journal = sealed.manifest.run_id, workspace.journal(sealed.manifest.run_id)
    machine = {name: prepared["host"][name] for name in ("machine_id", "hostname")}
    journal.write("submit", run_dir=prepared["run_dir"], **machine)  # from here on it may have started, whatever else is lost
    answer = prepared[BEGUN].answer if BEGUN in prepared else None
    if answer is None:
        with beside(load_index):  # nobody waits for that, while the target starts the job
            answer = target.host.ask(start_request(workspace, target, spec, prepared, sealed))
    state = state_of(answer)
    if state.state == "unstarted":
        said = f"{target.scheduler.name} took the run, but its supervisor did not appear"
        raise ToolError(said, hint=f"reprun resume {run_id}")
    if state.state not in ("unstarted", "starting"):
        journal.close()
    if spec.queue:
        return queued_job(run_id, prepared["run_dir"], state, answer.get("position"))
    shown = Submission(run_id, prepared["socket"])
    attach = tuple(target.host.attach(target.scheduler.attach(shown)))
    return Job(run_id, prepared["run_dir"], target.scheduler.session(shown), attach, state.state)


def start_request(
    workspace: Workspace, target: Target, spec: RunSpec, prepared: Mapping[str, Any], sealed: Sealed
) -> dict[str, Any]:
    """What the host is told to start."""
    return {
        "op": "start",
        "manifest": sealed.text,
        "config": {"name": f"config.{spec.config.format}", "text": spec.config.text} if spec.config else None,
        "plan": plan_of(workspace, spec, prepared, sealed),
        **submission_of(target, sealed.manifest.run_id),
        **entry_into_queue(workspace, target, spec),
    }


def load_index() -> None:
    """What a launch needs when its job runs: it takes as long to load as the host to start a job."""
    import reprun.store.rows
    import reprun.store.scan  # noqa: F401


def remember(workspace: Workspace, target: Target, spec: RunSpec, sealed: Sealed) -> None:
    """Adds the run to the index, and what was read of the settings to its memo."""
    from reprun.core.dotted import flatten
    from reprun.store.rows import flat_json, row_of

    values = flat_json(flatten(spec.config.values)) if spec.config else "{}"
    workspace.note(row_of(sealed.manifest, values))
    workspace.remember_settings()
    if target.name == "local":
        from reprun.commands.early import note_local

        note_local(workspace.repository.state_dir, target.host.is_here and target.scheduler.name == "tmux")


def get_spec(workspace: Workspace, run_id: str) -> RunSpec:
    """What an interrupted launch was asked for. Raises `NotFoundError` when its journal does not say."""
    from reprun.commands.records import spec_from_data

    receipt = workspace.journal(run_id).find("begin")
    if receipt is None:
        raise NotFoundError(f"nothing is written down about the launch of {run_id}", hint="reprun ls")
    try:
        return spec_from_data(receipt["spec"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise NotFoundError(f"what is written down about the launch of {run_id} is damaged", hint="reprun ls") from error
