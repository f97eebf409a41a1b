"""The words of our ssh commands: the user's own client and settings, one connection for each host that later commands share."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from hashlib import sha256

from reprun.core.errors import ReprunError, UsageError
from reprun.core.frozen import dataclass
from reprun.core.text import show
from reprun.runner.paths import check_socket, shared_folder
from reprun.system.process import run

_ADDRESS = re.compile(r"(ssh://)?[A-Za-z0-9_][A-Za-z0-9_.@:%+\[\]-]*")
_PROGRAM = re.compile(r"[A-Za-z0-9_./~+-]+")
_OPTIONS = {
    "BatchMode": "yes",  # nobody is there to be asked
    "ServerAliveCountMax": "3",
    "ClearAllForwardings": "yes",
    "LogLevel": "ERROR",  # a user's QUIET would leave us without the reason of a failure
}
_PERSIST = "600"  # seconds that the connection stays open after its last use
_CONNECT, _ALIVE = 10, 5  # seconds to connect, and between signs of life of a link, for a host that may be silent for longer
_STOP = 2.0
_LOCALE = ("LANG", "LANGUAGE")


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


@dataclass(frozen=True)
class Route:
    """How a host is reached: `words` are the ssh command up to the name. `socket` is where our connection is shared, empty
    where the user shares one or nobody does; `stood` says that it was there before. `connect` is how many seconds ssh tries."""

    address: str
    words: tuple[str, ...]
    socket: str
    stood: bool
    connect: int


def find_route(address: str, patience: float) -> Route:
    """The way through the connection that is open already, else one that makes it for those who come after.

    A host that is given less `patience` is also asked more often for a sign of life.
    """
    from math import ceil

    connect = max(1, min(_CONNECT, ceil(patience)))
    options = {
        **_OPTIONS,
        "ConnectTimeout": str(connect),
        "ServerAliveInterval": str(max(1, min(_ALIVE, int(patience / 3)))),
    }
    socket = _socket(address)
    stood = os.path.exists(socket)
    if (not stood and _has_own(address)) or not _is_usable(socket):
        socket, stood = "", False
    else:
        options |= {"ControlMaster": "auto", "ControlPath": socket, "ControlPersist": _PERSIST}
    words = (*client(), "-a", "-x", *(word for key, value in options.items() for word in ("-o", f"{key}={value}")))
    return Route(address, words, socket, stood, connect)


def retire(route: Route) -> None:
    """Our connection is no longer offered to new commands; what goes on through it is left alone. The next one makes another."""
    if not route.socket or not os.path.exists(route.socket):
        return
    try:
        words = [*client(), "-O", "stop", "-o", f"ControlPath={route.socket}", "--", route.address]
        run(words, check=False, timeout=_STOP)
    except ReprunError:
        pass  # whoever holds it hangs
    with suppress(OSError):
        os.unlink(route.socket)


def environment() -> dict[str, str]:
    """What ssh is started with. The language of this machine, which ssh_config of Debian sends, is not that of the host."""
    return {name: value for name, value in os.environ.items() if name not in _LOCALE and not name.startswith("LC_")}


def _is_usable(path: str) -> bool:
    try:
        check_socket(path)
    except OSError:
        return False  # the folder is somebody else's: each command makes a connection of its own
    return True


def _socket(address: str) -> str:
    """Short, because ssh adds 17 characters while it makes the socket, and Unix allows 107 in all."""
    name = sha256("\0".join([*client(), address]).encode()).hexdigest()[:16]
    return os.path.join(shared_folder(), f"{name}.ssh")


def _has_own(address: str) -> bool:
    """True when the user's settings share connections to this host already, maybe one that took a password or a key to touch."""
    done = run([*client(), "-G", "--", address], check=False)
    said = dict(line.split(" ", 1) for line in done.stdout.decode("utf-8", "replace").splitlines() if " " in line)
    return said.get("controlpath", "none") != "none" and said.get("controlmaster", "false") not in ("false", "no")
