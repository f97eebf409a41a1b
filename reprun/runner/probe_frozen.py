"""Data that is not to change: what its files are now, against what they were when a launch first saw them here."""

from __future__ import annotations

import os
from typing import Any, Dict, List

from reprun.runner.digests import sha256
from reprun.runner.files import ensure_dir, read_json, write_json
from reprun.runner.probe import Context, Facts


def probe(context: Context) -> Facts:
    """`changed`: [path, what has changed, the file that remembers what it was]."""
    changed: List[Any] = []
    for name in context.ask["frozen"]:
        path = os.path.join(context.facts["data_base"], os.path.expanduser(name))
        if not os.path.exists(path):
            continue  # `data` says so
        now = _state(path)
        key = sha256(os.fsencode("%s\0%s" % (context.facts["worktree"]["store"], name))).hexdigest()[:32]
        memo = os.path.join(context.home.frozen, key + ".json")
        before = _read(memo)
        if before is None and context.ask.get("alone"):
            continue
        if before is None:
            ensure_dir(os.path.dirname(memo))
            write_json(memo, {"path": path, "state": now})
        elif before != now:
            what = [key for key in ("files", "size", "newest", "names") if before.get(key) != now[key]]
            changed.append([name, what[0] if what else "names", memo])
    return {"changed": changed}, {}


def _read(path: str) -> Any:
    try:
        found = read_json(path)
    except ValueError:
        return None
    return None if found is None else found.get("state")


def _state(path: str) -> Dict[str, Any]:
    """How many files, their size, the newest time of change, and a digest of names, sizes and times."""
    paths = [path]
    if os.path.isdir(path):
        paths = sorted(os.path.join(folder, file) for folder, _, files in os.walk(path) for file in files)
    size, newest, whole = 0, 0, []
    for one in paths:
        found = os.stat(one) if os.path.exists(one) else os.lstat(one)  # a link may lead nowhere
        size, newest = size + found.st_size, max(newest, found.st_mtime_ns)
        whole.append("%s\0%d\0%d" % (os.path.relpath(one, path), found.st_size, found.st_mtime_ns))
    names = sha256("\n".join(whole).encode("utf-8", "surrogateescape")).hexdigest()
    return {"files": len(paths), "size": size, "newest": newest, "names": names}
