"""Carrying on with a launch that was interrupted: the same launch again, whose steps find what is there."""

from __future__ import annotations

from reprun.commands.launch import Launched, launch
from reprun.commands.records import spec_from_manifest
from reprun.commands.states import get_state
from reprun.commands.steps import get_spec
from reprun.core.errors import NotFoundError, RefusedError
from reprun.core.frozen import replace
from reprun.core.outcome import RunState
from reprun.core.spec import RunSpec
from reprun.store.rows import Row
from reprun.workspace import Workspace


def resume(workspace: Workspace, row: Row) -> Launched | RunState:
    """Starts the run if it never started, once; else answers with its state and does nothing.

    Raises `RefusedError` when the launch was interrupted before its snapshot: the tree may be another one now.
    """
    state = get_state(workspace, row)
    if state.state == "lost":
        raise RefusedError(
            f"{row.run_id} is {state.words}: it may have run, and is not started again", hint=f"reprun reproduce {row.run_id}"
        )
    if state.state != "unstarted":
        return state
    spec = _spec(workspace, row.run_id)
    if workspace.snapshot(row.run_id) is None and not spec.commit:
        raise RefusedError(
            f"the launch of {row.run_id} was interrupted before its snapshot, and the tree may have changed since; nothing ran",
            hint="launch again; reprun gc --yes forgets this one",
        )
    return launch(workspace, _as_sealed(workspace, spec, row.run_id), row.run_id)


def _as_sealed(workspace: Workspace, spec: RunSpec, run_id: str) -> RunSpec:
    """With the variables of the manifest, where there is one: what is looked for now is what the job will find."""
    try:
        values = workspace.manifest(run_id).table("variables").get("values", {})
    except NotFoundError:
        return spec
    return replace(spec, variables={**spec.variables, **values})


def _spec(workspace: Workspace, run_id: str) -> RunSpec:
    """What was asked for: from the journal, else from the manifest. Raises `RefusedError` when neither can say it."""
    try:
        return get_spec(workspace, run_id)
    except NotFoundError:
        pass
    try:
        return spec_from_manifest(workspace.manifest(run_id))
    except NotFoundError as error:
        raise RefusedError(
            f"nothing is written down about what {run_id} was asked to do, and nothing ran",
            hint="launch again; reprun gc --yes forgets this one",
        ) from error
