"""The snapshot: the dev tree as it stands becomes a commit, through a scratch index. The user's files and index are only read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from reprun.core.errors import RefusedError
from reprun.core.frozen import dataclass
from reprun.core.spec import Snapshot
from reprun.core.text import show, show_some
from reprun.repo.branch import put_on_branch
from reprun.repo.discover import Repository
from reprun.repo.flags import ask_flags, clear_flags, read_flags, set_flags
from reprun.repo.index_copy import copy_index, date_index, looking_again
from reprun.repo.parent import Parent, ask_parent
from reprun.repo.refs import create_ref, run_ref
from reprun.repo.states import refuse_unfinished_operation
from reprun.repo.tree_diff import Entry, comparing
from reprun.system.clock import second
from reprun.system.files import ensure_dir, make_temporary_folder
from reprun.system.process import Git, translated

_ATTEMPTS = 3
_IDENTITY = "reprun <reprun@localhost>"


@dataclass(frozen=True)
class Wish:
    """What kind of snapshot is asked for: `auto_commit` is `ref` or `branch`; `title` names the run on a branch."""

    run_id: str
    auto_commit: str = "ref"
    require_clean: bool = False
    title: str = ""


def take_snapshot(repository: Repository, wish: Wish) -> Snapshot:
    """Commits the dev tree and keeps the commit by a create-only ref.

    Raises `RefusedError` when the tree changes while it is read, is not clean though that is required, or holds something
    that a commit cannot hold faithfully; `ToolError` when git fails.
    """
    refuse_unfinished_operation(repository)
    flags = ask_flags(repository)
    with translated(), scratch_index(repository, wish.run_id) as git:
        with ask_parent(repository) as parent:  # git reads the commit while the index is looked through
            flagged = read_flags(git, flags)
            clear_flags(git, repository, flagged)
        tree, commit, entries = _commit_stable_tree(git, repository, wish, parent)
        _refuse_gitlinks(entries)
        if wish.require_clean and entries:
            raise _not_clean(entries)
        ref = create_ref(repository, run_ref(wish.run_id), commit)
        if wish.auto_commit == "branch" and commit != repository.head:
            set_flags(git, flagged)
            put_on_branch(repository, git, commit)
    counts = {kind: sum(entry.kind == kind for entry in entries) for kind in "MAD"}
    branch = repository.branch.removeprefix("refs/heads/")
    return Snapshot(
        commit, tree, repository.head, branch, ref, bool(entries), counts["M"], counts["A"], counts["D"]
    )  # fmt: skip


@contextmanager
def scratch_index(repository: Repository, name: str, outside: bool = False) -> Iterator[Git]:
    """Git with a private copy of the user's index, so that unchanged files need not be hashed anew.

    It lies in reprun's folder of the repository; `outside`, in a temporary folder, for whoever changes nothing there.
    """
    folder = make_temporary_folder() if outside else ensure_dir(os.path.join(repository.state_dir, "tmp"))
    path = os.path.join(folder, f"index-{name}-{os.getpid()}")
    try:
        copy_index(repository, path)
        yield repository.git.at(GIT_INDEX_FILE=path)
    finally:
        for left in (path, path + ".lock", path + ".check"):
            with suppress(FileNotFoundError):
                os.unlink(left)
        if outside:
            os.rmdir(folder)


def _commit_stable_tree(git: Git, repository: Repository, wish: Wish, parent: Parent) -> tuple[str, str, list[Entry]]:
    """Tree, commit and changes of one moment: when files move before they were looked at again, it is tried anew, then refused.

    Until a ref is made the commit is only an object, so it is made while git still looks.
    """
    left: list[str] = []
    before = second()
    for _ in range(_ATTEMPTS):
        _add_all(git)
        with looking_again(git, before) as moved:
            tree = git.text("write-tree")
            with comparing(repository.git, parent.tree, tree) as entries:
                commit = _commit(repository, wish, tree, parent)
        if not moved:
            return tree, commit, entries
        left = moved
        date_index(git, before)  # or the next add would pass over what was written in the second of the first
    raise RefusedError(
        f"the dev tree keeps changing while it is read: {show_some(left)}",
        hint="wait until the program that writes there is done, or add what it writes to .gitignore",
    )


def _add_all(git: Git) -> None:
    """`--sparse` for files outside of a sparse checkout that are there all the same."""
    done = git.run("add", "--all", "--sparse", check=False)
    said = done.stderr.decode("utf-8", "replace")
    if done.returncode and "does not have a commit checked out" in said:
        raise RefusedError(
            f"a repository without commits lies inside the dev tree: {show(said.split(chr(39))[1])}",
            hint="add it to .gitignore, or remove its .git folder",
        )
    if done.returncode:
        lines = [line for mark in ("fatal:", "error:") for line in said.splitlines() if line.startswith(mark)]
        tell = next((line for line in lines if line != "fatal: adding files failed"), said.strip())
        raise RefusedError(f"git cannot read the dev tree: {show(tell)}", hint="mend what it names, or add it to .gitignore")


def _commit(repository: Repository, wish: Wish, tree: str, parent: Parent) -> str:
    """HEAD itself when the tree is clean, else a commit on top of it; the same state always gives the same commit."""
    if repository.head and tree == parent.tree:
        return repository.head
    message = f"reprun: {wish.title or 'run'} {wish.run_id}" if wish.auto_commit == "branch" else "reprun: snapshot"
    above = ["-p", repository.head] if repository.head else []
    name, email = _IDENTITY.rstrip(">").split(" <")
    who = {
        f"GIT_{role}_{part}": value
        for role in ("AUTHOR", "COMMITTER")
        for part, value in (("NAME", name), ("EMAIL", email), ("DATE", parent.date))
    }
    return repository.git.at(**who).text("commit-tree", tree, *above, "-F", "-", stdin=message.encode() + b"\n")


def _refuse_gitlinks(entries: list[Entry]) -> None:
    nested = [entry.path for entry in entries if entry.mode == "160000"]
    if nested:
        raise RefusedError(
            f"a repository inside the dev tree cannot be snapshotted with it: {show_some(nested)}",
            hint="commit and push it, or add it to .gitignore, or make its files part of this repository",
        )


def _not_clean(entries: list[Entry]) -> RefusedError:
    return RefusedError(
        f"the dev tree is not clean and require_clean is set: {show_some([entry.path for entry in entries])}",
        hint="git add --all && git commit, or set require_clean = false in reprun.toml",
    )
