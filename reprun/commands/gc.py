"""What nothing needs any more, on the target and in the repository; and its removal when that is wished."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from reprun.commands.gc_locks import find_left_packs, find_spare_locks, remove_spare_locks
from reprun.commands.gc_marks import find_spare_marks, remove_spare_marks
from reprun.commands.keeping import put_away_all
from reprun.commands.states import look
from reprun.core.frozen import dataclass, field
from reprun.hooks.marks import Marks
from reprun.repo import refs
from reprun.repo.mend import find_left_locks, mend_branch
from reprun.repo.scratch import find_stale_scratch
from reprun.runner.refs import find_locks, find_stale
from reprun.store.journal import list_open, list_torn
from reprun.system.files import remove_file
from reprun.workspace import Workspace

if TYPE_CHECKING:
    from reprun.hosts.base import Host


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


def collect_garbage_of(workspace: Workspace, target: str, keep: int, remove: bool, packages: bool = False) -> Collected:
    """As `collect_garbage` for what lies on the target of that name."""
    if workspace.target(target).host.is_here:
        return collect_garbage(workspace, keep, remove, packages)
    from reprun.commands.gc_far import collect_far

    return collect_far(workspace, target, keep, remove, packages)


def survey_there(workspace: Workspace, host: Host, keep: int, packages: bool) -> dict[str, Any]:
    """What the host has that it does not need; with `packages` also those, but for what the locks of this repository name."""
    request = {"op": "survey", "key": workspace.key, "keep": keep}
    if packages:
        from reprun.commands.gc_locks import locked_packages

        request["needed"] = locked_packages(workspace)
    return {**host.ask(request), "needed": request.get("needed", [])}


def list_there(survey: Mapping[str, Any]) -> list[Rubbish]:
    """What a survey has found."""
    kinds = ("worktree", "worktrees"), ("environment", "environments"), ("package", "packages")
    found = [Rubbish(kind, one["path"], one["bytes"]) for kind, name in kinds for one in survey[name]]
    found += [Rubbish("leftover", path) for path in survey["leftovers"]]
    return found + [Rubbish(item["kind"], item["path"], item["bytes"]) for item in survey["disused"]]


def remove_there(workspace: Workspace, host: Host, survey: Mapping[str, Any], **more: list[str]) -> list[str]:
    """Removes what a `survey` of the host has found, and `more`. Answers with what is gone."""
    worktrees = [tree["name"] for tree in survey["worktrees"]]
    environments = [one["name"] for one in survey["environments"]]
    request = {"op": "remove", "key": workspace.key, "worktrees": worktrees, "leftovers": survey["leftovers"], **more}
    request["packages"], request["needed"] = [one["name"] for one in survey["packages"]], survey["needed"]
    request["disused"] = [item["path"] for item in survey["disused"]]
    request["environments"] = environments
    return list(host.ask(request)["removed"])


def collect_garbage(workspace: Workspace, keep: int, remove: bool, packages: bool = False) -> Collected:
    """Lists spare worktrees (all but the `keep` newest that no unfinished run uses), leftovers of killed processes, and
    launches that were interrupted before their snapshot. Removes them only when `remove` is set. Runs are never removed."""
    host = workspace.target("local").host
    answer = survey_there(workspace, host, keep, packages)
    repository = workspace.repository
    torn = [*find_stale_scratch(repository), *list_torn(repository.state_dir), *find_left_packs(workspace)]
    index_locks = find_left_locks(repository)
    ref_locks = find_stale(find_locks(repository.common_dir))
    dead = dead_launches(workspace)
    locks, marks = find_spare_locks(workspace, keep), find_spare_marks(workspace)
    found = [*list_there(answer), *(Rubbish("leftover", path) for path in torn)]
    found += [Rubbish("lock of no run", name) for name in (*locks.refs, *locks.memos)]
    found += [Rubbish("hooks of no run", run_id) for run_id in marks.runs]
    found += [Rubbish("leftover", path) for path in marks.torn]
    found += [Rubbish("stale lock", path) for path in [*index_locks, *ref_locks]]
    found += [Rubbish("interrupted launch", run_id) for run_id in dead]
    if not remove:
        return Collected(found)
    removed = remove_there(workspace, host, answer, runs=dead)
    mended = mend_branch(repository)  # it alone knows when the lock on the user's index is ours
    for path in [*torn, *ref_locks]:
        remove_file(path)
    forget_launches(workspace, dead)
    _put_away_started(workspace)
    workspace.record()
    removed += [*remove_spare_locks(workspace, locks), *remove_spare_marks(workspace, marks)]
    return Collected(found, [*removed, *torn, *mended, *ref_locks, *dead])


def forget_launches(workspace: Workspace, dead: list[str]) -> None:
    """Forgets launches of which nothing ever ran."""
    for run_id in dead:
        refs.delete_refs(workspace.repository, run_id)
        workspace.journal(run_id).remove()
        Marks(workspace.repository.state_dir).forget(run_id)


def _put_away_started(workspace: Workspace) -> None:
    """Closes the journals of launches that were killed after they had started their run."""
    open_ones = list_open(workspace.repository.state_dir)
    history = workspace.history() if open_ones else None
    rows = [row for run_id in open_ones if history and (row := history.find(run_id)) is not None]
    put_away_all(workspace, rows, look(workspace, rows))


def dead_launches(workspace: Workspace) -> list[str]:
    """Launches that cannot be carried on, and of which nothing ever ran: their process is gone, and there is no snapshot, or
    neither a manifest nor a line of the journal that says what was asked for."""
    open_ones = list_open(workspace.repository.state_dir)
    if not open_ones:
        return []
    snapshots, manifests = (
        {name.removeprefix(prefix) for name, _ in refs.list_refs(workspace.repository, prefix)}
        for prefix in (refs.RUNS, refs.MANIFESTS)
    )
    return [run_id for run_id in open_ones if _is_dead(workspace, run_id, run_id in snapshots, run_id in manifests)]


def _is_dead(workspace: Workspace, run_id: str, has_snapshot: bool, has_manifest: bool) -> bool:
    if has_manifest or _is_in_progress(workspace, run_id):
        return False
    return not has_snapshot or workspace.journal(run_id).find("begin") is None


def _is_in_progress(workspace: Workspace, run_id: str) -> bool:
    from reprun.runner.identity import is_alive

    begin = workspace.journal(run_id).find("begin") or {}
    return is_alive(begin.get("process"))
