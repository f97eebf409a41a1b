"""What a dev tree is, told without git's help: to compare a snapshot with, and to see that nothing was touched."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reprun.core.spec import Snapshot
from reprun.repo.discover import find_repository
from reprun.repo.snapshot import Wish, take_snapshot

IDS = (f"20261121-031622-{number:06d}" for number in range(10**6))


def snap(where: str | os.PathLike[str] = ".", **wish: object) -> Snapshot:
    """A snapshot of the tree around `where`, under a run id of its own."""
    return take_snapshot(find_repository(os.path.abspath(where)), Wish(next(IDS), **wish))  # type: ignore[arg-type]


def walk(top: Path) -> Iterator[Path]:
    """Every file and link below `top` but for git's own."""
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
        if name in ignored:
            continue
        mode = path.lstat().st_mode
        data = os.fsencode(os.readlink(path)) if stat.S_ISLNK(mode) else path.read_bytes()
        kind = "120000" if stat.S_ISLNK(mode) else "100755" if mode & 0o100 else "100644"
        found[name] = f"{kind} {hashlib.new(algorithm, b'blob %d' % len(data) + bytes(1) + data).hexdigest()}"
    return found


def tree_of(git: object, commit: str) -> dict[str, str]:
    """path → `mode blob` of a commit."""
    said = git("ls-tree", "-r", "-z", commit)  # type: ignore[operator]
    found = {}
    for line in said.rstrip("\0").split("\0"):
        header, _, path = line.partition("\t")
        mode, _, blob = header.split(" ")
        found[path] = f"{mode} {blob}"
    return found


def fingerprint(top: Path, git_dir: Path) -> dict[str, object]:
    """Everything that is the user's: files with mode and time; and of git all but objects and what is reprun's."""
    found: dict[str, object] = {}
    for path in walk(top):
        stats = path.lstat()
        data = os.readlink(path) if path.is_symlink() else path.read_bytes()
        found[str(path)] = (data, stats.st_mode, stats.st_mtime_ns, stats.st_ctime_ns)
    ours = (git_dir / "objects", git_dir / "reprun", git_dir / "refs" / "reprun")
    for folder, folders, files in os.walk(git_dir):
        folders[:] = [name for name in folders if Path(folder, name) not in ours]
        for name in files:
            file = Path(folder, name)
            # git touches the shared part of a split index whenever it reads it, so that it does not expire
            time = 0 if name.startswith("sharedindex.") else file.stat().st_mtime_ns
            found[str(file)] = (file.read_bytes(), file.stat().st_mode, time)
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
        assert {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)} == set()
        assert list((git_dir / "reprun" / "tmp").glob("*")) == []
