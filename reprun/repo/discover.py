"""Finding the repository that a command is started in, whatever its shape."""

from __future__ import annotations

import os
from contextlib import suppress

from reprun.core.errors import RefusedError, ToolError, UsageError
from reprun.core.frozen import dataclass, field
from reprun.core.text import show
from reprun.repo.git_config import git_folders, lfs_settings, may_say_of_hooks, read_texts
from reprun.repo.last import find_last
from reprun.repo.looks import Looks
from reprun.runner.git import environment, trust_git
from reprun.runner.process import spawn
from reprun.system.clock import ticks
from reprun.system.process import Git, Process, translated

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reprun.core.hook_settings import HookSettings


@dataclass(frozen=True)
class Asked:
    """What git was asked before anything else: where the repository is, and what differs from the index; `since` when (ticks).

    `early` is the id of a run whose supervisor waits already, until somebody takes it. `commits` is the reading of HEAD's commit,
    until somebody takes it, where it seems to be wanted.
    """

    place: Process[bytes]
    looks: Looks | None
    since: float
    early: list[str] = field(default_factory=list)
    commits: list[Process[bytes]] = field(default_factory=list)


@dataclass(frozen=True)
class Repository:
    """A Git repository with a worktree: `top` is the worktree, `git_dir` its own folder, `common_dir` what all worktrees share.

    `prefix` is the folder we are in, relative to `top` (empty at the top). `head` is the commit, empty when there is none
    yet; `branch` the full name of the branch, empty when HEAD is detached. `config_texts` are the files of git's settings.
    `hooks_dir` is where git looks for hooks.
    """

    top: str
    git_dir: str
    common_dir: str
    prefix: str
    object_format: str
    head: str
    branch: str
    git: Git = field(repr=False, compare=False)
    asked: Asked | None = field(default=None, repr=False, compare=False)
    config_texts: bytes = field(default=b"", repr=False, compare=False)
    hooks_dir: str = field(default="", repr=False, compare=False)
    _hook_settings: list[HookSettings] = field(default_factory=list, repr=False, compare=False)

    @property
    def state_dir(self) -> str:
        """reprun's own folder in the repository."""
        return os.path.join(self.common_dir, "reprun")

    def has_hooks(self) -> bool:
        """Whether hooks of ours are there, by one look at the folder: what a launch without hooks pays for them."""
        with suppress(OSError):
            if not OUR_HOOKS.isdisjoint(os.listdir(self.hooks_dir)):
                return True
        return may_say_of_hooks(self.config_texts) and any(one.event in OUR_HOOKS for one in self.hook_settings().hooks)

    def hook_settings(self) -> HookSettings:
        """The hooks that git's settings name. Git is asked once, and only where a word says that there may be some."""
        from reprun.repo.hook_settings import read_hook_settings

        if not self._hook_settings:
            self._hook_settings.append(read_hook_settings(self.git, self.config_texts))
        return self._hook_settings[0]

    @property
    def null_id(self) -> str:
        """The object id that means "there is none"."""
        return "0" * (64 if self.object_format == "sha256" else 40)


OUR_HOOKS = frozenset({"pre-launch", "post-launch", "post-run"})
OLDEST_GIT = (2, 32)  # what `trust_git` says of the one here
_OLDEST = ".".join(map(str, OLDEST_GIT))
_NEWER = "conda install -c conda-forge git   # or a newer one from whoever runs this machine"


def ask_repository(cwd: str, files: bool = False) -> Asked:
    """Lets git find the repository around `cwd` while the caller does other work; with `files`, where this may be its top,
    also look at the files."""
    folders = git_folders(cwd)
    git = Git(cwd, settings={**_sight(cwd), **lfs_settings(read_texts(*folders))})
    since = ticks()
    with translated():
        place = _ask_place(cwd, "--git-path", "hooks")
        if not files or not os.path.lexists(os.path.join(cwd, ".git")):
            return Asked(place, None, since)
        last = find_last(cwd, *folders)
        asked = Asked(place, Looks(git, last), since)
        if last is None:  # there will be a new snapshot
            asked.commits.append(git.spawn("cat-file", "commit", "HEAD"))
        return asked


