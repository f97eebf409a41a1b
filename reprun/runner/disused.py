"""What nobody has used for long: runners of other versions, and contents of files whose transfer broke off.

No file says who works with a runner. Launches touch its folder, and supervisors have it in their command line: those of
this machine can be looked at, those of other machines that share the disk are known by the start records of their runs.
"""

from __future__ import annotations

import os
import re
import time
from typing import Any, Dict, Iterator, List, Optional, Set

from reprun.runner.contents import own_storage
from reprun.runner.files import list_names, read_json, remove_tree
from reprun.runner.identity import elsewhere
from reprun.runner.paths import Home, own_runner

RESTS = (
    86400.0  # seconds: for so long a runner stays that nobody launches with; other versions on other laptops may be in daily use
)
BROKEN = 6 * 3600.0  # and what came of a file, to go on from there
_DIGEST = re.compile("[0-9a-f]{32}")


def list_disused(home: Home, store: str) -> List[Dict[str, Any]]:
    """`kind`, `path` and `bytes` of each."""
    runners = [("runner", path) for path in _runners(home)]
    parts = [("broken transfer", path) for path in _parts(home, store)]
    return [{"kind": kind, "path": path, "bytes": _bytes(path)} for kind, path in runners + parts]


def remove_disused(home: Home, store: str, wanted: List[str]) -> List[str]:
    """Removes those of the paths that are still disused, and answers with them."""
    removed = []
    for path in [item["path"] for item in list_disused(home, store)] if wanted else ():
        if path not in wanted:
            continue
        if os.path.isdir(path):  # in one step for whoever comes just now: half a runner would be taken for a whole one
            aside = "%s.%d.tmp" % (path, os.getpid())
            os.rename(path, aside)
            remove_tree(aside)
        else:
            os.unlink(path)
        removed.append(path)
    return removed


def is_older(path: str, seconds: float) -> bool:
    """True when nobody has changed it for so long, by the clock of this machine."""
    try:
        return time.time() - os.lstat(path).st_mtime > seconds
    except OSError:
        return False


def _runners(home: Home) -> List[str]:
    names = [name for name in list_names(home.runners) if _DIGEST.fullmatch(name)]
    paths = [os.path.join(home.runners, name) for name in sorted(names)]
    found = [path for path in paths if path != own_runner() and is_older(path, RESTS)]
    if not found:
        return []
    used = _used_elsewhere(home)
    if used is None:
        return []
    words = b"\0".join(_commands())
    return [path for path in found if path not in used and os.fsencode(path) + b"/" not in words]


def _used_elsewhere(home: Home) -> "Optional[Set[str]]":
    """The runners of runs that other machines have on this disk; None when one of them does not say."""
    used = set()
    for name in list_names(home.runs):
        run = home.run(name)
        if os.path.lexists(run.outcome) or not os.path.lexists(run.started) or is_older(run.started, RESTS):
            continue  # it has ended, or nobody has touched its record for a day: a supervisor does that all the time
        try:
            started = read_json(run.started) or {}
        except ValueError:
            continue
        if elsewhere(started):
            if not started.get("runner"):
                return None
            used.add(str(started["runner"]))
    return used


def _parts(home: Home, store: str) -> List[str]:
    folders = [os.path.join(storage, "tmp") for storage in (own_storage(store), home.packages)]
    paths = [os.path.join(folder, name) for folder in folders for name in list_names(folder) if name.endswith(".part")]
    found = [path for path in paths if is_older(path, BROKEN)]
    held = set(_open_files()) if found else set()
    return [path for path in found if path not in held]


def _commands() -> Iterator[bytes]:
    """The command lines of this machine's processes."""
    for pid in _pids():
        try:
            with open("/proc/%s/cmdline" % pid, "rb") as file:
                yield file.read()
        except OSError:
            pass  # gone, or somebody else's


def _open_files() -> Iterator[str]:
    """What the processes of this user have open."""
    for pid in _pids():
        folder = "/proc/%s/fd" % pid
        for name in list_names(folder):
            try:
                yield os.readlink(os.path.join(folder, name))
            except OSError:
                pass


def _pids() -> List[str]:
    return [name for name in list_names("/proc") if name.isdigit()]


def _bytes(path: str) -> int:
    paths = [path]
    for folder, _, names in os.walk(path):
        paths += [os.path.join(folder, name) for name in names]
    return sum(os.lstat(one).st_blocks * 512 for one in paths if not os.path.isdir(one))
