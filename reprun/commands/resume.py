"""Carrying on with a launch that was interrupted: the same launch again, whose steps find what is there."""

from __future__ import annotations

from reprun.commands.launch import Launched, Tell, ignore, launch
from reprun.commands.mending import mended
from reprun.commands.records import spec_from_manifest
from reprun.commands.states import get_state, put_away, require_link
from reprun.commands.steps import get_spec
from reprun.core.errors import NotFoundError, RefusedError
from reprun.core.frozen import replace
from reprun.core.outcome import RunState
from reprun.core.spec import RunSpec
from reprun.core.text import show
from reprun.repo.mend import mend_branch
from reprun.store.rows import Row
from reprun.workspace import Workspace


def resume(workspace: Workspace, row: Row, tell: Tell = ignore) -> Launched | RunState:
    """Starts the run if it never started, once; else answers with its state and does nothing.

    Raises `RefusedError` when the launch was interrupted before its snapshot: the tree may be another one now. And
    `UnreachableError` when the host cannot be asked whether it has started.
    """
    mend_branch(workspace.repository)
    state = require_link(workspace, row, get_state(workspace, row), "reprun resume")
    put_away(workspace, row, state)
    if state.state in ("lost", "unknown"):
        raise RefusedError(
            f"{row.run_id} is {state.words}: it may have run, and is not started again", hint=f"reprun reproduce {row.run_id}"
        )
    if state.state != "unstarted":
        _mend(workspace, row.run_id)
        if state.state == "queued":
            workspace.ask(row, op="enqueue", entries=[])  # nobody enters: it starts the worker where that was killed
            from reprun.commands.retrying import ensure_spares

            ensure_spares(workspace, row.run_id, tell)
        return state
    spec = _spec(workspace, row.run_id)
    if spec.sweep.get("lead") is True:
        raise RefusedError(
            f"{row.run_id} stood for a sweep that was interrupted before its tasks were queued; nothing ran",
            hint=f"reprun sweep {show(str(spec.sweep.get('file', 'FILE')))} carries on, and takes this one back",
        )
    if workspace.snapshot(row.run_id) is None and not spec.commit:
        raise RefusedError(
            f"the launch of {row.run_id} was interrupted before its snapshot, and the tree may have changed since; nothing ran",
            hint="launch again; reprun gc --yes forgets this one",
        )
    _mend(workspace, row.run_id)
    return launch(workspace, _as_sealed(workspace, spec, row.run_id), row.run_id, tell)


def _mend(workspace: Workspace, run_id: str) -> None:
    """Puts back a damaged copy of the manifest. A launch that has none yet needs none; `launch` judges a lost one."""
    try:
        mended(workspace, run_id)
    except NotFoundError:
        return


def _as_sealed(workspace: Workspace, spec: RunSpec, run_id: str) -> RunSpec:
    """With the variables of the manifest, where there is one: what is looked for now is what the job will find.

    A manifest that was sealed ahead may be withdrawn, see commands/ahead.py: it has not been compared with what the host says.
    """
    from reprun.commands.ahead import foreseen_by

    if foreseen_by(workspace, run_id):
        return spec
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
        manifest = workspace.manifest(run_id)
        return replace(spec_from_manifest(manifest), queue=dict(manifest.table("run").get("queue", {})))
    except NotFoundError as error:
        raise RefusedError(
            f"nothing is written down about what {run_id} was asked to do, and nothing ran",
            hint="launch again; reprun gc --yes forgets this one",
        ) from error
