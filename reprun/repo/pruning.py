"""What a `git gc --prune=now` beside a launch may have taken from it. The mechanics are the runner's."""

from __future__ import annotations

from reprun.core.errors import ToolError
from reprun.repo.discover import Repository
from reprun.runner import pruning
from reprun.system.process import translated


def await_gc(repository: Repository) -> bool:
    """True when a `git gc` was at work here; it is over then, or is a very long one."""
    return pruning.await_gc(repository.common_dir)


def has_all_objects(repository: Repository, commit: str) -> bool:
    """True when nothing is missing of the commit's own tree."""
    with translated():
        done = repository.git.run("rev-list", "--objects", "--quiet", "--max-count=1", commit, check=False)
    return done.returncode == 0


def keep_blob(repository: Repository, ref: str, data: bytes) -> None:
    """Stores `data` under the new ref `ref`, whatever a gc does beside it. Raises `ToolError` when it cannot be kept."""
    with translated():
        said = pruning.keep_blob(repository.git, repository.common_dir, ref, data)
    if said:
        raise ToolError(f"the ref {ref} cannot be created: {said}")
