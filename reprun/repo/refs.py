"""reprun's own refs. They are created, never moved: `git update-ref REF NEW 000…` fails when the ref is there."""

from __future__ import annotations

import os

from reprun.core.errors import NotFoundError, ToolError
from reprun.repo import direct
from reprun.repo.blobs import read_blobs as read_blobs
from reprun.repo.discover import Repository
from reprun.runner import refs as runner_refs
from reprun.system.process import translated

MANIFESTS = "refs/reprun/manifests/"
OUTCOMES = "refs/reprun/outcomes/"
RUNS = "refs/reprun/runs/"
LOCKS = "refs/reprun/locks/"  # by digest; shared by all runs with that lock
FETCH = "git fetch origin 'refs/reprun/*:refs/reprun/*'"


def run_ref(run_id: str) -> str:
    """The ref that keeps the commit of a run."""
    return RUNS + run_id


def create_ref(repository: Repository, ref: str, object_id: str) -> str:
    """Creates `ref`; a ref that is there already with that value is fine. Raises `ToolError` when it has another."""
    if direct.is_plain(repository) and direct.create_ref(repository, ref, object_id):
        return ref
    with translated():
        said = runner_refs.create_ref(repository.git, repository.common_dir, ref, object_id)
    if said:
        raise ToolError(f"the ref {ref} cannot be created: {said}")
    return ref


def delete_ref(repository: Repository, ref: str) -> None:
    """Drops one ref."""
    with translated():
        repository.git.run("update-ref", "--no-deref", "-d", ref)


def restore_ref(repository: Repository, ref: str, object_id: str) -> None:
    """Points a damaged record's ref at the object that was recorded: the only time that a ref of ours is moved."""
    with translated():
        repository.git.run("update-ref", "--no-deref", ref, object_id)


def find_ref(repository: Repository, ref: str) -> str | None:
    """The object id that `ref` names."""
    with translated():
        return runner_refs.find_ref(repository.git, ref)


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


def get_tree(repository: Repository, commit: str) -> str:
    """The tree of a recorded commit. Raises `NotFoundError` when the repository does not have it."""
    with translated():
        done = repository.git.run("rev-parse", "--quiet", commit + "^{commit}", commit + "^{tree}", check=False)
    found = done.stdout.decode("utf-8", "replace").split()
    if done.returncode or found[0] != commit:  # a tag, or a tree that somebody calls a commit, is none
        raise NotFoundError(f"the commit {commit} is not in this repository", hint=FETCH)
    return found[1]


def get_author(repository: Repository, commit: str) -> str:
    """Who a commit says has written it. Raises `NotFoundError` when the repository does not have it."""
    with translated():
        done = repository.git.run("cat-file", "commit", commit, check=False)
    if done.returncode:
        raise NotFoundError(f"the commit {commit} is not in this repository", hint=FETCH)
    head = done.stdout.partition(b"\n\n")[0].splitlines()
    line = next((line for line in head if line.startswith(b"author ")), b"author nobody")
    return line[7:].rsplit(b" ", 2)[0].decode("utf-8", "replace")


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
