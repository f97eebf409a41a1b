"""What git's own hooks do with the runs that commits cite: `pre-push` checks them, `commit-msg` makes trailers of them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from reprun.core.errors import RefusedError, ReprunError
from reprun.core.frozen import dataclass
from reprun.core.text import show
from reprun.repo import refs
from reprun.repo.messages import Pushed, add_trailers, body_of, new_messages, staged_tree
from reprun.system.files import explained, find_bytes
from reprun.workspace import Workspace

_CITED = re.compile(rb"(?<![0-9a-z-])[0-9]{8}-[0-9]{6}-[0-9a-hjkmnp-tv-z]{6}(?![0-9a-z-])")
_MOST_SHOWN = 10
_MOST_LOOKED_AT = 200  # runs that may be the latest one of a tree


@dataclass(frozen=True)
class Citation:
    """A run that a commit cites, and what is wrong with its manifest."""

    commit: str
    run_id: str
    why: str


def cited_in(message: bytes) -> list[str]:
    """The run ids in a message, each once, in their order."""
    return list(dict.fromkeys(found.decode("ascii") for found in _CITED.findall(message)))


def check_push(workspace: Workspace, pushed: Sequence[Pushed], remote: str) -> int:
    """Looks at the runs that commits cite which are pushed; returns how many. Raises `RefusedError` for those whose manifests are
    not here, or are damaged: who gets the commits could never check what they say."""
    if not pushed:
        return 0
    cited: dict[str, str] = {}
    for commit, message in new_messages(workspace.repository, pushed, remote):
        for run_id in cited_in(message):
            cited.setdefault(run_id, commit)
    wrong = [Citation(commit, run_id, why) for run_id, commit in cited.items() if (why := find_fault(workspace, run_id))]
    if wrong:
        shown = "\n".join(f"  {one.commit[:12]} cites {one.run_id}: {show(one.why)}" for one in wrong[:_MOST_SHOWN])
        more = f"\n  and {len(wrong) - _MOST_SHOWN} more" if len(wrong) > _MOST_SHOWN else ""
        raise RefusedError(
            f"the commits cite runs that nobody could check:\n{shown}{more}",
            hint="reprun doctor --mend\ngit push --no-verify   # pushes them as they are",
        )
    return len(cited)


def find_fault(workspace: Workspace, run_id: str) -> str:
    """Why the manifest that others would get is not what was sealed; empty when it is."""
    try:
        kept = workspace.kept(run_id)
    except ReprunError as error:
        return error.message
    return kept.note if kept.broken == "object" else ""


def pushed_by_pre_commit(environ: Mapping[str, str]) -> list[Pushed] | None:
    """What git has told pre-commit, which hands it on in variables, if only the first branch of several; None outside of it.

    For a branch with its first commit, and for `pre-commit run`, it names no commits, and means all.
    """
    if not environ.get("PRE_COMMIT") and not environ.get("PRE_COMMIT_TO_REF"):
        return None
    branch, local = environ.get("PRE_COMMIT_REMOTE_BRANCH", ""), environ.get("PRE_COMMIT_LOCAL_BRANCH") or "HEAD"
    new, old = environ.get("PRE_COMMIT_TO_REF") or local, environ.get("PRE_COMMIT_FROM_REF") or "0"
    return [] if branch.startswith("refs/reprun/") else [Pushed(local, new, branch, old)]


def write_trailers(workspace: Workspace, path: str, environ: Mapping[str, str]) -> list[str]:
    """Adds trailers to the message in a file; returns the runs. An empty message, which ends a commit, stays empty."""
    message = find_bytes(path)
    wish = workspace.settings.hook_rules().trailer
    if not message or wish == "never":
        return []
    body = body_of(workspace.repository, message)
    if not body.strip():
        return []
    runs = [run_id for run_id in cited_in(body) if refs.find_ref(workspace.repository, refs.MANIFESTS + run_id)]
    if not runs and wish == "latest":
        runs = _latest_of(workspace, staged_tree(workspace.repository, environ))
    text = add_trailers(workspace.repository, message, runs) if runs else message
    if text != message:
        with explained(path, "written"), open(path, "wb") as file:  # the file of the editor, in its place
            file.write(text)
    return runs


def _latest_of(workspace: Workspace, tree: str) -> list[str]:
    """The newest run of exactly this tree that has succeeded."""
    from reprun.core.select import Filter

    if not tree:
        return []
    rows = workspace.history().newest(Filter(state="finished", limit=_MOST_LOOKED_AT))
    for row in rows:
        if row.exit_code == 0 and row.commit_id and _tree_of(workspace, row.commit_id) == tree:
            return [row.run_id]
    return []


def _tree_of(workspace: Workspace, commit: str) -> str:
    try:
        return refs.get_tree(workspace.repository, commit)
    except ReprunError:
        return ""