def _ask_place(cwd: str, *first: str) -> Process[bytes]:
    # Without our settings, which switch hooks off: it only reads, and says where the user's own are.
    words = ["git", "rev-parse", "--path-format=absolute", *first, "--show-toplevel", "--git-dir", "--git-common-dir"]
    words += ["--show-object-format", "--show-prefix", "HEAD", "--symbolic-full-name", "HEAD"]
    return spawn(words, cwd=cwd, env=environment())


def find_repository(cwd: str, asked: Asked | None = None) -> Repository:
    """The repository around `cwd`. Raises `UsageError` outside of one, `RefusedError` when git cannot use it."""
    git = Git(cwd)
    with translated():
        done = git.finish((asked or ask_repository(cwd)).place, check=False)
        if not done.stdout and b"empty string" in done.stderr:  # `core.hooksPath =`: there are no hooks
            done = git.finish(_ask_place(cwd), check=False)
            done = done._replace(stdout=b"\n" + done.stdout)
    lines = os.fsdecode(done.stdout).split("\n")
    if lines[0].startswith("--"):  # an option that it does not know, told back
        said = git.text("version").removeprefix("git version ")
        raise ToolError(f"git {show(said)} is older than {_OLDEST}, which this machine needs; hosts do not", hint=_NEWER)
    # An unborn HEAD makes git fail only after it has printed what comes before.
    if len(lines) < 7:
        raise _why_not(done.stderr.decode("utf-8", "replace"), cwd)
    hooks_dir, top, git_dir, common_dir, object_format = lines[:5]
    if object_format not in ("sha1", "sha256"):
        raise RefusedError(f"the path of the repository at {show(top)} holds a line break", hint="move it to a path without one")
    end = _end_of_prefix(lines)
    prefix = "\n".join(lines[5:end])  # the folder that we are in may have a line break in its name
    trust_git()  # it has answered a question that an old one does not understand
    head, branch = _head(git, lines[end:], done.returncode == 0)
    # Where the tree does not hold its own .git folder (core.worktree), git would find another repository from its top, or none.
    where = {} if git_dir == os.path.join(top, ".git") else {"GIT_DIR": git_dir, "GIT_WORK_TREE": top}
    texts = read_texts(git_dir, common_dir)
    own = Git(top, where, {**_sight(top), **lfs_settings(texts)})
    known: list[HookSettings] = []
    if may_say_of_hooks(texts):
        from reprun.repo.hook_settings import look_closer

        hooks_dir, known = look_closer(own, texts, hooks_dir)
    early = asked if top == cwd else None
    if early is not None and early.looks is not None:
        early.looks.go_on()
    prefix = prefix.rstrip("/")
    return Repository(top, git_dir, common_dir, prefix, object_format, head, branch, own, early, texts, hooks_dir, known)


def _sight(top: str) -> dict[str, str]:
    """Settings that let git see the files as they are, whatever it was told to overlook.

    A file that was changed and given its old time back is found by its ctime. Whether names that differ by case are one is
    what the file system says: the repository's setting tells of the machine that it was made on, maybe a Mac.
    """
    try:
        folds = os.path.samefile(os.path.join(top, ".git"), os.path.join(top, ".GIT"))
    except OSError:
        folds = False
    folded = "true" if folds else "false"
    return {"core.trustctime": "true", "core.checkStat": "default", "core.ignoreStat": "false", "core.ignoreCase": folded}


def _end_of_prefix(lines: list[str]) -> int:
    """Where the commit stands, or the word HEAD when there is none: nothing else that comes behind the prefix looks like that."""
    ids = (at for at in range(len(lines) - 1, 5, -1) if _is_id(lines[at]))
    return next(ids, max(6, len(lines) - 2))


def _is_id(text: str) -> bool:
    return len(text) in (40, 64) and not text.strip("0123456789abcdef")


def _head(git: Git, rest: list[str], born: bool) -> tuple[str, str]:
    """(commit, full name of the branch); a detached HEAD has no branch, an unborn one no commit."""
    if born and rest[1:2] not in ([], [""]):
        return rest[0], rest[1] if rest[1].startswith("refs/") else ""
    with translated():  # an unborn branch, or one like `@` or `refs/heads/main`, whose name git takes for several
        return rest[0] if born else "", os.fsdecode(git.run("symbolic-ref", "--quiet", "HEAD", check=False).stdout.rstrip(b"\n"))


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
