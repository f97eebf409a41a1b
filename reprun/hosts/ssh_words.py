"""The words of our ssh commands: the user's own client and settings, without what would come between us and the host."""

from __future__ import annotations

import os
import re
from contextlib import suppress

from reprun.core.errors import ReprunError, UsageError
from reprun.core.frozen import dataclass
from reprun.core.text import show
from reprun.hosts.ssh_client import client
from reprun.hosts.ssh_sharing import OURS, USERS, find_sharing, go_around
from reprun.system.process import run

_NAME = r"[A-Za-z0-9_][A-Za-z0-9_.%+-]*|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(?:%[A-Za-z0-9_.-]+)?"  # and an address of IPv6
_USER = r"[A-Za-z0-9_][A-Za-z0-9_.@%+-]*"
_ADDRESS = re.compile(rf"(?:{_USER}@)?(?:{_NAME})")
_BRACKETS = re.compile(rf"((?:{_USER}@)?)\[([0-9A-Fa-f:.]+(?:%[A-Za-z0-9_.-]+)?)\]")
_URI = re.compile(rf"ssh://(?:{_USER}@)?[A-Za-z0-9_][A-Za-z0-9_.-]*(?::[0-9]+)?/?")  # ssh takes no address of IPv6 here
_PROGRAM = re.compile(r"[A-Za-z0-9_./~+-]+")
_OPTIONS = (
    "BatchMode=yes",  # nobody is there to be asked
    "ServerAliveCountMax=3",
    "ClearAllForwardings=yes",
    "Tunnel=no",
    "RemoteCommand=none",  # ssh refuses to run two commands
    "PermitLocalCommand=no",  # it would have our standard input
    "LogLevel=ERROR",  # a user's QUIET would leave us without the reason of a failure
)
_CONNECT, _ALIVE = 10, 5  # seconds to connect, and between signs of life of a link, for a host that may be silent for longer
_STOP = 2.0
_LOCALE = ("LANG", "LANGUAGE")


def check_address(address: str, name: str) -> str:
    """An address that ssh takes for nothing else. Raises `UsageError` for an option in disguise or characters of a shell."""
    brackets = _BRACKETS.fullmatch(address)
    if brackets:  # ssh wants them in ssh:// only
        return brackets[1] + brackets[2]
    if not _ADDRESS.fullmatch(address) and not _URI.fullmatch(address):
        raise UsageError(
            f"the target {show(name)!r} has {show(address)!r} for a host, which is no host name",
            hint="a host is an alias of ~/.ssh/config, a name, user@name, or ssh://user@name:port",
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


@dataclass(frozen=True)
class Route:
    """How a host is reached: `words` are the ssh command up to the name. `socket` is where our connection is shared, empty
    where the user shares one or nobody does; `stood` says that it was there before. `connect` is how many seconds ssh tries.
    `theirs` is the socket of a connection that the user had open before."""

    address: str
    words: tuple[str, ...]
    socket: str
    stood: bool
    connect: int
    theirs: str


def find_route(address: str, patience: float, around: bool = False) -> Route:
    """The way through the connection that is open already, else one that makes it for those who come after; `around` a connection
    of the user's that does not answer.

    A host that is given less `patience` is also asked more often for a sign of life.
    """
    from math import ceil

    sharing = go_around(address) if around else find_sharing(address)
    socket = sharing.path if sharing.whose == OURS else ""
    connect = sharing.connect or max(1, min(_CONNECT, ceil(patience)))
    alive = max(1, min(_ALIVE, int(patience / 3)))
    options = [*_OPTIONS, *sharing.options, f"ConnectTimeout={connect}", f"ServerAliveInterval={alive}"]
    words = (*client(), "-a", "-x", *(word for option in options for word in ("-o", option)))
    theirs = sharing.path if sharing.whose == USERS and sharing.stood else ""
    return Route(address, words, socket, bool(socket) and sharing.stood, connect, theirs)


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
    """What ssh is started with. The language of this machine, which ssh_config of Debian sends, is not that of the host. The
    ssh of a jump host does not know of our BatchMode: it must not open a window to ask."""
    kept = {name: value for name, value in os.environ.items() if name not in _LOCALE and not name.startswith("LC_")}
    return {**kept, "SSH_ASKPASS_REQUIRE": "never"}
