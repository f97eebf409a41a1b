"""Finding the repository that a command is started in, whatever its shape."""

from __future__ import annotations

import os

from reprun.core.errors import RefusedError, UsageError
from reprun.core.frozen import dataclass, field
from reprun.core.text import show
from reprun.system.process import Git, translated


@dataclass(frozen=True)
class Repository:
    """A Git repository with a worktree: `top` is the worktree, `git_dir` its own folder, `common_dir` what all worktrees share.

    `prefix` is the folder we are in, relative to `top` (empty at the top). `head` is the commit, empty when there is none
    yet; `branch` the full name of the branch, empty when HEAD is detached.
    """

    top: str
    git_dir: str
    common_dir: str
    prefix: str
    object_format: str
    head: str
    branch: str
    git: Git = field(repr=False, compare=False)

    @property
    def state_dir(self) -> str:
        """reprun's own folder in the repository."""
        return os.path.join(self.common_dir, "reprun")

    @property
    def null_id(self) -> str:
        """The object id that means "there is none"."""
        return "0" * (64 if self.object_format == "sha256" else 40)


def find_repository(cwd: str) -> Repository:
    """The repository around `cwd`. Raises `UsageError` outside of one, `RefusedError` when git cannot use it."""
    git = Git(cwd)
    with translated():
        done = git.run(
            "rev-parse", "--path-format=absolute", "--show-toplevel", "--git-dir", "--git-common-dir", "--show-object-format",
            "--show-prefix", "HEAD", "--symbolic-full-name", "HEAD", check=False,
        )  # fmt: skip
    lines = os.fsdecode(done.stdout).split("\n")
    # An unborn HEAD makes git fail only after it has printed what comes before.
    if len(lines) < 6:
        raise _why_not(done.stderr.decode("utf-8", "replace"), cwd)
    top, git_dir, common_dir, object_format, prefix = lines[:5]
    if object_format not in ("sha1", "sha256"):
        raise RefusedError(f"the path of the repository at {show(top)} holds a line break", hint="move it to a path without one")
    head, branch = _head(git, lines[5:], done.returncode == 0)
    return Repository(top, git_dir, common_dir, prefix.rstrip("/"), object_format, head, branch, Git(top))


def _head(git: Git, rest: list[str], born: bool) -> tuple[str, str]:
    """(commit, full name of the branch); a detached HEAD has no branch, an unborn one no commit."""
    if born:
        return rest[0], rest[1] if rest[1].startswith("refs/") else ""
    with translated():
        return "", os.fsdecode(git.run("symbolic-ref", "--quiet", "HEAD", check=False).stdout.rstrip(b"\n"))


def _why_not(said: str, cwd: str) -> UsageError | RefusedError:
    if "dubious ownership" in said or "safe.directory" in said:
        return RefusedError(
            f"git does not trust the repository at {show(cwd)}: it belongs to another user",
            hint=f"git config --global --add safe.directory {show(cwd)}",
        )
    if "must be run in a work tree" in said:
        return UsageError(
            "this is a bare repository, or its .git folder: there is no worktree to snapshot", hint="cd to a checkout of it"
        )
    if "not a git repository" in said:
        return UsageError(f"{show(cwd)} is not in a Git repository", hint="git init && reprun init")
    first = next((line for line in said.splitlines() if line.strip()), "it says nothing")
    return RefusedError(f"git cannot use the repository at {show(cwd)}: {show(first)}", hint="git status")
