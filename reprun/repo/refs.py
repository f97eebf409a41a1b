"""reprun's own refs. They are created, never moved: `git update-ref REF NEW 000…` fails when the ref is there."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from reprun.core.errors import NotFoundError, ToolError
from reprun.repo.discover import Repository
from reprun.system.process import translated

MANIFESTS = "refs/reprun/manifests/"
OUTCOMES = "refs/reprun/outcomes/"
RUNS = "refs/reprun/runs/"
FETCH = "git fetch origin 'refs/reprun/*:refs/reprun/*'"


def run_ref(run_id: str) -> str:
    """The ref that keeps the commit of a run."""
    return RUNS + run_id


def create_ref(repository: Repository, ref: str, object_id: str) -> str:
    """Creates `ref`; a ref that is there already with that value is fine. Raises `ToolError` when it has another."""
    with translated():
        done = repository.git.run("update-ref", ref, object_id, repository.null_id, check=False)
        if done.returncode and find_ref(repository, ref) != object_id:
            said = done.stderr.decode("utf-8", "replace").strip()
            raise ToolError(f"the ref {ref} cannot be created: {said}")
    return ref


def find_ref(repository: Repository, ref: str) -> str | None:
    """The object id that `ref` names."""
    with translated():
        done = repository.git.run("rev-parse", "--verify", "--quiet", "--end-of-options", ref, check=False)
    return done.stdout.decode("ascii").strip() or None if done.returncode == 0 else None


def list_refs(repository: Repository, prefix: str) -> list[tuple[str, str]]:
    """(full name, object id) of the refs below `prefix`."""
    with translated():
        said = repository.git.run("for-each-ref", "--format=%(refname) %(objectname)", prefix).stdout
    pairs = (line.decode("utf-8", "replace").split(" ") for line in said.splitlines())
    return [(name, object_id) for name, object_id in pairs]


def write_blob(repository: Repository, data: bytes) -> str:
    """Stores `data` as an object and returns its id."""
    with translated():
        return repository.git.text("hash-object", "-w", "--stdin", stdin=data)


def read_blobs(repository: Repository, object_ids: Iterable[str]) -> Iterator[bytes | None]:
    """The contents of objects, in order; None for one that is missing. One process for all."""
    wanted = list(object_ids)
    if not wanted:
        return
    with translated():
        said = repository.git.run("cat-file", "--batch", stdin="".join(f"{item}\n" for item in wanted).encode()).stdout
    at = 0
    for _ in wanted:
        end = said.index(b"\n", at)
        header = said[at:end].split(b" ")
        at = end + 1
        if header[-1] == b"missing":
            yield None
            continue
        size = int(header[2])
        yield said[at : at + size]
        at += size + 1


def get_tree(repository: Repository, commit: str) -> str:
    """The tree of a recorded commit. Raises `NotFoundError` when the repository does not have it."""
    with translated():
        done = repository.git.run("rev-parse", "--verify", "--quiet", "--end-of-options", commit + "^{tree}", check=False)
    if done.returncode:
        raise NotFoundError(f"the commit {commit} is not in this repository", hint=FETCH)
    return done.stdout.decode("ascii").strip()


def objects_dir(repository: Repository) -> str:
    """The folder of the repository's objects."""
    return os.path.join(repository.common_dir, "objects")


def delete_refs(repository: Repository, run_id: str) -> None:
    """Drops all refs of a run that never started."""
    lines = "".join(
        f"delete {prefix}{run_id}\n" for prefix in (RUNS, MANIFESTS, OUTCOMES) if find_ref(repository, prefix + run_id)
    )
    if lines:
        with translated():
            repository.git.run("update-ref", "--stdin", stdin=lines.encode())
