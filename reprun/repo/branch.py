"""`auto_commit = "branch"`: the snapshot also goes onto the current branch, as `git commit` would put it there."""

from __future__ import annotations

import os
from contextlib import suppress

from reprun.core.errors import RefusedError
from reprun.repo.discover import Repository
from reprun.system.process import Git


def put_on_branch(repository: Repository, git: Git, commit: str) -> None:
    """Moves the branch by compare-and-swap and makes the index agree with it, under git's own lock on the index.

    Without the index the next plain `git commit` would take the new files out again. Raises `RefusedError` on a detached
    HEAD, a branch that moved, or an index that another git holds; then neither branch nor index was changed.
    """
    if not repository.branch:
        raise RefusedError('auto_commit = "branch" needs a branch, and HEAD is detached', hint="git switch -c <name>")
    index = os.path.join(repository.git_dir, "index")
    lock = index + ".lock"
    try:
        fd = os.open(lock, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    except FileExistsError:
        raise RefusedError(
            "another git process is using this repository (index.lock is there)", hint=f"wait for it, or rm {lock}"
        ) from None
    try:
        with os.fdopen(fd, "wb") as target, open(git.where["GIT_INDEX_FILE"], "rb") as source:
            target.write(source.read())
            target.flush()
            os.fsync(target.fileno())
        old = repository.head or repository.null_id
        done = repository.git.run("update-ref", "-m", "reprun: snapshot", repository.branch, commit, old, check=False)
        if done.returncode:
            raise RefusedError("the branch moved while the snapshot was taken", hint="launch again")
        os.rename(lock, index)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(lock)
        raise
