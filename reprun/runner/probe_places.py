"""Places that the job reads or writes, and the room that is left in them. Only what is wrong is a fact; the rest is measured."""

from __future__ import annotations

import os
from typing import Any, Dict, List

from reprun.runner.probe import Context, Facts


def probe(context: Context) -> Facts:
    """`unreadable` and `unwritable` as [path, why], `short` as [path, what, wanted]; `free` is measured."""
    facts: Dict[str, List[Any]] = {"unreadable": [], "unwritable": [], "short": []}
    free: Dict[str, Any] = {}
    for name in context.ask.get("readable", ()):
        why = _why_not(_whole(name, context), os.R_OK)
        if why:
            facts["unreadable"].append([name, why])
    for place in context.ask.get("writable", ()):
        path = _whole(place["path"], context)
        why = _why_not(path, os.W_OK)
        if why:
            facts["unwritable"].append([place["path"], why])
        else:
            _measure(place["path"], path, place, facts, free)
    if context.ask.get("disk"):
        _measure(context.home.root, context.home.root, {"free": context.ask["disk"]}, facts, free)
    return facts, {"free": free}


def _whole(name: str, context: Context) -> str:
    """The path that is meant: `~` is the home of this user here, and what is relative is in the worktree."""
    return os.path.normpath(os.path.join(context.tree, os.path.expanduser(name)))


def _why_not(path: str, mode: int) -> str:
    if not os.path.exists(path):
        return "is not there"
    if os.path.isdir(path):
        mode |= os.X_OK
    if not os.access(path, mode):
        return "may not be %s by this user" % ("written" if mode & os.W_OK else "read")
    if mode & os.W_OK and os.statvfs(path).f_flag & os.ST_RDONLY:
        return "is on a file system that is read-only"
    return ""


def _measure(name: str, path: str, wanted: Dict[str, Any], facts: Dict[str, List[Any]], free: Dict[str, Any]) -> None:
    found = os.statvfs(path)
    room, inodes = found.f_bavail * found.f_frsize, found.f_favail
    free[name] = {"bytes": room, "inodes": inodes}
    if room < wanted.get("free", 0):
        facts["short"].append([name, "bytes", wanted["free"]])
    if found.f_files and inodes < wanted.get("inodes", 0):  # some file systems do not count them
        facts["short"].append([name, "inodes", wanted["inodes"]])
