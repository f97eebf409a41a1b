"""The programs that a host must have, and the line that installs one there."""

from __future__ import annotations

import os
from typing import Any, Dict

from reprun.runner.errors import RunnerError

_MANAGERS = {"apt-get": "apt-get install", "dnf": "dnf install", "yum": "yum install", "zypper": "zypper install",
             "pacman": "pacman -S", "apk": "apk add"}  # fmt: skip
_ADMINS = ("sudo", "wheel", "admin")
# Where people without root put programs. A login without a terminal often does not have these on PATH.
_PLACES = ("bin", ".local/bin", "miniconda3/bin", "miniforge3/bin", "mambaforge/bin", "anaconda3/bin", "micromamba/bin")
_OTHERS = ("/usr/local/bin", "/opt/conda/bin", "/opt/bin", "/home/linuxbrew/.linuxbrew/bin")


def install_line(name: str) -> str:
    """What this user types on this host to get a program."""
    from shutil import which

    by_root = next((line for manager, line in _MANAGERS.items() if which(manager)), "apt-get install") + " " + name
    if os.geteuid() == 0:
        return by_root.replace("install ", "install -y ", 1)
    if which("sudo") and _is_admin():
        return "sudo " + by_root
    return "conda install -c conda-forge %s   # without root; whoever runs the machine types: %s" % (name, by_root)


def examine_tool(name: str) -> Dict[str, Any]:
    """`version`, empty when it cannot be started; `elsewhere`, where it is when PATH does not lead to it; the `install` line."""
    version = tool_version(name)
    places = [os.path.join(os.path.expanduser("~"), place) for place in _PLACES] + list(_OTHERS)
    paths = [] if version else [os.path.join(place, name) for place in places]
    elsewhere = next((path for path in paths if os.access(path, os.X_OK)), "")
    return {"version": version, "elsewhere": elsewhere, "install": install_line(name)}


def tool_version(name: str) -> str:
    """What the program says of itself; empty when it cannot be started."""
    from reprun.runner.process import run

    try:
        done = run([name, "-V" if name == "tmux" else "--version"], check=False, timeout=10)
    except RunnerError:
        return ""
    return done.stdout.decode("utf-8", "replace").strip().split("\n")[0]


def _is_admin() -> bool:
    import grp

    ids = set(os.getgroups())
    for name in _ADMINS:
        try:
            if grp.getgrnam(name).gr_gid in ids:
                return True
        except KeyError:
            pass
    return False
