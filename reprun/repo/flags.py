"""Entries of the index that a flag hides from git."""

from __future__ import annotations

import os

from reprun.repo.discover import Repository
from reprun.repo.listing import Listing, path_lines
from reprun.system.process import Git


def clear_flags(git: Git, repository: Repository, found: Listing) -> bool:
    """Makes the scratch index look at the files that a flag hides. Returns whether there are any."""
    skipped = found.skipped
    if skipped and git.run("config", "--type=bool", "core.sparseCheckout", check=False).stdout == b"true\n":
        # what a sparse checkout leaves out is not gone
        skipped = [path for path in skipped if os.path.lexists(os.path.join(repository.top, path))]
    for option, hidden in (("--no-assume-unchanged", found.assumed), ("--no-skip-worktree", skipped)):
        if hidden:
            git.run("update-index", "-z", option, "--stdin", stdin=path_lines(hidden))
    return bool(found.assumed or skipped)


def set_flags(git: Git, found: Listing) -> None:
    """Puts the flags back, for an index that becomes the user's."""
    for option, paths in (("--assume-unchanged", found.assumed), ("--skip-worktree", found.skipped)):
        if paths:
            known = set(os.fsdecode(git.run("ls-files", "-z").stdout).split("\0"))
            git.run("update-index", "-z", option, "--stdin", stdin=path_lines(path for path in paths if path in known))
