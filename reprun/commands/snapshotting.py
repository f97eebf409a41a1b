"""The snapshot of a launch: the commit that is recorded, or the dev tree as it stands now."""

from __future__ import annotations

from reprun.core.frozen import replace
from reprun.core.spec import Attempt, RunSpec, Snapshot
from reprun.repo import refs
from reprun.repo.same import find_same
from reprun.repo.wish import Wish
from reprun.workspace import Workspace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from reprun.repo.discover import Repository


def ensure_snapshot(workspace: Workspace, spec: RunSpec, attempt: Attempt, agree: Callable[[Snapshot], object] = id) -> Snapshot:
    """The commit to run: the one that is recorded, or the dev tree as it stands now. `agree` sees it first, and may raise."""
    run_id, repository = attempt.run_id, workspace.repository
    journal = workspace.journal(run_id)
    known = None if attempt.first else workspace.snapshot(run_id)
    if known is not None:
        receipt = journal.find("snapshot")
        found = _snapshot(receipt, known)
        found = found if found is not known else replace(known, conversions=_conversions(workspace, spec, run_id))
        agree(found)
        return found
    if spec.commit:
        tree = refs.get_tree(repository, spec.commit)
        conversions = _conversions(workspace, spec, run_id)
        ref = refs.create_ref(repository, refs.run_ref(run_id), spec.commit)
        snapshot = Snapshot(spec.commit, tree, "", "", ref, dirty=False, conversions=conversions)
        agree(snapshot)
    else:
        settings = workspace.settings
        wish = Wish(
            run_id, settings.auto_commit, settings.require_clean, spec.name, settings.rules(), spec.during_operation,
            accept=settings.filters == "committed", keep=lambda found: journal.write("conversions", conversions=found),
            agree=agree,
        )  # fmt: skip
        snapshot = find_same(repository, wish) or _take(repository, wish)
    journal.write("snapshot", snapshot=vars(snapshot))
    return snapshot


def _take(repository: Repository, wish: Wish) -> Snapshot:
    from reprun.repo.snapshot import take_snapshot

    return take_snapshot(repository, wish)


def _snapshot(receipt: Mapping[str, Any] | None, known: Snapshot) -> Snapshot:
    """What the journal says beyond the ref, when it speaks of the same commit and is whole."""
    try:
        written = Snapshot(**(receipt or {})["snapshot"])
    except (KeyError, TypeError):
        return known
    return written if (written.commit, written.tree, written.ref) == (known.commit, known.tree, known.ref) else known


def _conversions(workspace: Workspace, spec: RunSpec, run_id: str) -> dict[str, Any]:
    """How the files of a commit are written: as noted before the ref of its snapshot was made, or as a manifest says."""
    noted = workspace.journal(run_id).find("conversions")
    if noted is not None:
        return dict(noted["conversions"])
    if not spec.conversions:
        return {}
    from reprun.repo.recorded import restore_conversions

    return restore_conversions(workspace.repository, spec.conversions, spec.commit).data()
