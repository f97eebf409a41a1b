"""States of a repository in which a snapshot would not be what its user thinks it is."""

from __future__ import annotations

import os

from reprun.core.errors import RefusedError
from reprun.repo.discover import Repository

_OPERATIONS = (
    ("MERGE_HEAD", "merge", "git merge --continue, or git merge --abort"),
    ("rebase-merge", "rebase", "git rebase --continue, or git rebase --abort"),
    ("rebase-apply", "rebase or am", "git rebase --continue, or git am --abort"),
    ("CHERRY_PICK_HEAD", "cherry-pick", "git cherry-pick --continue, or git cherry-pick --abort"),
    ("REVERT_HEAD", "revert", "git revert --continue, or git revert --abort"),
)


def refuse_unfinished_operation(repository: Repository) -> None:
    """Raises `RefusedError` naming a merge, rebase, cherry-pick or revert that is not finished."""
    for name, operation, hint in _OPERATIONS:
        if os.path.exists(os.path.join(repository.git_dir, name)):
            raise RefusedError(f"a {operation} is in progress: the tree may hold conflict marks", hint=hint)
