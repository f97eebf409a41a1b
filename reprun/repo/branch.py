"""`auto_commit = "branch"`: the snapshot also goes onto the current branch, as `git commit` would put it there."""

from __future__ import annotations

import os
from contextlib import suppress

from reprun.core.errors import RefusedError
from reprun.repo.discover import Repository
from reprun.repo.mend import mend_branch, remove_ref_locks
from reprun.runner.refs import find_ref
from reprun.system.files import umask
from reprun.system.process import Git


def put_on_branch(repository: Repository, git: Git, commit: str) -> None:
    """Moves the branch by compare-and-swap and makes the index agree with it, under git's own lock on the index.

    Without the index the next plain `git commit` would take the new files out again. Raises `RefusedError` on a detached
    HEAD, a branch that moved, or an index that another git holds; then neither branch nor index was changed.
    """
    if not repository.branch:
        raise RefusedError('auto_commit = "branch" needs a branch, and HEAD is detached', hint="git switch -c <name>")
    index, scratch = os.path.join(repository.git_dir, "index"), git.where["GIT_INDEX_FILE"]
    lock = index + ".lock"
    _lock_with(repository, scratch, lock)
    try:
        old = repository.head or repository.null_id
        done = repository.git.run("update-ref", "-m", "reprun: snapshot", repository.branch, commit, old, check=False)
        if done.returncode < 0:
            remove_ref_locks(repository, repository.branch, commit)
        if done.returncode and find_ref(repository.git, repository.branch) != commit:
            raise RefusedError("the branch moved while the snapshot was taken", hint="launch again")
        os.rename(lock, index)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(lock)
        raise


def _lock_with(repository: Repository, scratch: str, lock: str) -> None:
    """Takes git's lock on the index by linking the finished index there: who finds both later knows whose lock it is."""
    with open(scratch, "ab") as file:  # made, where there is nothing to commit in a repository that never had an index
        os.fchmod(file.fileno(), 0o666 & ~umask())
        os.fsync(file.fileno())
    for again in (True, False):
        try:
            os.link(scratch, lock)
            return None
        except FileExistsError:
            if not again or not mend_branch(repository):
                break
        except OSError:  # a file system without hard links
            return _lock_with_copy(scratch, lock)
    raise RefusedError(
        "another git process is using this repository (index.lock is there)", hint=f"wait for it, or rm {lock}"
    ) from None


def _lock_with_copy(scratch: str, lock: str) -> None:
    with open(lock, "xb") as target, open(scratch, "rb") as source:
        target.write(source.read())
        target.flush()
        os.fsync(target.fileno())
