"""Refs of reprun: each is created once, with a value that follows from its name, and never moved. So a lock that a killed
git left on one may be taken away: whoever still held it would write the same."""

from __future__ import annotations

import os
import time

from reprun.runner.git import Git

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Iterable, List, Optional, Tuple

PREFIX = "refs/reprun/"
STALE_SECONDS = 1.0  # git holds such a lock for milliseconds


def create_ref(git: Git, common_dir: str, ref: str, object_id: str) -> str:
    """Creates `ref`; one that is there with that value is fine. Answers with what git said when it cannot be: empty is good."""
    said = ""
    for _ in range(3):
        done = git.run("update-ref", ref, object_id, "0" * len(object_id), check=False)
        if done.returncode == 0 or find_ref(git, ref) == object_id:
            return ""
        said = done.stderr.decode("utf-8", "replace").strip() or "git was killed"
        lock = os.path.join(common_dir, ref + ".lock")
        if not remove_stale([lock]) and done.returncode > 0 and "File exists" not in said:
            break
    return said


def find_ref(git: Git, ref: str) -> Optional[str]:
    """The object id that `ref`, a full name, stands for."""
    if not ref.startswith("refs/"):  # rev-parse of git 2.25 does not know where options end
        return None
    done = git.run("rev-parse", "--verify", "--quiet", ref, check=False)
    return done.stdout.decode("ascii").strip() or None if done.returncode == 0 else None


def find_locks(common_dir: str) -> List[str]:
    """The locks on refs of ours, held or left behind."""
    top = os.path.join(common_dir, PREFIX.rstrip("/"))
    return sorted(os.path.join(folder, name) for folder, _, names in os.walk(top) for name in names if name.endswith(".lock"))


def find_stale(locks: Iterable[str]) -> List[str]:
    """Those of the locks that nobody touches for a second; no clock is asked, which may have been set."""
    before = _look(locks)
    if not before:
        return []
    time.sleep(STALE_SECONDS)
    after = _look(before)
    return [path for path, found in before.items() if after.get(path) == found]


def remove_stale(locks: Iterable[str]) -> List[str]:
    """Removes the locks that nobody touches for a second, and answers with their paths."""
    removed = []
    for path in find_stale(locks):
        try:
            os.unlink(path)
            removed.append(path)
        except FileNotFoundError:
            pass  # another process found it too
    return removed


def _look(paths: Iterable[str]) -> Dict[str, Tuple[int, int, int]]:
    found = {}
    for path in paths:
        try:
            here = os.lstat(path)
        except OSError:
            continue
        found[path] = (here.st_ino, here.st_size, here.st_mtime_ns)
    return found
