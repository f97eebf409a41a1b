"""What a snapshot would commit, what it leaves out and why. Reads only; no object is written."""

from __future__ import annotations

import os
import stat

from reprun.core.errors import ToolError
from reprun.core.frozen import dataclass
from reprun.repo.discover import Repository
from reprun.repo.snapshot import scratch_index
from reprun.system.process import Git, translated

_KINDS = {"M": "changed", "A": "new", "D": "deleted", "T": "type changed", "?": "new", "m": "changed"}
MAX_IGNORED = 1000


@dataclass(frozen=True)
class Item:
    """A path with what happens to it: `what` in words (`new`, `ignored by .gitignore:3 *.log`), `size` in bytes."""

    path: str
    what: str
    size: int


@dataclass(frozen=True)
class Explanation:
    """The two lists, and the commit that the snapshot would stand on (empty in a repository without commits)."""

    parent: str
    branch: str
    committed: list[Item]
    left_out: list[Item]


def explain_snapshot(repository: Repository) -> Explanation:
    """Asks git what `add --all` on a copy of the index would change, and which rule leaves each other path out."""
    with translated(), scratch_index(repository, "explain", outside=True) as git:
        committed = _committed(git, repository)
        left_out = [*_ignored(git, repository), *_special(git, repository)]
    return Explanation(repository.head, repository.branch.removeprefix("refs/heads/"), committed, left_out)


def _committed(git: Git, repository: Repository) -> list[Item]:
    base = repository.head or git.text("hash-object", "-t", "tree", "--stdin")  # git knows the empty tree without an object
    said = git.run("diff-index", "-z", "--name-status", "--no-renames", base).stdout.split(b"\0")
    changed = {os.fsdecode(path): kind.decode("ascii") for kind, path in zip(said[0::2], said[1::2], strict=False)}
    for path in git.run("ls-files", "-z", "--others", "--exclude-standard").stdout.split(b"\0"):
        if path:
            changed[os.fsdecode(path)] = "?"
    return [Item(path, _KINDS.get(kind, kind), _size(repository, path)) for path, kind in sorted(changed.items())]


def _ignored(git: Git, repository: Repository) -> list[Item]:
    listed = git.run("ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--directory").stdout
    paths = [path for path in listed.split(b"\0") if path][:MAX_IGNORED]
    if not paths:
        return []
    # With ./ in front no name can be taken for a pathspec with magic.
    asked = b"".join(b"./" + path + b"\0" for path in paths)
    done = git.run("check-ignore", "-v", "-z", "--stdin", stdin=asked, check=False)
    if done.returncode > 1:
        raise ToolError(f"git cannot say why files are ignored: {done.stderr.decode('utf-8', 'replace').strip()}")
    said = done.stdout.split(b"\0")
    items = []
    for source, line, pattern, path in zip(said[0::4], said[1::4], said[2::4], said[3::4], strict=False):
        name = os.fsdecode(path).removeprefix("./")
        where = os.fsdecode(source).removeprefix(repository.top + "/")
        items.append(
            Item(
                name,
                f"ignored by {where}:{line.decode('ascii')} {os.fsdecode(pattern)}",
                _size(repository, name),
            )
        )
    return items


def _special(git: Git, repository: Repository) -> list[Item]:
    """Pipes, sockets and devices, which git passes over in silence; looked for in the folders that it would commit from."""
    known = git.run("ls-files", "-z", "--cached", "--others", "--exclude-standard").stdout.split(b"\0")
    folders = {""} | {os.path.dirname(os.fsdecode(path)) for path in known if path}
    items = []
    for folder in sorted(folders):
        try:
            entries = list(os.scandir(os.path.join(repository.top, folder)))
        except OSError:
            continue
        for entry in entries:
            mode = entry.stat(follow_symlinks=False).st_mode
            if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode)):
                items.append(Item(os.path.join(folder, entry.name), "not a file: git cannot hold pipes, sockets and devices", 0))
    return items


def _size(repository: Repository, path: str) -> int:
    try:
        found = os.lstat(os.path.join(repository.top, path))
    except OSError:
        return 0
    return 0 if stat.S_ISDIR(found.st_mode) else found.st_size
