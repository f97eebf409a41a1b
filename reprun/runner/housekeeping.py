"""What lies on this host, what of it nothing needs any more, and its removal."""

from __future__ import annotations

import os
import re
from typing import Any, Dict, Iterator, List, Set

from reprun.runner.checkout import Place
from reprun.runner.files import read_json, remove_tree
from reprun.runner.identity import start_time
from reprun.runner.paths import Home
from reprun.runner.state import find_state
from reprun.runner.worktree import list_trees, remove_worktree

_PID = re.compile(r"[.-]([0-9]+)(?:\.tmp)?$")


def survey(home: Home, request: Dict[str, Any]) -> Dict[str, Any]:
    """Worktrees of the repository `key` that no unfinished run uses, beyond the `keep` newest; and what killed processes left."""
    place = Place(home.store(request["key"]), home.trees(request["key"]))
    used = _used(home)
    spare = [name for _, name in list_trees(place) if name not in used][int(request.get("keep", 3)) :]
    return {
        "worktrees": [{"name": name, "path": place.path(name), "bytes": _bytes(place.path(name))} for name in spare],
        "leftovers": sorted(_leftovers(home, place)),
        "in_use": len(used),
    }


def remove(home: Home, request: Dict[str, Any]) -> Dict[str, Any]:
    """Removes worktrees by name, leftovers by path (only such as `survey` lists), and the folders of runs that never started."""
    place = Place(home.store(request["key"]), home.trees(request["key"]))
    removed: List[str] = []
    names = request.get("worktrees", [])
    used = _used(home) if names else set()
    for name in names:
        if name not in used and re.fullmatch("[0-9a-f]{40,64}", name):
            remove_worktree(place, name, place.path(name))
            remove_tree(os.path.join(home.cache, "pycache", place.path(name).lstrip("/")))
            removed.append(place.path(name))
    wanted = set(request.get("leftovers", []))
    for path in sorted(wanted & set(_leftovers(home, place)) if wanted else ()):
        _remove(path)
        removed.append(path)
    for run_id in request.get("runs", []):
        run = home.run(run_id)
        if os.path.isdir(run.path) and find_state(run)["state"] == "unstarted":
            remove_tree(run.path)
            removed.append(run.path)
    return {"removed": removed}


def _used(home: Home) -> Set[str]:
    """The commits of all runs that have not ended; a run that has may be done again from git."""
    used: Set[str] = set()
    for run_id in _names(home.runs):
        run = home.run(run_id)
        if os.path.lexists(run.outcome):
            continue
        state = find_state(run)
        plan = _plan(run.launch) or _plan(run.started) or {}
        commit = plan.get("worktree", {}).get("commit") or plan.get("commit")
        if state["state"] in ("starting", "running", "unstarted", "unknown") and commit:
            used.add(str(commit))
    return used


def _plan(path: str) -> "Dict[str, Any] | None":
    try:
        return read_json(path)
    except ValueError:
        return None


def _leftovers(home: Home, place: Place) -> Iterator[str]:
    """Things made aside by processes that are gone, and trees that were found damaged."""
    for name in _names(place.trees):
        if name.startswith(".") and _is_orphan(name):
            yield os.path.join(place.trees, name)
    for folder in (home.repos, place.store, os.path.join(home.cache, "interpreters"), home.cache):
        for name in _names(folder):
            if (name.endswith(".tmp") or name.startswith("reprun-index.")) and _is_orphan(name):
                yield os.path.join(folder, name)
    for run_id in _names(home.runs):
        for name in _names(os.path.join(home.runs, run_id)):
            if name.endswith(".tmp") and _is_orphan(name):
                yield os.path.join(home.runs, run_id, name)


def _is_orphan(name: str) -> bool:
    found = _PID.search(name)
    return found is not None and start_time(int(found.group(1))) is None


def _names(folder: str) -> List[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _remove(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        remove_tree(path)
    else:
        os.unlink(path)


def _bytes(path: str) -> int:
    """The space that removing the tree frees: a file with other links stays."""
    total = 0
    for folder, _, files in os.walk(path):
        for name in files:
            found = os.lstat(os.path.join(folder, name))
            if found.st_nlink == 1:
                total += found.st_blocks * 512
    return total
