"""Messages of commits: those that are about to be pushed, and the one that is being written."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping

from reprun.core.errors import UsageError
from reprun.core.frozen import dataclass
from reprun.core.text import show
from reprun.repo.discover import Repository
from reprun.runner.git import environment
from reprun.system.process import Git, run, translated

TRAILER = "Reprun-Run"
_ID = re.compile("[0-9a-f]{40}|[0-9a-f]{64}")
_PUSH = 'reprun hooks exec pre-push "$@"   # in a pre-push hook, which gives on its standard input'
_SCISSORS = b" ------------------------ >8 ------------------------"


@dataclass(frozen=True)
class Pushed:
    """One line that git gives to its pre-push hook: what is pushed, and what the remote has there."""

    ref: str
    new: str
    remote_ref: str
    old: str


def parse_pushed(text: str) -> list[Pushed]:
    """The lines of git's pre-push hook; deletions and refs of ours left out. Raises `UsageError` for what git has not written."""
    found = []
    for line in text.split("\n"):
        parts = line.rsplit(" ", 3)  # the first one is what the user has typed, as in `HEAD@{1 day ago}`
        if line and (len(parts) != 4 or not _ID.fullmatch(parts[1]) or not _ID.fullmatch(parts[3])):
            raise UsageError(f"standard input does not hold what git tells a pre-push hook: {show(line[:80])!r}", hint=_PUSH)
        if line and parts[1].strip("0") and not parts[2].startswith("refs/reprun/"):
            found.append(Pushed(*parts))
    return found


def new_messages(repository: Repository, pushed: Iterable[Pushed], remote: str) -> Iterator[tuple[str, bytes]]:
    """(commit, message) of all that is pushed and that the remote does not have, as far as this repository knows."""
    pushed = list(pushed)
    with translated():
        wanted = _commits(repository, [one.new for one in pushed])
        if not wanted:
            return
        lines = "\n".join([*wanted, *(f"^{name}" for name in _commits(repository, [one.old for one in pushed]))]).encode()
        less = ["--not", f"--remotes={_literal(remote)}"] if is_remote(repository, remote) else []
        words = ["log", "-z", "--no-decorate", "--no-notes", "--format=%H%n%B", "--stdin", *less]
        said = repository.git.run(*words, stdin=lines + b"\n").stdout
    for entry in said.split(b"\0"):
        commit, _, message = entry.partition(b"\n")
        if commit:
            yield commit.decode("ascii"), message


def _commits(repository: Repository, names: list[str]) -> list[str]:
    """The commits that are meant: what is none, or is not here, is left out."""
    wanted = "".join(f"{name}^{{commit}}\n" for name in names if name.strip("0"))
    said = repository.git.run("cat-file", "--batch-check=%(objectname)", stdin=wanted.encode()).stdout if wanted else b""
    return [line for line in said.decode("utf-8", "replace").splitlines() if len(line) in (40, 64) and " " not in line]


def is_remote(repository: Repository, name: str) -> bool:
    """Whether this is the name of a remote, and not an address that was pushed to."""
    return name in os.fsdecode(repository.git.run("remote", check=False).stdout).splitlines()


def _literal(name: str) -> str:
    return "".join(f"[{char}]" if char in "*?[" else char for char in name)


def body_of(repository: Repository, message: bytes) -> bytes:
    """The message without its comments and without what is below the scissors."""
    mark = comment_mark(repository)
    head = message.split(mark + _SCISSORS, 1)[0]
    with translated():
        settings = {**repository.git.settings, "core.commentChar": mark.decode()}
        return Git(repository.top, repository.git.where, settings).run("stripspace", "--strip-comments", stdin=head).stdout


def comment_mark(repository: Repository) -> bytes:
    """What a comment begins with in messages of this repository."""
    for key in ("core.commentString", "core.commentChar"):
        said = repository.git.run("config", "--get", key, check=False).stdout.strip()
        if said and said != b"auto":
            return said
    return b"#"


def add_trailers(repository: Repository, message: bytes, values: Iterable[str]) -> bytes:
    """The message with a trailer for each value that it does not have yet. The user's own settings of trailers, which may run
    programs, are not asked: git is called outside of the repository."""
    words = [word for value in values for word in ("--trailer", f"{TRAILER}: {value}")]
    nobody = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_DIR": os.devnull}
    mark = ["-c", f"core.commentChar={comment_mark(repository).decode()}"]
    argv = ["git", *mark, "interpret-trailers", "--if-exists", "addIfDifferent", *words]
    return run(argv, cwd=repository.top, env=environment(nobody), stdin=message).stdout


def staged_tree(repository: Repository, environ: Mapping[str, str]) -> str:
    """The tree that is being committed, by the index that git has named to its hook; empty when there is none."""
    index = environ.get("GIT_INDEX_FILE", "")
    where = {"GIT_INDEX_FILE": os.path.join(repository.top, index)} if index else {}
    done = repository.git.at(**where).run("write-tree", check=False)
    return done.stdout.decode("ascii", "replace").strip() if done.returncode == 0 else ""
