"""What a dev tree is, told without git's help: to compare a snapshot with, and to see that nothing was touched."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from reprun.core.errors import RefusedError
from reprun.core.spec import Snapshot
from reprun.repo.discover import find_repository
from reprun.repo.snapshot import take_snapshot
from reprun.repo.wish import Wish

Faithful = Callable[..., Snapshot]  # the fixture `faithful`
Refused = Callable[..., RefusedError]  # the fixture `refused`
IDS = (f"20261121-031622-{number:06d}" for number in range(10**6))


def snap(where: str | os.PathLike[str] = ".", **wish: object) -> Snapshot:
    """A snapshot of the tree around `where`, under a run id of its own."""
    return take_snapshot(find_repository(os.path.abspath(where)), Wish(next(IDS), **wish))  # type: ignore[arg-type]


def walk(top: Path) -> Iterator[Path]:
    """Every file, link, pipe and so on below `top` but for git's own."""
    for folder, folders, files in os.walk(top):
        links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        folders[:] = [name for name in folders if name != ".git" and name not in links]
        for name in [*files, *links]:
            if name != ".git":
                yield Path(folder, name)


def tree_on_disk(top: Path, ignored: tuple[str, ...] = (), algorithm: str = "sha1") -> dict[str, str]:
    """path → `mode blob` as git would store it, computed from the bytes on the disk."""
    found = {}
    for path in walk(top):
        name = str(path.relative_to(top))
        mode = path.lstat().st_mode
        if name in ignored or not (stat.S_ISREG(mode) or stat.S_ISLNK(mode)):
            continue
        data = _content(path, mode)
        kind = "120000" if stat.S_ISLNK(mode) else "100755" if mode & 0o100 else "100644"
        found[name] = f"{kind} {hashlib.new(algorithm, b'blob %d' % len(data) + bytes(1) + data).hexdigest()}"
    return found


def tree_of(git: object, commit: str) -> dict[str, str]:
    """path → `mode blob` of a commit."""
    said = git("ls-tree", "-r", "-z", commit)  # type: ignore[operator]
    found = {}
    for line in said.split("\0")[:-1]:
        header, _, path = line.partition("\t")
        mode, _, blob = header.split(" ")
        found[path] = f"{mode} {blob}"
    return found


def _content(path: Path, mode: int) -> bytes:
    """What the file holds or where the link leads; nothing for a pipe, which would not answer."""
    if stat.S_ISLNK(mode):
        return os.fsencode(os.readlink(path))
    return path.read_bytes() if stat.S_ISREG(mode) else b""


def fingerprint(top: Path, git_dir: Path) -> dict[str, object]:
    """Everything that is the user's: files and folders with mode and time; and of git all but what is reprun's."""
    found: dict[str, object] = {}
    for folder, folders, _ in os.walk(top):
        folders[:] = [name for name in folders if name != ".git"]
        stats = os.lstat(folder)
        found[folder] = (stats.st_mode, stats.st_mtime_ns)
    for path in walk(top):
        stats = path.lstat()
        found[str(path)] = (_content(path, stats.st_mode), stats.st_mode, stats.st_mtime_ns, stats.st_ctime_ns)
    ours = (git_dir / "objects", git_dir / "reprun", git_dir / "refs" / "reprun", git_dir / "logs" / "refs" / "reprun")
    for folder, folders, files in os.walk(git_dir):
        folders[:] = [name for name in folders if Path(folder, name) not in ours]
        found[folder] = os.lstat(folder).st_mode
        for name in files:
            file = Path(folder, name)
            # git touches the shared part of a split index whenever it reads it, so that it does not expire, and the trees of
            # a submodule that a sparse index stands for
            time = 0 if name.startswith("sharedindex.") or "objects" in file.parts else file.lstat().st_mtime_ns
            found[str(file)] = (_content(file, file.lstat().st_mode), file.lstat().st_mode, time)
    return found


@contextmanager
def sacred(top: Path, git_dir: Path | None = None) -> Iterator[None]:
    """Nothing that is the user's differs after the block, however it ends."""
    git_dir = git_dir or top / ".git"
    before = fingerprint(top, git_dir)
    try:
        yield
    finally:
        after = fingerprint(top, git_dir)
        touched = sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
        assert touched == [], touched
        assert list((git_dir / "reprun" / "tmp").glob("*")) == []
