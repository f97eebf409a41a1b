"""Can the home of reprun be used, and is it this user's own? Where others may write, they could put their files in the place of
ours."""

from __future__ import annotations

import os
import stat

from reprun.runner.errors import RunnerError
from reprun.runner.paths import Home

_ELSEWHERE = "export REPRUN_HOME=<a folder of yours>"


def check_home(home: Home) -> None:
    """Raises `RunnerError` for a home, or a folder of ours in it, that belongs to somebody else or is open to all, or of which no
    record can hold the name.

    What is not there yet is made as it should be. A shared temporary folder may be the home: its sticky bit keeps what is ours.
    """
    try:
        home.root.encode()
    except UnicodeEncodeError:
        what = "the folder %r has a name that is not in UTF-8, so runs in it cannot be recorded" % os.fsencode(home.root)
        raise RunnerError("usage", what, _ELSEWHERE) from None
    found = _look(home.root)
    if found is not None and stat.S_ISDIR(found.st_mode):
        open_to_all = found.st_mode & stat.S_IWOTH and not found.st_mode & stat.S_ISVTX
        if found.st_uid not in (os.geteuid(), 0):
            raise _refusal(home.root, "belongs to another user")
        if open_to_all:
            raise _refusal(home.root, "can be written by everybody", "chmod go-w %s" % home.root)
    for folder in (home.runs, home.repos, home.worktrees, home.cache, home.envs, home.packages, home.tools):
        # A link of this user's own may lead to a larger disk.
        if any(found is not None and found.st_uid != os.geteuid() for found in (_look(folder), _look(folder, follow=True))):
            raise _refusal(folder, "belongs to another user")


def _look(path: str, follow: bool = False) -> "os.stat_result | None":
    try:
        return os.stat(path, follow_symlinks=follow)
    except OSError:
        return None


def _refusal(path: str, why: str, hint: str = _ELSEWHERE) -> RunnerError:
    return RunnerError("refused", "the folder %s %s, who could change what runs" % (path, why), hint)
