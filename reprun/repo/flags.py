"""Entries of the index that git would not look at as they are: hidden from it by a flag, or left over from a conflict."""

from __future__ import annotations

import os
from collections.abc import Iterable

from reprun.core.errors import RefusedError
from reprun.core.frozen import dataclass, field
from reprun.core.text import show_some
from reprun.repo.discover import Repository
from reprun.system.process import Git, Process


@dataclass(frozen=True)
class Flagged:
    """Paths by what is special about them; empty in nearly every repository."""

    assumed: list[bytes] = field(default_factory=list)
    skipped: list[bytes] = field(default_factory=list)
    unmerged: list[bytes] = field(default_factory=list)


def ask_flags(repository: Repository) -> Process[bytes]:
    """Lets git list the user's index with its flags, beside other work; `read_flags` collects the answer."""
    return repository.git.spawn("ls-files", "-v", "-z")


def read_flags(git: Git, asked: Process[bytes]) -> Flagged:
    """Lower-case tags are assume-unchanged, `S` is skip-worktree, `M` unmerged (git-ls-files(1))."""
    found = Flagged()
    for line in git.finish(asked, "ls-files").stdout.split(b"\0"):
        tag = line[:1]
        if tag == b"H" or not tag:
            continue
        if tag.islower():
            found.assumed.append(line[2:])
        if tag in b"Ss":
            found.skipped.append(line[2:])
        if tag in b"Mm":
            found.unmerged.append(line[2:])
    return found


def clear_flags(git: Git, repository: Repository, found: Flagged) -> None:
    """Makes the scratch index look at the files that a flag hides, where they exist. Raises `RefusedError` for a conflict."""
    if found.unmerged:
        paths = show_some(os.fsdecode(path) for path in dict.fromkeys(found.unmerged))
        raise RefusedError(f"the index has conflicts that are not resolved: {paths}", hint="resolve them, then git add the files")
    for option, hidden in (("--no-assume-unchanged", found.assumed), ("--no-skip-worktree", found.skipped)):
        there = _existing(repository.top, hidden)
        if there:
            git.run("update-index", "-z", option, "--stdin", stdin=b"\0".join(there) + b"\0")


def set_flags(git: Git, found: Flagged) -> None:
    """Puts the flags back, for an index that becomes the user's."""
    for option, paths in (("--assume-unchanged", found.assumed), ("--skip-worktree", found.skipped)):
        if paths:
            known = set(git.run("ls-files", "-z").stdout.split(b"\0"))
            git.run("update-index", "-z", option, "--stdin", stdin=b"".join(path + b"\0" for path in paths if path in known))


def _existing(top: str, paths: Iterable[bytes]) -> list[bytes]:
    return [path for path in paths if os.path.lexists(os.path.join(os.fsencode(top), path))]
