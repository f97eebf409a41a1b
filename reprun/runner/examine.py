"""Has this host all that runs need? Asked by `reprun doctor --on`. Changes nothing."""

from __future__ import annotations

import os
import time
from typing import Any, Dict, List

from reprun.runner.errors import RunnerError
from reprun.runner.facts import GPU_SECONDS, host_facts
from reprun.runner.files import read_text
from reprun.runner.inspect import existing, is_writable
from reprun.runner.paths import Home, own_runner, shared_folder
from reprun.runner.privacy import check_home
from reprun.runner.process import finish, spawn
from reprun.runner.tools import examine_tool

_GPUS = ("nvidia-smi", "--query-gpu=index,name,memory.total,memory.free", "--format=csv,noheader,nounits")
_LONGEST_SOCKET = 107  # bytes, by the kernel


def examine(home: Home, request: Dict[str, Any]) -> Dict[str, Any]:
    """Facts only; what is good enough is judged by who asks. `probe` is a file there: its path, and its inode, size and time."""
    return {
        "time": time.time(),
        "host": host_facts(),
        "user": _user(),
        "tools": {name: examine_tool(name) for name in request["tools"]},
        "home": _examine_home(home),
        "socket": _examine_socket(home.socket()),
        "gpus": _free_gpus(),
        "shared": _has(request.get("probe")),
        "runner": _digest(home),
        "ends_at_logout": _ends_at_logout(),
    }


def _digest(home: Home) -> str:
    """By which the runner that answers is named; empty for one that was not sent here."""
    place = own_runner()
    return os.path.basename(place) if os.path.dirname(place) == home.runners else ""


def _user() -> Dict[str, Any]:
    import pwd

    try:
        name = pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        name = str(os.geteuid())
    return {"name": name, "is_root": os.geteuid() == 0}


def _examine_home(home: Home) -> Dict[str, Any]:
    disk = os.statvfs(existing(home.root))
    refused, hint = "", ""
    try:
        check_home(home)
    except RunnerError as error:
        refused, hint = error.message, error.hint
    return {
        "path": home.root, "writable": is_writable(home.root), "refused": refused, "hint": hint,
        "free_bytes": disk.f_bavail * disk.f_frsize, "inodes": disk.f_files, "free_inodes": disk.f_favail,
    }  # fmt: skip


def _examine_socket(path: str) -> Dict[str, Any]:
    """Whether tmux could listen there: the path is short enough, and a folder of ours in /tmp is really ours."""
    folder, refused = os.path.dirname(path), ""
    if folder == shared_folder() and os.path.lexists(folder):
        found = os.lstat(folder)
        if found.st_uid != os.getuid() or found.st_mode & 0o170077 != 0o040000:
            refused = "%s belongs to somebody else, or is open to them" % folder
    return {"path": path, "bytes": len(os.fsencode(path)), "most": _LONGEST_SOCKET, "refused": refused}


def _free_gpus() -> Any:
    """The GPUs as `{index, name, memory, free}` (MiB); none without nvidia-smi; a text when it fails."""
    try:
        done = finish(spawn(_GPUS), _GPUS, check=False, timeout=GPU_SECONDS)
    except RunnerError as error:
        return [] if "not installed" in error.message else error.message
    text = done.stdout.decode("utf-8", "replace").strip()
    if done.returncode:
        return "nvidia-smi failed: %s" % (text or done.stderr.decode("utf-8", "replace").strip()).split("\n")[0]
    rows = [[cell.strip() for cell in line.split(",")] for line in text.splitlines()]
    return [
        {"index": row[0], "name": row[1], "memory": _number(row[2]), "free": _number(row[3])} for row in rows if len(row) == 4
    ]


def _number(cell: str) -> int:
    return int(cell) if cell.isascii() and cell.isdigit() else 0


def _has(probe: Any) -> bool:
    """True when the same file is at the same path: then this host sees the disk of who asks."""
    if not probe:
        return False
    try:
        found = os.stat(probe["path"])
    except OSError:
        return False
    told: List[int] = probe["stat"]
    return told == [found.st_ino, found.st_size, found.st_mtime_ns]


def _ends_at_logout() -> bool:
    """True where systemd ends everything of a user who logs out, tmux too, and has not been told to let this one linger."""
    says = [line.replace(" ", "").strip() for line in read_text("/etc/systemd/logind.conf").splitlines()]
    kills = "KillUserProcesses=yes" in says or "KillUserProcesses=true" in says or "KillUserProcesses=1" in says
    return kills and os.geteuid() != 0 and not os.path.exists("/var/lib/systemd/linger/%s" % _user()["name"])
