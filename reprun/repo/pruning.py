"""What a `git gc --prune=now` beside a launch may have taken from it. The mechanics are the runner's."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress

from reprun.core.errors import ToolError
from reprun.repo import direct
from reprun.repo.discover import Repository
from reprun.repo.refs import find_ref
from reprun.runner import pruning
from reprun.runner.errors import RunnerError
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
    if _keep_directly(repository, ref, data):
        return
    with translated():
        said = pruning.keep_blob(repository.git, repository.common_dir, ref, data)
    if said:
        raise ToolError(f"the ref {ref} cannot be created: {said}")


def keep_blobs(repository: Repository, wanted: Mapping[str, bytes]) -> set[str]:
    """As `keep_blob` for many refs, with few processes. Answers with those of the refs that are there now; one that was there
    before stays as it was. One that cannot be made harms nothing."""
    left = set(_absent(repository, list(wanted)))
    if len(left) > 1 and _create_at_once(repository, {ref: wanted[ref] for ref in sorted(left)}) and not await_gc(repository):
        return set(wanted)
    return {ref for ref in wanted if ref not in left or _is_kept(repository, ref, wanted[ref])}


def _absent(repository: Repository, names: list[str]) -> list[str]:
    asked = "".join(f"{name}\n" for name in names).encode()
    with translated():
        said = repository.git.run("cat-file", "--batch-check=%(objectname)", stdin=asked).stdout.decode("utf-8", "replace")
    return [name for name, line in zip(names, said.splitlines(), strict=False) if line.endswith(" missing")]


def _create_at_once(repository: Repository, wanted: Mapping[str, bytes]) -> bool:
    """False when one of the refs cannot be made: then none is."""
    paths = [os.path.join(repository.state_dir, f"outcome-{number}.{os.getpid()}.tmp") for number in range(len(wanted))]
    try:
        for path, data in zip(paths, wanted.values(), strict=True):
            with open(path, "wb") as file:
                file.write(data)
        asked = "".join(f"{path}\n" for path in paths).encode("utf-8", "surrogateescape")
        ids = repository.git.text("hash-object", "-w", "--stdin-paths", "--no-filters", stdin=asked).split()
        lines = "".join(f"create {ref} {object_id}\n" for ref, object_id in zip(wanted, ids, strict=True))
        return repository.git.run("update-ref", "--stdin", stdin=lines.encode(), check=False).returncode == 0
    except (OSError, RunnerError):
        return False
    finally:
        for path in paths:
            with suppress(OSError):
                os.unlink(path)


def _is_kept(repository: Repository, ref: str, data: bytes) -> bool:
    try:
        if find_ref(repository, ref) is None:
            keep_blob(repository, ref, data)
    except ToolError:
        return False
    return True


def _keep_directly(repository: Repository, ref: str, data: bytes) -> bool:
    """Whether it worked without git, and no gc was at work that may have taken the object before the ref held it."""
    if not direct.is_plain(repository):
        return False
    blob = direct.write_object(repository, "blob", data)
    return blob is not None and direct.create_ref(repository, ref, blob) and not await_gc(repository)
