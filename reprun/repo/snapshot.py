"""The snapshot: the dev tree as it stands becomes a commit, through a scratch index. The user's files and index are only read."""

from __future__ import annotations

from reprun.core.errors import RefusedError
from reprun.core.spec import Conversions, Snapshot
from reprun.core.text import show, show_some
from reprun.repo.conversions import find_conversions, refuse_differing
from reprun.repo.direct import make_commit
from reprun.repo.discover import Repository
from reprun.repo.flags import set_flags
from reprun.repo.git_at_work import await_rest, find_busy, index_state
from reprun.repo.guard import Guard
from reprun.repo.index_copy import date_index, scratch_folder
from reprun.repo.parent import Parent
from reprun.repo.parts import (
    Opening,
    Part,
    apply_all,
    comparing_all,
    find_moved,
    looking_at_all_again,
    new_in,
    opened_parts,
    sort_out_all,
    together,
)
from reprun.repo.refs import create_ref, run_ref
from reprun.repo.same import keep
from reprun.repo.states import refuse_branch
from reprun.repo.tree_diff import Entry
from reprun.repo.wish import Wish
from reprun.system.process import translated

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from reprun.core.guarded import Rules

_ATTEMPTS = 3
_IDENTITY = "reprun <reprun@localhost>"


def take_snapshot(repository: Repository, wish: Wish) -> Snapshot:
    """Commits the dev tree and keeps the commit by a create-only ref.

    Raises `RefusedError` when the tree changes while it is read, is not clean though that is required, holds something
    that a commit cannot hold faithfully, or that the guard stops at; `ToolError` when git fails.
    """
    opening = Opening(wish.run_id, scratch_folder(repository), wish.during_operation)
    with translated(), opened_parts(repository, opening) as parts:
        outer = parts[0]
        operation = next((part.operation for part in parts if part.operation), "")
        if wish.auto_commit == "branch":
            _refuse_submodules(parts)
            refuse_branch(operation)
        guard = make_guard(parts, wish.rules)
        tree, commit, entries, found = _commit_stable_tree(parts, wish, guard)
        if wish.require_clean and entries:
            raise _not_clean(entries)
        refuse_differing(found)
        submodules = _bring_submodules(parts, entries)
        if conversions := found.data():
            wish.keep(conversions)
        ref = create_ref(repository, run_ref(wish.run_id), commit)
        counts = {kind: sum(entry.kind == kind for entry in entries) for kind in "MAD"}
        branch = show(repository.branch.removeprefix("refs/heads/"))  # git takes names that are no text, records do not
        allowed = [vars(guard.allowed[path]) for path in sorted(guard.allowed)]
        snapshot = Snapshot(
            commit, tree, repository.head, branch, ref, bool(entries), counts["M"], counts["A"], counts["D"], allowed, operation,
            submodules, conversions,
        )  # fmt: skip
        wish.agree(snapshot)
        keep(outer, wish, snapshot)
        if wish.auto_commit == "branch" and commit != repository.head:
            from reprun.repo.branch import put_on_branch

            set_flags(outer.git, outer.flagged)
            put_on_branch(repository, outer.git, commit)
    return snapshot


def make_guard(parts: list[Part], rules: Rules) -> Guard:
    """The guard for a dev tree: submodules are looked at as the rest, each against the commit that it is at."""
    if len(parts) == 1:
        return Guard(parts[0].repository, rules)
    from reprun.repo.submodules import seeing_all

    return Guard(seeing_all(parts), rules, {part.prefix: part.repository for part in parts[1:]})


def _bring_submodules(parts: list[Part], entries: list[Entry]) -> list[dict[str, Any]]:
    """Makes the snapshot stand without the submodules' own repositories, and tells of them."""
    if len(parts) == 1:
        return []
    from reprun.repo.submodules import bring_objects, submodule_records

    bring_objects(parts)
    return submodule_records(parts, entries)


