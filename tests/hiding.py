"""A host that does not see a folder of this machine, though it is this machine: its sshd lives in a mount namespace of its own.

Without it every host of the lab shares the disk of the dev side, and nothing is ever sent.

    hide(ssh_lab.host("gpu1"), tmp_path)
"""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ssh_lab import SshHost


def hiding(folder: str | os.PathLike[str]) -> tuple[str, ...]:
    """Words that start a program for which `folder` is empty; root is not needed where users may make namespaces."""
    cover = 'mount -t tmpfs none "$0" || exit; "$@"; exit $?'
    if os.geteuid() == 0:
        return ("unshare", "-m", "--propagation", "private", "sh", "-c", cover, os.fspath(folder))
    back = ("unshare", "-U", f"--map-user={os.geteuid()}", f"--map-group={os.getegid()}")
    return ("unshare", "-Urm", "sh", "-c", cover, os.fspath(folder), *back)


def hide(host: SshHost, folder: str | os.PathLike[str], *more: str) -> SshHost:
    """Starts the sshd of a host anew, so that the folder is empty there; with `more` words in front of it."""
    host.stop()
    host.kill_connections()
    host.daemon.prefix = (*hiding(folder), *more)
    host.start()
    return host


def can_hide() -> bool:
    """True where such a namespace can be made."""
    try:
        return subprocess.run([*hiding("/mnt"), "true"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False
