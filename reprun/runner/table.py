"""What a worktree looked like when it was verified: a stat of everything in it, so that a change is noticed without reading it.

The kernel sets ctime at every change of content, mode or (of a folder) entries, and nobody can set it back, so an equal inode
with an equal ctime means unchanged. Making or removing a hard link also changes the ctime of all names of a file, so the stats
are kept by inode, in one file for all worktrees that share files; a tree's own table maps its paths to inodes. Folders are
never shared: their ctime stands in the table.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Dict, Iterable, Iterator, List, Optional, Sequence, Tuple

    Stats = Dict[str, List[int]]  # inode → [size, mtime_ns, ctime_ns]
    Table = Dict[str, List[int]]  # path → [inode, mode]; of a folder [ctime_ns, mode]; the tree itself is ""
else:
    Stats = Table = dict


def walk(root: str, skip: Sequence[str] = ()) -> Tuple[Table, Stats]:
    """Stats every file and folder below `root`, but for the `.git` link at its top and the relative paths in `skip`."""
    top = os.lstat(root)
    table: Table = {"": [top.st_ctime_ns, top.st_mode]}
    stats: Stats = {}
    ignored = {".git", *skip}
    folders = [("", root)]
    while folders:
        prefix, path = folders.pop()
        with os.scandir(path) as entries:
            for entry in entries:
                relative = prefix + entry.name
                if relative in ignored:
                    continue
                found = entry.stat(follow_symlinks=False)
                if stat.S_ISDIR(found.st_mode):
                    folders.append((relative + "/", entry.path))
                    table[relative] = [found.st_ctime_ns, found.st_mode]
                else:
                    table[relative] = [found.st_ino, found.st_mode]
                    stats[str(found.st_ino)] = [found.st_size, found.st_mtime_ns, found.st_ctime_ns]
    return table, stats


def load(path: str) -> Optional[Dict[str, List[int]]]:
    """A saved table or stats; None when missing or torn, which only means that the slow way is taken."""
    try:
        with open(path, encoding="utf-8") as file:
            data = json.load(file)
    except (OSError, ValueError):
        return None
    return data if isinstance(data, dict) else None


def save(path: str, data: Dict[str, List[int]]) -> None:
    """Writes a table or stats aside and renames it into place (not synced: it is a cache)."""
    aside = "%s.%d.tmp" % (path, os.getpid())
    fd = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "w", encoding="utf-8") as file:
        file.write(json.dumps(data, separators=(",", ":")))
    os.rename(aside, path)


def is_unchanged(root: str, table: Optional[Table], stats: Optional[Stats], stop: Callable[[], bool] = bool) -> bool:
    """True when everything in the table is there with the inode and the ctime it had, and no folder gained or lost an entry.

    `stop` is asked at every folder; when it says so the answer is False.
    """
    if table is None or stats is None or "" not in table:
        return False
    try:
        with opened(root) as top:
            for path, (key, mode) in table.items():
                found = os.lstat(path or ".", dir_fd=top)
                if stat.S_ISDIR(mode):
                    if found.st_ctime_ns != key or stop():
                        return False
                elif found.st_ino != key or stats[str(key)][2] != found.st_ctime_ns:
                    return False
    except (OSError, KeyError, TypeError, ValueError, IndexError):
        return False
    return True


def look_at(root: str, paths: Iterable[str]) -> Tuple[Table, Stats]:
    """As `walk`, for a tree whose paths are known: half the time."""
    table: Table = {}
    stats: Stats = {}
    with opened(root) as top:
        for path in paths:
            found = os.lstat(path or ".", dir_fd=top)
            if stat.S_ISDIR(found.st_mode):
                table[path] = [found.st_ctime_ns, found.st_mode]
            else:
                table[path] = [found.st_ino, found.st_mode]
                stats[str(found.st_ino)] = [found.st_size, found.st_mtime_ns, found.st_ctime_ns]
    return table, stats


@contextlib.contextmanager
def opened(folder: str) -> Iterator[int]:
    """The folder as a descriptor: paths relative to it spare the kernel the way from the root, 10,000 times."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield fd
    finally:
        os.close(fd)
