"""What lies on this host, what of it nothing needs any more, and its removal."""

from __future__ import annotations

import os
import re
from typing import Any, Dict, Iterator, List, Set

from reprun.runner.checkout import Place
from reprun.runner.disused import BROKEN, is_older, list_disused, remove_disused
from reprun.runner.env_gc import list_spare
from reprun.runner.env_gc import remove as remove_environments
from reprun.runner.env_spare import list_spare_archives, remove_archives
from reprun.runner.files import list_names, read_json, remove_tree
from reprun.runner.form import TREE_NAME, commit_of
from reprun.runner.git import Git
from reprun.runner.identity import is_alive, is_orphan
from reprun.runner.paths import Home, RunDir, is_on_network
from reprun.runner.state import find_state
from reprun.runner.worktree import is_admin_of_nothing, list_trees, remove_admin_of_nothing, remove_worktree

RUNS = "refs/reprun/runs/"


def survey(home: Home, request: Dict[str, Any]) -> Dict[str, Any]:
    """Worktrees of the repository `key` that no unfinished run uses, beyond the `keep` newest; and what killed processes left."""
    place = Place(home.store(request["key"]), home.trees(request["key"]))
    used = _used(home)
    spare = [name for _, name in list_trees(place) if commit_of(name) not in used][int(request.get("keep", 3)) :]
    return {
        "worktrees": [{"name": name, "path": place.path(name), "bytes": _bytes(place.path(name))} for name in spare],
        "leftovers": sorted(_leftovers(home, place)),
        "disused": list_disused(home, place.store),
        "in_use": len(used),
        "refs": sorted(_refs(home, place)),
        "unstarted": sorted(_unstarted(home, place)),
        "environments": list_spare(home, int(request.get("keep", 3))),
        "packages": list_spare_archives(home, request["needed"]) if "needed" in request else [],
    }


def remove(home: Home, request: Dict[str, Any]) -> Dict[str, Any]:
    """Removes worktrees by name, leftovers and what is disused by path (only such as `survey` lists), and the folders of runs
    that never started."""
    place = Place(home.store(request["key"]), home.trees(request["key"]))
    removed: List[str] = []
    names = request.get("worktrees", [])
    used = _used(home) if names else set()
    for name in names:
        if commit_of(name) not in used and re.fullmatch(TREE_NAME, name):
            remove_worktree(place, name, place.path(name))
            remove_tree(os.path.join(home.cache, "pycache", place.path(name).lstrip("/")))
            removed.append(place.path(name))
    wanted = set(request.get("leftovers", []))
    for path in sorted(wanted & set(_leftovers(home, place)) if wanted else ()):
        if os.path.dirname(path) == os.path.join(place.store, "worktrees"):
            remove_admin_of_nothing(place, os.path.basename(path))
        else:
            _remove(path)
        removed.append(path)
    removed += remove_disused(home, place.store, request.get("disused", []))
    for run_id in request.get("runs", []):
        run = home.run(run_id)
        if os.path.isdir(run.path) and find_state(run)["state"] == "unstarted":
            if os.path.isdir(place.admin(run_id)):  # it has a tree of its own
                remove_worktree(place, run_id, run.tree)
            remove_tree(run.path)
            removed.append(run.path)
    removed += remove_environments(home, request.get("environments", []))
    removed += remove_archives(home, request.get("packages", []), request.get("needed", []))
    removed += _forget(home, place, request.get("refs", []))
    return {"removed": removed}


def _refs(home: Home, place: Place) -> Set[str]:
    """The runs whose commit is kept here, but of which nothing else is: the dev side knows which of them are gone there too."""
    if not os.path.isdir(place.store):
        return set()
    names = Git(place.store, {"GIT_DIR": place.store}).text("for-each-ref", "--format=%(refname)", RUNS).split()
    return {name[len(RUNS) :] for name in names} - set(list_names(home.runs))


def _unstarted(home: Home, place: Place) -> Iterator[str]:
    """The runs of this repository that were prepared and never started: the dev side knows which of them may still be."""
    for run_id in list_names(home.runs):
        run = home.run(run_id)
        plan = _plan(run.launch) or {}
        if plan.get("worktree", {}).get("store") == place.store and find_state(run)["state"] == "unstarted":
            yield run_id


def _forget(home: Home, place: Place, run_ids: List[str]) -> List[str]:
    """Drops the refs of runs that are gone, and lets git remove what hung on them alone, once it is a day old."""
    gone = [RUNS + run_id for run_id in run_ids if run_id in _refs(home, place)] if run_ids else []
    git = Git(place.store, {"GIT_DIR": place.store})
    for ref in gone:
        git.run("update-ref", "-d", ref)
    if gone:
        git.run("gc", "--quiet", "--prune=1.day.ago", check=False)
    return gone


def _used(home: Home) -> Set[str]:
    """The commits of all runs that have not ended; a run that has may be done again from git."""
    used: Set[str] = set()
    for run_id in list_names(home.runs):
        run = home.run(run_id)
        if os.path.lexists(run.outcome):
            continue
        state = find_state(run)
        plan = _plan(run.launch) or _plan(run.started) or {}
        commit = plan.get("worktree", {}).get("commit") or plan.get("commit")
        if state["state"] in ("starting", "running", "unstarted", "queued", "unknown") and commit:
            used.add(str(commit))
    return used


def _plan(path: str) -> "Dict[str, Any] | None":
    try:
        return read_json(path)
    except ValueError:
        return None


def _leftovers(home: Home, place: Place) -> Iterator[str]:
    """Things made aside by processes that are gone, trees that were found damaged, and plans of jobs that are over."""
    is_building, is_shared = False, is_on_network(home.root)
    for name in list_names(place.trees):
        if name.startswith("."):
            if is_orphan(name):
                yield os.path.join(place.trees, name)
            else:
                is_building = True
    admins = [place.admin(name) for name in list_names(os.path.join(place.store, "worktrees"))]
    info = os.path.join(place.store, "objects", "info")
    cached = [os.path.join(home.cache, name) for name in ("interpreters", "captures")]
    folders = [home.repos, home.runners, place.store, info, *cached, home.cache, *admins]
    for folder in [*folders, os.path.join(home.packages, "tmp")]:
        for name in list_names(folder):
            path = os.path.join(folder, name)
            is_left = (name.endswith(".tmp") or name.startswith("reprun-index.")) and is_orphan(name)
            if is_left and (not is_shared or is_older(path, BROKEN)):  # the process may be one of another machine
                yield path
    if not is_building:
        yield from (admin for admin in admins if is_admin_of_nothing(admin))
    for run_id in list_names(home.runs):
        yield from _left_of_run(home.run(run_id))


def _left_of_run(run: RunDir) -> Iterator[str]:
    for name in list_names(run.path):
        if name.endswith(".tmp") and is_orphan(name):
            yield os.path.join(run.path, name)
    # The plan may hold secrets. It goes when the job starts; a supervisor that was killed just then could not do that.
    started = _plan(run.started) or {}
    is_begun = bool(started) or os.path.lexists(run.outcome)
    if is_begun and os.path.lexists(run.launch) and not is_alive(started.get("supervisor")):
        yield run.launch


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
