"""What a worktree looked like when it was verified: a stat of every file, so that a change is noticed without reading it.

The kernel sets ctime at every change of content or mode and nobody can set it back, so equal (inode, size, mtime, ctime)
means unchanged. Making or removing a hard link also changes the ctime of all its names, so the stats are kept by inode, in
one file for all worktrees that share files; a tree's own table maps its paths to inodes.
"""

from __future__ import annotations

import json
import os
import stat
from typing import Dict, List, Optional, Sequence, Tuple

Stats = Dict[str, List[int]]  # inode → [size, mtime_ns, ctime_ns]
Table = Dict[str, List[int]]  # path → [inode, mode]


def walk(root: str, skip: Sequence[str] = ()) -> Tuple[Table, Stats]:
    """Stats every file and folder below `root`, but for the `.git` link at its top and the relative paths in `skip`."""
    table: Table = {}
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
                    table[relative] = [0, found.st_mode]
                else:
                    table[relative] = [found.st_ino, found.st_mode]
                    stats[str(found.st_ino)] = [found.st_size, found.st_mtime_ns, found.st_ctime_ns]
    return table, stats


def load(path: str) -> Optional[Dict[str, List[int]]]:
    """A saved table or stats; None when missing or torn, which only means that the slow way is taken."""
    try:
        with open(path, encoding="ascii") as file:
            data = json.load(file)
    except (OSError, ValueError):
        return None
    return data if isinstance(data, dict) else None


def save(path: str, data: Dict[str, List[int]]) -> None:
    """Writes a table or stats aside and renames it into place (not synced: it is a cache)."""
    aside = "%s.%d.tmp" % (path, os.getpid())
    fd = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "w", encoding="ascii") as file:
        file.write(json.dumps(data, separators=(",", ":")))
    os.rename(aside, path)


def is_same(seen: Table, seen_stats: Stats, expected: Optional[Table], stats: Optional[Stats]) -> bool:
    """True when the paths, modes and inodes are the expected ones and no inode changed since its stat was kept."""
    if expected is None or stats is None or seen != expected:
        return False
    return all(stats.get(inode) == found for inode, found in seen_stats.items())
