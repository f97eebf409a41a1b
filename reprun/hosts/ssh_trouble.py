"""Why a host did not answer, in one sentence, from what ssh and the host's shell said. Exit status 255 alone says nothing."""

from __future__ import annotations

import re

from reprun.core.errors import UnreachableError
from reprun.core.text import show

_BROKEN = ("connection reset", "connection closed", "closed by remote host", "broken pipe")
_LONG = re.compile("[0-9a-f]{100,}")  # the text of our own command
_ROUTES = {
    "could not resolve hostname": ("its name is not known", "ping {host}, or HostName in ~/.ssh/config"),
    "connection refused": ("nothing listens there: ssh is not running, or has another port", "ssh -v {host} true"),
    "no route to host": ("there is no route to it", "ssh -v {host} true"),
    "network is unreachable": ("this machine has no network to it", "ssh -v {host} true"),
    "timed out": ("it does not answer", "ssh -v {host} true"),
    "connection reset": ("the connection was cut", "ssh -v {host} true"),
    "connection closed": ("the connection was closed", "ssh -v {host} true"),
    "not responding": ("the link broke", ""),
    "broken pipe": ("the link broke", ""),
    "too many authentication failures": (
        "the keys of the agent were too many for it",
        "IdentitiesOnly yes and IdentityFile for {host} in ~/.ssh/config",
    ),
}


def explain(host: str, said: str, status: int | None, answered: bool) -> UnreachableError:
    """The error for a conversation that ended before its time. `answered`: the runner had been there."""
    low = said.lower()
    if "identification has changed" in low or ("host key for" in low and "has changed" in low):
        return UnreachableError(
            f"{host} shows another host key than the one that is known: it was set up anew, or somebody stands in between",
            hint="compare the fingerprint with whoever runs the machine before anything else",
        )
    if "host key verification failed" in low or "no matching host key fingerprint" in low:
        return UnreachableError(
            f"the host key of {host} is not known on this machine yet", hint=f"ssh {host} true   and compare the fingerprint"
        )
    if "permission denied" in low and ("publickey" in low or "password" in low or "keyboard" in low or "gssapi" in low):
        return UnreachableError(f"{host} does not accept a key of yours", hint=f"ssh-copy-id {host}")
    for word, (why, hint) in _ROUTES.items():
        if word in low:
            return UnreachableError(f"{host} cannot be reached: {why}", hint=hint.format(host=host))
    if answered:
        return UnreachableError(f"the link to {host} broke")
    return _silent(host, said, status)


def may_pass(said: str, status: int | None) -> bool:
    """True for a connection that broke while it was made: trying again may help, as it does where too many come at once."""
    low = said.lower()
    return status == 255 and (not low.strip() or any(word in low for word in _BROKEN))


def _silent(host: str, said: str, status: int | None) -> UnreachableError:
    """ssh came through, but no runner answered."""
    lines = [line for line in said.splitlines() if line.strip()]
    last = show(_LONG.sub("…", lines[-1].strip())[:300]) if lines else ""
    if status in (126, 127) or ("not found" in said.lower() and "python3" in said):
        return UnreachableError(
            f"python3 cannot be started on {host}" + (f": {last}" if last else ""),
            hint=f'install Python 3.8 or newer there, or say where it is: [targets.{host}] python = "/path/to/python3"',
        )
    if status is None:
        return UnreachableError(
            f"{host} does not answer: it took the connection and then said nothing",
            hint=f"ssh {host} echo works   must say so and end; where it waits, an rc file there reads all input",
        )
    if status == 255 and not last:
        return UnreachableError(f"{host} closed the connection", hint=f"ssh -v {host} true")
    if status != 1 and not last:
        return UnreachableError(
            f"the login shell of {host} ended before it ran anything",
            hint=f"ssh {host} echo works   must say so; where it is silent, an rc file there calls exit or exec",
        )
    return UnreachableError(f"{host} cannot be asked: {last or f'ssh ended with {status}'}", hint=f"ssh -v {host} true")


def too_old(host: str, version: str) -> UnreachableError:
    """The interpreter there cannot run the runner."""
    return UnreachableError(
        f"python3 on {host} is {show(version)}, and 3.8 is needed",
        hint=f'[targets.{host}] python = "/path/to/a/newer/python3"',
    )
