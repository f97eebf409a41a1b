"""One connection for each host, which later commands share: the user's own where it is set up or open, else one of ours.

What was found out is noted, so that a command that meets an open connection does not ask ssh first.
"""

from __future__ import annotations

import os
from contextlib import suppress

from reprun.core.errors import ReprunError
from reprun.core.frozen import asdict, dataclass, field
from reprun.hosts.ssh_client import Settings, by_hand, client, read_settings
from reprun.runner import paths
from reprun.runner.digests import sha256
from reprun.runner.paths import check_socket, shared_folder
from reprun.system.files import find_json, is_own_file, write_json

PERSIST = "600"  # seconds that a connection of ours stays open after its last use
OURS, USERS, NONE = "ours", "the user's", "none"
_STRANGER = "ControlMaster=no"  # we use what is open, and open nothing
# Settings that take the conversation away from us, for the hosts that have them. Older clients do not know the words.
_UNDONE = {"stdinnull": ("yes", "StdinNull=no"), "forkafterauthentication": ("yes", "ForkAfterAuthentication=no")}


@dataclass(frozen=True)
class Sharing:
    """How the connection is shared: whose it is, through which socket, and what ssh is told for that. `connect` is the time limit
    that the user has set, 0 without one; `stood` says that the socket was there before."""

    whose: str
    path: str = ""
    options: list[str] = field(default_factory=list)
    connect: int = 0
    stood: bool = False


def find_sharing(address: str) -> Sharing:
    """How commands to this address share a connection. Raises `ToolError` when ssh cannot be started."""
    note = _note_path(address)
    known = find_json(note) if is_own_file(note) else None  # somebody else's could tell ssh to run anything
    if known and known.get("stamp") == _stamp() and os.path.exists(str(known.get("path"))):
        words = [str(word) for word in known.get("options", ())]
        return Sharing(str(known.get("whose")), str(known["path"]), words, int(known.get("connect", 0)), stood=True)
    found = choose(address, read_settings(address))
    if found.path and _STRANGER not in found.options:
        _note(address, found)
    return found


def go_around(address: str) -> Sharing:
    """The way past a connection of the user's that does not answer: one of ours. As long as it is open later commands use it; the
    user's is left alone, for it may have other sessions, and may need a person to be made again."""
    settings = read_settings(address)
    found = _ours(address, settings, *_common(settings))
    if found.path:
        _note(address, found)
    return found


def choose(address: str, settings: Settings) -> Sharing:
    """The way for these settings."""
    more, connect = _common(settings)
    theirs = settings.get("controlpath")
    if theirs and settings.get("controlmaster") not in ("", "false", "no") and settings.get("controlpersist") not in ("", "no"):
        return Sharing(USERS, theirs, ["ControlMaster=auto", *more], connect, os.path.exists(theirs))
    # Without ControlPersist we could become the master of the user's other sessions, and end them with ours.
    if theirs and _is_open(theirs):
        return Sharing(USERS, theirs, [_STRANGER, *more], connect, stood=True)
    return _ours(address, settings, more, connect)


def _common(settings: Settings) -> tuple[list[str], int]:
    """What every way needs, and the user's limit for a connection."""
    more = [option for key, (value, option) in _UNDONE.items() if settings.get(key) == value]
    if settings.all("sessiontype") not in ([], ["default"]):
        more.append("SessionType=default")
    limit = settings.get("connecttimeout")
    return more, int(limit) if limit.isdigit() else 0


def _ours(address: str, settings: Settings, more: list[str], connect: int) -> Sharing:
    path = own_socket(address, settings)
    try:
        check_socket(path)
    except OSError:
        return Sharing(NONE, "", [_STRANGER, "ControlPath=none", *more], connect)
    options = ["ControlMaster=auto", f"ControlPath={path}", f"ControlPersist={PERSIST}", *more]
    return Sharing(OURS, path, options, connect, os.path.exists(path))


def own_socket(address: str, settings: Settings) -> str:
    """Our socket for an address, and for what the settings make of it now: a name that has moved gets another connection.

    Short, because ssh adds 17 characters while it makes the socket, and Unix allows 107 in all.
    """
    where = [settings.get(key) for key in ("hostname", "user", "port", "proxyjump", "proxycommand")]
    return os.path.join(shared_folder(), f"{_digest(address, *where)}.ssh")


def describe_way(address: str) -> dict[str, str]:
    """What ssh makes of an address, for people. Raises `ToolError` when ssh cannot be started."""
    settings = read_settings(address)
    sharing = choose(address, settings)
    how = {
        OURS: f"shared for {int(PERSIST) // 60} minutes after its last use, through {sharing.path}",
        USERS: f"shared as you have set it up, through {sharing.path}",
        NONE: f"not shared, since {shared_folder()} belongs to somebody else: every command logs in anew",
    }
    return {
        "address": address, "user": settings.get("user"), "hostname": settings.get("hostname"), "port": settings.get("port"),
        "jumps": settings.jumps or settings.get("proxycommand"), "sharing": how[sharing.whose],
    }  # fmt: skip


def end_by_hand(address: str) -> str:
    """What a person types to end their own connection."""
    return f"{by_hand('-O', 'exit', address)}   # ends yours"


def line_by_hand(address: str) -> str:
    """What a person types to log in once, with a password or a second factor, so that our commands go through that connection."""
    settings = read_settings(address)
    if settings.get("controlpath"):
        return by_hand("-f", "-N", "-M", "-o", "ControlPersist=24h", address)
    path = own_socket(address, settings)
    return by_hand("-f", "-N", "-M", "-o", "ControlPersist=24h", "-S", path, address)


def _note_path(address: str) -> str:
    return os.path.join(paths.home(), "cache", f"ssh-{_digest(address)}.json")


def _note(address: str, found: Sharing) -> None:
    with suppress(ReprunError):  # the next command asks ssh again
        write_json(_note_path(address), {**asdict(found), "stamp": _stamp()})


def _is_open(path: str) -> bool:
    """True when somebody listens at this socket."""
    import socket

    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(path)
        except OSError:
            return False
    return True


def _digest(*texts: str) -> str:
    return sha256("\0".join([*client(), *texts]).encode()).hexdigest()[:16]


def _stamp() -> list[list[int]]:
    """When the files that settings come from were changed; not those that they include."""
    import pwd
    from itertools import pairwise

    words = client()
    files = [os.path.join(pwd.getpwuid(os.getuid()).pw_dir, ".ssh", "config"), "/etc/ssh/ssh_config"]
    files += [word for before, word in pairwise(words) if before == "-F"]
    found = []
    for path in files:
        try:
            here = os.stat(path)
            found.append([here.st_mtime_ns, here.st_size])
        except OSError:
            found.append([])
    return found
