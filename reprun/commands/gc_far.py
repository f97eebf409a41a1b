"""What nothing needs any more on another machine, as far as this repository put it there; and its removal."""

from __future__ import annotations

from reprun.commands.gc import Collected, Rubbish, dead_launches, forget_launches, list_there, remove_there, survey_there
from reprun.repo import refs
from reprun.workspace import Workspace


def collect_far(workspace: Workspace, target: str, keep: int, remove: bool, packages: bool = False) -> Collected:
    """Lists spare worktrees, leftovers of killed processes, runs that were prepared and then forgotten, and kept commits of
    runs that are gone. Removes them only when `remove` is set. Raises `UnreachableError` when the host cannot be asked."""
    host = workspace.target(target).host
    answer = survey_there(workspace, host, keep, packages)
    # Looked at after the host: a launch makes its journal and its ref here first, so what is known there and not here is gone.
    known = {name.removeprefix(refs.RUNS) for name, _ in refs.list_refs(workspace.repository, refs.RUNS)}
    gone = [run_id for run_id in answer["refs"] if run_id not in known]
    forgotten = [one for one in answer["unstarted"] if one not in known and not workspace.journal(one).exists()]
    dead = [run_id for run_id in dead_launches(workspace) if _target(workspace, run_id) == target]
    found = list_there(answer)
    found += [Rubbish("interrupted launch", run_id) for run_id in [*forgotten, *dead]]
    found += [Rubbish("commit of a run that is gone", refs.RUNS + run_id) for run_id in gone]
    if not remove or not found:
        return Collected(found)
    removed = remove_there(workspace, host, answer, runs=[*forgotten, *dead], refs=gone)
    forget_launches(workspace, dead)
    workspace.record()
    return Collected(found, [*removed, *dead])


def _target(workspace: Workspace, run_id: str) -> str:
    spec = (workspace.journal(run_id).find("begin") or {}).get("spec")
    return str(spec.get("target", "")) if isinstance(spec, dict) else ""
