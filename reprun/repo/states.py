"""States of a repository in which a snapshot would not be what its user thinks it is."""

from __future__ import annotations

import os

from reprun.core.errors import RefusedError
from reprun.core.frozen import replace
from reprun.core.text import show_some
from reprun.repo.discover import Repository
from reprun.repo.listing import Listing

# The marks of unfinished operations, as `git status` reads them. A rebase may hold the marks of the others too.
_OPERATIONS = (
    ("rebase-merge", "rebase"),
    ("rebase-apply/applying", "am"),
    ("rebase-apply", "rebase"),
    ("MERGE_HEAD", "merge"),
    ("CHERRY_PICK_HEAD", "cherry-pick"),
    ("REVERT_HEAD", "revert"),
    ("sequencer/todo", "cherry-pick"),
)
_ANYWAY = "or, to run the files as they are: reprun launch --during-operation"
CONFLICT = "conflict"  # what a snapshot with unmerged paths is taken in when no operation is known, as after `git stash pop`


def find_operation(repository: Repository, allowed: bool) -> str:
    """The name of the merge, rebase, am, cherry-pick or revert that is not finished. Raises `RefusedError` unless `allowed`."""
    for mark, operation in _OPERATIONS:
        path = os.path.join(repository.git_dir, mark)
        if os.path.exists(path):
            name = _of_todo(path) if mark == "sequencer/todo" else operation
            if not allowed:
                raise RefusedError(
                    f"a git {name} is in progress: the tree may hold conflict marks",
                    hint=f"git {name} --continue, or git {name} --abort, {_ANYWAY}",
                )
            return name
    return ""


def refuse_conflict(listing: Listing) -> None:
    """Raises `RefusedError` naming the paths of a conflict that is not resolved."""
    if listing.unmerged:
        raise RefusedError(
            f"the index has conflicts that are not resolved: {show_some(dict.fromkeys(listing.unmerged))}",
            hint=f"resolve them, then git add the files, {_ANYWAY}",
        )


def refuse_branch(operation: str) -> None:
    """Raises `RefusedError`: a commit on the branch and an index without conflicts would end the operation wrongly."""
    if operation:
        raise RefusedError(
            f'auto_commit = "branch" cannot put a snapshot on the branch during a {operation}',
            hint=f'finish the {operation}, or set auto_commit = "ref" in reprun.toml',
        )


def as_on_disk(repository: Repository, listing: Listing) -> Listing:
    """The listing with each path of a conflict as what it is on the disk: there, with its conflict marks, or gone."""
    paths = dict.fromkeys(listing.unmerged)
    there = [path for path in paths if os.path.lexists(os.path.join(repository.top, path))]
    changed = dict.fromkeys([*listing.changed, *there])
    return replace(listing, changed=list(changed), gone=[*listing.gone, *(path for path in paths if path not in changed)])


def _of_todo(path: str) -> str:
    """Which of the two it is that goes on after the pick at hand was committed."""
    with open(path, "rb") as file:
        return "revert" if file.read(6) == b"revert" else "cherry-pick"
