"""A dev repository, reprun's own repository beside it, and trees of its commits."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

from lab import Run

from reprun.runner import worktree
from reprun.runner.checkout import Place
from reprun.runner.paths import Home
from reprun.runner.store import ensure_store


class Trees:
    """The worktrees of the repository in `repo`, below `home`."""

    def __init__(self, repo: Path, home: Path, git: Run) -> None:
        self.repo = repo
        self.git = git
        place = Home(str(home))
        store = ensure_store(place, "project", str(repo / ".git" / "objects"), git("rev-parse", "--show-object-format"))
        self.place = Place(store, place.trees("project"))
        os.makedirs(self.place.trees, exist_ok=True)

    def commit(self, change: Callable[[Path], object] | None = None) -> str:
        """Commits everything in the dev tree after `change`, and returns the commit."""
        if change:
            change(self.repo)
        self.git("add", "--all", cwd=self.repo)
        self.git("commit", "-q", "--allow-empty", "-m", "next", cwd=self.repo)
        return self.git("rev-parse", "HEAD", cwd=self.repo)

    def ensure(self, commit: str) -> Path:
        """The shared tree, which must be what the commit is."""
        path = Path(worktree.ensure_worktree(self.place, commit))
        assert listing(path) == self.expected(commit)
        assert worktree.find_changes(self.place, commit, str(path), commit) == []
        return path

    def own(self, commit: str, name: str, *writable: str) -> Path:
        """The tree of one run."""
        path = str(Path(self.place.store).parent.parent / "runs" / name / "tree")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return Path(worktree.ensure_own_tree(self.place, commit, name, path, writable))

    def expected(self, commit: str) -> dict[str, tuple[str, bytes]]:
        """name → (kind, content) as git itself tells of the commit."""
        found = {}
        for line in self.git("ls-tree", "-r", "-z", commit, cwd=self.repo).rstrip("\0").split("\0"):
            header, _, name = line.partition("\t")
            mode, _, blob = header.split(" ")
            found[name] = (mode, os.fsencode(self.git("cat-file", "blob", blob + "", cwd=self.repo)))
        return found

    def changes(self, commit: str) -> list[str]:
        """What a finished run of the commit would report of its tree."""
        return worktree.find_changes(self.place, commit, self.place.path(commit), commit)


def listing(top: Path) -> dict[str, tuple[str, bytes]]:
    """name → (kind, content without line breaks at its end) of all files and links, but for `.git`."""
    found = {}
    for folder, folders, files in os.walk(top):
        for name in files + [name for name in folders if os.path.islink(os.path.join(folder, name))]:
            path = os.path.join(folder, name)
            relative = os.path.relpath(path, top)
            mode = os.lstat(path).st_mode
            if relative == ".git":
                continue
            if stat.S_ISLNK(mode):
                found[relative] = ("120000", os.fsencode(os.readlink(path)))
            else:
                with open(path, "rb") as file:
                    found[relative] = ("100755" if mode & 0o100 else "100644", file.read().rstrip(b"\n"))
    return found


def inodes(top: Path) -> dict[str, int]:
    """name → inode of every file."""
    return {name: os.lstat(top / name).st_ino for name in listing(top)}


def overwrite(path: Path, data: bytes) -> None:
    """Writes into a read-only file, as a job may that owns it or is root, and hides the time of it."""
    before = path.stat()
    path.chmod(0o644)
    path.write_bytes(data)
    path.chmod(stat.S_IMODE(before.st_mode))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
