"""Why a host did not answer, in one sentence, from what ssh and the host's shell said. Exit status 255 alone says nothing."""

from __future__ import annotations

import re

from reprun.core.errors import UnreachableError
from reprun.core.text import show
from reprun.hosts.ssh_client import by_hand
from reprun.hosts.ssh_place import Place, ask_plainly, find_place, is_way_closed, settings_of
from reprun.hosts.ssh_refusals import host_key, login, own_settings
from reprun.hosts.ssh_sharing import end_by_hand
from reprun.hosts.ssh_silence import silent

_BROKEN = ("connection reset", "connection closed", "closed by remote host", "broken pipe", "connect to new control master")
_LOUD = "-v"
_ROUTES = {  # what ssh says in small letters: what that means, and the words of an ssh that tells more
    "could not resolve hostname": ("its name {name}is not known", ""),
    "name or service not known": ("its name is not known", ""),
    "connection refused": ("nothing listens there: its ssh is not running, or has another port", _LOUD),
    "no route to host": ("there is no route to it", _LOUD),
    "network is unreachable": ("this machine has no network to it", _LOUD),
    "timed out": ("it does not answer", _LOUD),
    "cannot assign requested address": ("this machine does not have the address that BindAddress names", _LOUD),
    "too many authentication failures": ("the keys of the agent were too many for it", ""),
    "no matching": ("its ssh and this one have no cipher, key exchange or kind of key in common", _LOUD),
    "administratively prohibited": ("it does not forward connections", _LOUD),
    "connection reset": ("the connection was cut", _LOUD),
    "connection closed": ("the connection was closed", _LOUD),
    "not responding": ("the link broke", ""),
    "broken pipe": ("the link broke", ""),
}
_HINTS = {
    "could not resolve hostname": "HostName for {host} in ~/.ssh/config, or the network of this machine",
    "too many authentication failures": "IdentitiesOnly yes and IdentityFile for {host} in ~/.ssh/config",
}


def explain(host: str, said: str, status: int | None, answered: bool, target: str = "") -> UnreachableError:
    """The error for a conversation with the address `host` that ended before its time. `answered`: the runner had been there."""
    if status not in (None, 255):  # ssh itself is content
        return UnreachableError(f"the link to {host} broke") if answered else silent(host, said, status, target)
    # An ssh whose ProxyCommand ends before it has written to it ends without a word of its own, more often than one would think.
    is_mute = status == 255 and not said.strip() and bool(settings_of(host).get("proxycommand"))
    ended = not answered and (is_mute or is_way_closed(said))
    if ended:
        said = ask_plainly(host) or said
    low = said.lower()
    place = find_place(host, said)
    error = host_key(place, said) or login(place, said) or own_settings(place, said) or _closed_way(place, said, ended)
    if error:
        return error
    for word, (why, loud) in _ROUTES.items():
        if word in low:
            name = re.search(r"resolve hostname (\S+):", said)
            told = why.format(name=f"{show(name[1])} " if name and name[1] != place.address else "")
            hint = _HINTS.get(word, "").format(host=place.address) or (by_hand(loud, place.address, "true") if loud else "")
            return UnreachableError(f"{place.who} cannot be reached: {told}", hint=hint)
    if answered and status in (None, 0, 255):
        return UnreachableError(f"the link to {host} broke")
    return silent(host, said, status, target)


def shut_out(host: str) -> UnreachableError:
    """The error for the user's own connection that is silent, where a new one is not let in."""
    return UnreachableError(
        f"the connection to {host} that you have open does not answer, and a new one is not let in without you",
        hint=f"{end_by_hand(host)}; then log in again",
    )


def may_pass(host: str, said: str, status: int | None) -> bool:
    """True for a connection that broke while it was made: trying again may help, as it does where too many come at once."""
    low = said.lower()
    if status != 255 or (low.strip() and not any(word in low for word in _BROKEN)):
        return False
    # What failed on the way may be a login, which is not tried again and again.
    return not is_way_closed(said) or not (settings_of(host).jumps or settings_of(host).get("proxycommand"))


def _closed_way(place: Place, said: str, ended: bool) -> UnreachableError | None:
    """A jump host that says nothing that is known here, or a ProxyCommand of the user's. `ended`: so it was before ssh was asked
    plainly, whose words may be only those of the ProxyCommand."""
    known = any(word in said.lower() for word in _ROUTES if word != "connection closed")
    if known or not (ended or is_way_closed(said)):
        return None
    if place.hop:
        hint = by_hand(place.hop, "true")
        return UnreachableError(f"{place.who} ended the connection and did not say why", hint=hint)
    if not place.settings.get("proxycommand"):
        return None
    lines = [line for line in said.splitlines() if line.strip() and not is_way_closed(line)]
    why = f": {show(lines[-1].strip())}" if lines else ""
    return UnreachableError(
        f"{place.host} cannot be reached: its ProxyCommand ended{why}", hint=by_hand(_LOUD, place.host, "true")
    )
