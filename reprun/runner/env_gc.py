"""Environments that no run needs, and their removal. They can be made again from their locks; the archives of packages stay."""

from __future__ import annotations

import os
import re

from reprun.runner.env_record import MARK
from reprun.runner.files import list_names, read_json, remove_tree, try_locked
from reprun.runner.paths import Home
from reprun.runner.state import find_state

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterator, List, Sequence

_NAME = re.compile(r"[0-9a-f]{32}")
_BESIDE = (".work", ".doing", ".failed", ".log", ".boots", ".room")


def list_spare(home: Home, keep: int) -> List[Dict[str, Any]]:
    """What is half made and nobody makes; and the whole ones that no unfinished run uses, but for the `keep` used last."""
    used = in_use(home)
    whole: List[str] = []
    half: List[str] = []
    for name in list_names(home.envs):
        prefix = os.path.join(home.envs, name)
        if not _NAME.fullmatch(name) or name in used or not os.path.isdir(prefix):
            continue
        with try_locked(prefix + ".lock") as is_free:
            if is_free:
                (whole if os.path.exists(os.path.join(prefix, MARK)) else half).append(name)
    whole.sort(key=lambda name: os.stat(os.path.join(home.envs, name + ".lock")).st_mtime_ns, reverse=True)
    return [{"name": name, "path": os.path.join(home.envs, name), "bytes": _bytes(home, name)} for name in half + whole[keep:]]


def remove(home: Home, names: Sequence[str]) -> List[str]:
    """Removes environments that no unfinished run uses and nobody makes; then what was unpacked for them alone."""
    removed: List[str] = []
    used = in_use(home) if names else {}
    for name in names:
        prefix = os.path.join(home.envs, name)
        if not _NAME.fullmatch(name) or name in used or not os.path.isdir(prefix):
            continue
        with try_locked(prefix + ".lock") as is_free:
            if is_free:
                # Without its mark it is no environment any more, should this be killed half way.
                os.chmod(prefix, 0o700)
                remove_tree(os.path.join(prefix, MARK))
                for path in (prefix, *(prefix + end for end in _BESIDE)):
                    remove_tree(path)
                removed.append(prefix)
    if removed:
        removed += _drop_unpacked(home)
    return removed


def in_use(home: Home, states: Sequence[str] = ("starting", "running", "unstarted", "queued", "unknown")) -> Dict[str, str]:
    """The names of the environments of all runs that have not ended, each with one of these."""
    used = {}
    for run_id in list_names(home.runs):
        run = home.run(run_id)
        if os.path.lexists(run.outcome):
            continue
        for path in (run.launch, run.started):
            try:
                plan = read_json(path) or {}
            except ValueError:
                plan = {}
            if plan.get("environment") and find_state(run)["state"] in states:
                used[str(plan["environment"])[:32]] = run_id
    return used


def packages_lock(home: Home) -> str:
    """Held by those who use unpacked packages, so that none goes meanwhile."""
    return os.path.join(home.packages, "lock")


def _drop_unpacked(home: Home) -> Iterator[str]:
    """Unpacked packages whose files no environment shares."""
    folder = os.path.join(home.packages, "unpacked")
    if not os.path.isdir(folder):
        return
    with try_locked(packages_lock(home)) as is_free:
        for name in list_names(folder) if is_free else ():
            path = os.path.join(folder, name)
            if os.path.isdir(path) and not any(found.st_nlink > 1 for found in _files(path)):
                remove_tree(path)
                remove_tree(path + ".lock")
                yield path


def _bytes(home: Home, name: str) -> int:
    """The space that is freed: of files that are only here and among the unpacked packages."""
    return sum(found.st_blocks * 512 for found in _files(os.path.join(home.envs, name)) if found.st_nlink <= 2)


def _files(top: str) -> Iterator[os.stat_result]:
    for folder, _, files in os.walk(top):
        for file in files:
            yield os.lstat(os.path.join(folder, file))