def _commit_stable_tree(parts: list[Part], wish: Wish, guard: Guard) -> tuple[str, str, list[Entry], Conversions]:
    """Tree, commit, changes and conversions of one moment: when files move before they were looked at again, it is tried
    anew, then refused.

    Until a ref is made the commit is only an object, so it is made while git still looks. No file gets into an object
    that the guard has not seen: only what was listed and looked at is added.
    """
    new: set[str] = set()
    for attempt in range(_ATTEMPTS):
        additions = sort_out_all(parts)
        new.update(new_in(parts))
        guard.check(together(parts, additions), new)
        apply_all(parts, additions)
        before = [index_state(part.repository) for part in parts]
        parts[0].added = None if attempt else additions[0].files
        parts[0].index_state = before[0]
        with looking_at_all_again(parts), comparing_all(parts) as entries:
            for part in parts:
                part.tree = part.write_tree()
            tree = _whole(parts)
            commit = _commit(parts[0].repository, wish, tree, parts[0].parent)
        guard.check_staged(entries, new)
        busy = [lock for part, state in zip(parts, before, strict=True) if (lock := find_busy(part.repository, state))]
        moved = [*find_moved(parts), *busy]
        if not moved:
            conversions = _convert(parts, wish.accept)
            moved = _moved_since(parts) if conversions.was_compared else []
            if not moved:
                return tree, commit, entries, conversions
        for lock in busy:
            await_rest(lock)
        for part in parts:
            date_index(part.git, part.before)  # or git would pass over what was written in the second of the first look
    raise RefusedError(
        f"the dev tree keeps changing while it is read: {show_some(moved)}",
        hint="wait until the program that writes there is done, or add what it writes to .gitignore",
    )


def _convert(parts: list[Part], accept: bool) -> Conversions:
    outer, *others = parts
    inner = [(part.prefix, part.repository, part.git, part.listing.attributes) for part in others]
    return find_conversions(outer.repository, outer.git, outer.listing.attributes, accept, inner, outer.listing.said)


def _moved_since(parts: list[Part]) -> list[str]:
    """The paths that are no longer as they were found and added, when git looks once more."""
    with looking_at_all_again(parts):
        pass
    return find_moved(parts)


def _whole(parts: list[Part]) -> str:
    if len(parts) == 1:
        return parts[0].tree
    from reprun.repo.submodules import flatten

    return flatten(parts)


def _commit(repository: Repository, wish: Wish, tree: str, parent: Parent) -> str:
    """HEAD itself when the tree is clean, else a commit on top of it; the same state always gives the same commit."""
    if repository.head and tree == parent.tree:
        return repository.head
    message = f"reprun: {wish.title or 'run'} {wish.run_id}" if wish.auto_commit == "branch" else "reprun: snapshot"
    if wish.auto_commit == "ref":
        parents = [repository.head] if repository.head else []
        made = make_commit(repository, tree, parents, _IDENTITY, parent.date, message)
        if made is not None:
            return made
    above = ["-p", repository.head] if repository.head else []
    name, email = _IDENTITY.rstrip(">").split(" <")
    who = {
        f"GIT_{role}_{part}": value
        for role in ("AUTHOR", "COMMITTER")
        for part, value in (("NAME", name), ("EMAIL", email), ("DATE", parent.date))
    }
    return repository.git.at(**who).text("commit-tree", tree, *above, "-F", "-", stdin=message.encode() + b"\n")


def _not_clean(entries: list[Entry]) -> RefusedError:
    return RefusedError(
        f"the dev tree is not clean and require_clean is set: {show_some([entry.path for entry in entries])}",
        hint="git add --all && git commit, or set require_clean = false in reprun.toml",
    )


def _refuse_submodules(parts: list[Part]) -> None:
    """A branch is never given the files of submodules: the next commit of its user would have them instead of the submodules."""
    if len(parts) > 1:
        raise RefusedError(
            f'auto_commit = "branch" cannot be used with submodules: {show_some([part.prefix[:-1] for part in parts[1:]])}',
            hint='auto_commit = "ref" in reprun.toml',
        )
