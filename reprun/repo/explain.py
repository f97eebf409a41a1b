"""What a snapshot would commit, what it leaves out and why. Reads only; no object is written."""

from __future__ import annotations

import os
import stat
from typing import Any

from reprun.core.errors import ToolError
from reprun.core.frozen import dataclass, replace
from reprun.core.guarded import Finding, Rules
from reprun.repo.discover import Repository
from reprun.repo.parts import Opening, Part, new_in, opened_parts, sort_out_all, together
from reprun.repo.snapshot import make_guard
from reprun.system.files import make_temporary_folder
from reprun.system.process import Git, translated

_KINDS = {"M": "changed", "A": "new", "D": "deleted", "T": "type changed", "?": "new", "m": "changed"}
_NOT_A_FILE = "not a file: git cannot hold pipes, sockets and devices"
MAX_IGNORED = 1000


@dataclass(frozen=True)
class Item:
    """A path with what happens to it: `what` in words (`new`, `ignored by .gitignore:3 *.log`), `size` in bytes.

    `stopped` is why the guard would refuse the whole snapshot; empty for nearly every path.
    """

    path: str
    what: str
    size: int
    stopped: str = ""


@dataclass(frozen=True)
class Explanation:
    """The two lists, and the commit that the snapshot would stand on (empty in a repository without commits).

    `submodules` are those whose files would be in it: tables of path, commit and dirty.
    """

    parent: str
    branch: str
    committed: list[Item]
    left_out: list[Item]
    submodules: list[dict[str, Any]]


def explain_snapshot(repository: Repository, rules: Rules) -> Explanation:
    """Asks git what a snapshot would change, which rule leaves each other path out, and the guard what it thinks of it."""
    folder = make_temporary_folder()  # and not reprun's own in the repository: nothing is changed there
    try:
        with translated(), opened_parts(repository, Opening("explain", folder, during_operation=True)) as parts:
            looked = make_guard(parts, rules).look(together(parts, sort_out_all(parts)), new_in(parts))
            stopped = {item.path: item for item in looked}
            committed = [item for part in parts for item in _within(part, _committed(part.git, part.repository))]
            submodules = [_submodule(part, committed) for part in parts[1:]]
            committed = [replace(item, stopped=_reason(stopped.pop(item.path, None))) for item in committed]
            committed += [Item(item.path, "new", item.size, item.reason) for item in stopped.values()]
            left_out = [item for part in parts for item in _within(part, _left_out(part.git, part.repository))]
    finally:
        os.rmdir(folder)
    return Explanation(repository.head, repository.branch.removeprefix("refs/heads/"), committed, left_out, submodules)


def _within(part: Part, items: list[Item]) -> list[Item]:
    return [replace(item, path=part.prefix + item.path) for item in items] if part.prefix else items


def _left_out(git: Git, repository: Repository) -> list[Item]:
    ignored = _list_ignored(git)
    return [*_ignored(git, repository, ignored[:MAX_IGNORED]), *_special(git, repository, ignored)]


def _submodule(part: Part, committed: list[Item]) -> dict[str, Any]:
    dirty = any(item.path.startswith(part.prefix) for item in committed)
    return {"path": part.prefix[:-1], "commit": part.repository.head, "dirty": dirty}


def _reason(finding: Finding | None) -> str:
    return finding.reason if finding else ""


def _committed(git: Git, repository: Repository) -> list[Item]:
    base = repository.head or git.text("hash-object", "-t", "tree", "--stdin")  # git knows the empty tree without an object
    # What is in a submodule is told by itself; here only that it is at another commit.
    words = ("-z", "--name-status", "--no-renames", "--ignore-submodules=dirty")
    said = git.run("diff-index", *words, base).stdout.split(b"\0")
    changed = {os.fsdecode(path): kind.decode("ascii") for kind, path in zip(said[0::2], said[1::2], strict=False)}
    for path in git.run("ls-files", "-z", "--others", "--exclude-standard").stdout.split(b"\0"):
        if path:
            changed[os.fsdecode(path)] = "?"
    return [Item(path, _KINDS.get(kind, kind), _size(repository, path)) for path, kind in sorted(changed.items())]


def _list_ignored(git: Git) -> list[bytes]:
    listed = git.run("ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--directory").stdout
    return [path for path in listed.split(b"\0") if path]


def _ignored(git: Git, repository: Repository, paths: list[bytes]) -> list[Item]:
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


def _special(git: Git, repository: Repository, ignored: list[bytes]) -> list[Item]:
    """What git passes over in silence: pipes, sockets, devices, and folders without a file."""
    known = git.run("ls-files", "-z", "--cached", "--others", "--exclude-standard").stdout.split(b"\0")
    used = {""}
    for line in known:
        folder = os.path.dirname(os.fsdecode(line))
        while folder not in used:
            used.add(folder)
            folder = os.path.dirname(folder)
    left = {os.fsdecode(line).rstrip("/") for line in ignored}
    items: list[Item] = []
    for folder in sorted(used):
        for name, mode in _entries(os.path.join(repository.top, folder)):
            path = os.path.join(folder, name)
            if stat.S_ISDIR(mode) and path not in used and path not in left and name != ".git":
                items += _hollow(repository.top, path)
            elif not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode)):
                items.append(Item(path, _NOT_A_FILE, 0))
    return items


def _hollow(top: str, folder: str) -> list[Item]:
    """A folder that git would commit nothing of: what is told of it."""
    found = [
        (os.path.relpath(os.path.join(where, name), top), mode)
        for where, _, _ in os.walk(os.path.join(top, folder))
        for name, mode in _entries(where)
        if not stat.S_ISDIR(mode)
    ]
    if not found:
        return [Item(folder + "/", "an empty folder: git holds files only", 0)]
    return [Item(path, _NOT_A_FILE, 0) for path, mode in found if not (stat.S_ISREG(mode) or stat.S_ISLNK(mode))]


def _entries(folder: str) -> list[tuple[str, int]]:
    """(name, mode) of what is in a folder; nothing where it may not be read."""
    try:
        with os.scandir(folder) as entries:
            return sorted((entry.name, entry.stat(follow_symlinks=False).st_mode) for entry in entries)
    except OSError:
        return []


def _size(repository: Repository, path: str) -> int:
    try:
        found = os.lstat(os.path.join(repository.top, path))
    except OSError:
        return 0
    return 0 if stat.S_ISDIR(found.st_mode) else found.st_size
