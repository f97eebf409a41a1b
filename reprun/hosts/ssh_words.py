"""The words of our ssh commands: the user's own client and settings, one connection for each host that later commands share."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from hashlib import sha256

from reprun.core.errors import UsageError
from reprun.core.text import show
from reprun.runner.paths import check_socket, shared_folder
from reprun.system.process import run

_ADDRESS = re.compile(r"(ssh://)?[A-Za-z0-9_][A-Za-z0-9_.@:%+\[\]-]*")
_PROGRAM = re.compile(r"[A-Za-z0-9_./~+-]+")
_OPTIONS = {
    "BatchMode": "yes",  # nobody is there to be asked
    "ConnectTimeout": "10",
    "ServerAliveInterval": "5",
    "ServerAliveCountMax": "3",
    "ClearAllForwardings": "yes",
    "LogLevel": "ERROR",  # a user's QUIET would leave us without the reason of a failure
}
_PERSIST = "600"  # seconds that the connection stays open after its last use


def check_address(address: str, name: str) -> str:
    """An address that ssh takes for nothing else. Raises `UsageError` for an option in disguise or characters of a shell."""
    if not _ADDRESS.fullmatch(address):
        raise UsageError(
            f"the target {show(name)!r} has {show(address)!r} for a host, which is no host name",
            hint="a host is an alias of ~/.ssh/config, a name, or user@name",
        )
    return address


def check_python(path: str, name: str) -> str:
    """A path that every login shell reads as it is. Raises `UsageError` for any other."""
    if not _PROGRAM.fullmatch(path) or path.startswith("-"):
        raise UsageError(
            f"the target {show(name)!r} has {show(path)!r} for its python: only letters, digits and ./_+~- can be used",
            hint=f'[targets.{show(name)}]\npython = "/usr/bin/python3"',
        )
    return path


def client(environ: Mapping[str, str] = os.environ) -> list[str]:
    """The user's ssh, and the words in front of everything else: `REPRUN_SSH="ssh -F ~/other"`, as in a shell."""
    said = environ.get("REPRUN_SSH", "")
    if not said:
        return ["ssh"]
    import shlex

    try:
        return shlex.split(said) or ["ssh"]
    except ValueError as error:
        raise UsageError(f"REPRUN_SSH cannot be read: {error}", hint="export REPRUN_SSH='ssh -F /a/config'") from None


def ssh_words(address: str) -> list[str]:
    """An ssh command up to the words that the host is given. It goes through the connection that is open already."""
    options = {**_OPTIONS, **_sharing(address)}
    return [*client(), "-a", "-x", *(word for key, value in options.items() for word in ("-o", f"{key}={value}"))]


def _sharing(address: str) -> dict[str, str]:
    """How the connection is shared: as the user has set it up, else through a socket of ours."""
    path = _socket(address)
    if not os.path.exists(path) and _has_own(address):
        return {}
    try:
        check_socket(path)
    except OSError:
        return {}  # the folder is somebody else's: each command makes a connection of its own
    return {"ControlMaster": "auto", "ControlPath": path, "ControlPersist": _PERSIST}


def _socket(address: str) -> str:
    """Short, because ssh adds 17 characters while it makes the socket, and Unix allows 107 in all."""
    name = sha256("\0".join([*client(), address]).encode()).hexdigest()[:16]
    return os.path.join(shared_folder(), f"{name}.ssh")


def _has_own(address: str) -> bool:
    """True when the user's settings share connections to this host already, maybe one that took a password or a key to touch."""
    done = run([*client(), "-G", "--", address], check=False)
    said = dict(line.split(" ", 1) for line in done.stdout.decode("utf-8", "replace").splitlines() if " " in line)
    return said.get("controlpath", "none") != "none" and said.get("controlmaster", "false") not in ("false", "no")
