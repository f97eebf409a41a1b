"""Finishing what `auto_commit = "branch"` was doing when it was killed: the branch and the index move together or not at all.

The lock on the user's index is a hard link to the scratch index of the launch, which names its process. So it is known for
sure whether a lock is ours and whether its owner is dead.
"""

from __future__ import annotations

import os
from contextlib import suppress

from reprun.repo.discover import Repository
from reprun.repo.scratch import find_stale_scratch
from reprun.runner.refs import find_ref, find_stale
from reprun.system.files import list_dir
from reprun.system.process import Git, translated


def find_left_locks(repository: Repository) -> list[str]:
    """The locks on the indexes of this repository and its linked worktrees that a killed launch of ours has left."""
    found = []
    for scratch in find_stale_scratch(repository):
        for lock in _index_locks(repository):
            with suppress(OSError):
                if os.path.samefile(scratch, lock):
                    found.append(lock)
    return found


def mend_branch(repository: Repository) -> list[str]:
    """Where the branch was moved, the index follows; where not, the lock goes. Answers with the locks that are gone."""
    locks = find_left_locks(repository)
    for lock in locks:
        git_dir = os.path.dirname(lock)
        git = Git(git_dir, {"GIT_DIR": git_dir})
        with translated():
            branch = os.fsdecode(git.run("symbolic-ref", "--quiet", "HEAD", check=False).stdout.rstrip(b"\n"))
            commit = _commit_of(repository, lock)
            if commit:
                remove_ref_locks(repository, branch, commit, git_dir)
            is_moved = bool(commit) and find_ref(git, branch) == commit
        with suppress(FileNotFoundError):
            if is_moved:
                os.rename(lock, os.path.join(git_dir, "index"))
            else:
                os.unlink(lock)
    return locks


def remove_ref_locks(repository: Repository, branch: str, commit: str, git_dir: str = "") -> None:
    """Removes the locks of our killed `git update-ref`: on the branch, which holds the commit or a part of it, and on HEAD.

    Called while the lock on the index is ours, so no commit, checkout or merge of the user can be under way.
    """
    on_branch = os.path.join(repository.common_dir, branch + ".lock")
    on_head = os.path.join(git_dir or repository.git_dir, "HEAD.lock")
    for path in find_stale([on_branch, on_head]):
        with suppress(FileNotFoundError):
            with open(path, "rb") as file:
                is_ours = f"{commit}\n".encode().startswith(file.read(100))
            if is_ours:
                os.unlink(path)


def _index_locks(repository: Repository) -> list[str]:
    trees = os.path.join(repository.common_dir, "worktrees")
    folders = [repository.common_dir, *(os.path.join(trees, name) for name in list_dir(trees))]
    return [os.path.join(folder, "index.lock") for folder in folders]


def _commit_of(repository: Repository, lock: str) -> str:
    """The commit that the launch of a lock wanted on the branch."""
    for scratch in find_stale_scratch(repository):
        if os.path.samefile(scratch, lock):
            run_id = os.path.basename(scratch).removeprefix("index-").rpartition("-")[0]
            return find_ref(repository.git, f"refs/reprun/runs/{run_id}") or ""
    return ""
