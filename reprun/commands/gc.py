"""What nothing needs any more, on the target and in the repository; and its removal when that is wished."""

from __future__ import annotations

from reprun.core.frozen import dataclass, field
from reprun.repo import refs
from reprun.repo.scratch import find_stale_scratch
from reprun.store.journal import list_open
from reprun.system.files import remove_file
from reprun.workspace import Workspace


@dataclass(frozen=True)
class Rubbish:
    """A thing that can go: a `kind` for people, what it is, and how many bytes that frees (0: not counted)."""

    kind: str
    what: str
    bytes: int = 0


@dataclass(frozen=True)
class Collected:
    """What was found, and what of it was removed."""

    found: list[Rubbish]
    removed: list[str] = field(default_factory=list)


def collect_garbage(workspace: Workspace, keep: int, remove: bool) -> Collected:
    """Lists spare worktrees (all but the `keep` newest that no unfinished run uses), leftovers of killed processes, and
    launches that were interrupted before their snapshot. Removes them only when `remove` is set. Runs are never removed."""
    host = workspace.target("local").host
    answer = host.ask({"op": "survey", "key": workspace.key, "keep": keep})
    scratch = find_stale_scratch(workspace.repository)
    dead = _dead_launches(workspace)
    found = [Rubbish("worktree", tree["path"], tree["bytes"]) for tree in answer["worktrees"]]
    found += [Rubbish("leftover", path) for path in [*answer["leftovers"], *scratch]]
    found += [Rubbish("interrupted launch", run_id) for run_id in dead]
    if not remove:
        return Collected(found)
    request = {
        "op": "remove",
        "key": workspace.key,
        "worktrees": [tree["name"] for tree in answer["worktrees"]],
        "leftovers": answer["leftovers"],
        "runs": dead,
    }
    removed = list(host.ask(request)["removed"])
    for path in scratch:
        remove_file(path)
    for run_id in dead:
        refs.delete_refs(workspace.repository, run_id)
        workspace.journal(run_id).remove()
    workspace.record()
    return Collected(found, [*removed, *scratch, *dead])


def _dead_launches(workspace: Workspace) -> list[str]:
    """Launches without a snapshot whose process is gone: they cannot be carried on, and nothing of them ever ran."""
    known = {name.removeprefix(refs.RUNS) for name, _ in refs.list_refs(workspace.repository, refs.RUNS)}
    return [
        run_id
        for run_id in list_open(workspace.repository.state_dir)
        if run_id not in known and not _is_in_progress(workspace, run_id)
    ]


def _is_in_progress(workspace: Workspace, run_id: str) -> bool:
    from reprun.runner.identity import is_alive

    begin = workspace.journal(run_id).find("begin") or {}
    return is_alive(begin.get("process"))
