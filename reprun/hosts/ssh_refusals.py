"""A host, or a jump host, that ssh has reached and that does not let us in; and an ssh here that does not even try."""

from __future__ import annotations

import re

from reprun.core.errors import UnreachableError
from reprun.core.text import show
from reprun.hosts.ssh_client import by_hand
from reprun.hosts.ssh_keys import first_line, key_hint
from reprun.hosts.ssh_place import Place
from reprun.hosts.ssh_sharing import line_by_hand

_OWN = (
    "bad configuration option",
    "can't open user config file",
    "bad owner or permissions on",
    "missing argument",
    "bad number",
)


def host_key(place: Place, said: str) -> UnreachableError | None:
    low = said.lower()
    if "identification has changed" in low or ("host key for" in low and "has changed" in low):
        found = re.search(r"SHA256:[A-Za-z0-9+/=]+", said)
        ask = f"ask whoever runs it, by another way, whether its key is now {found[0]}" if found else "ask whoever runs it"
        return UnreachableError(
            f"{place.who} shows another host key than the one that is known: it was set up anew, or somebody stands in between",
            hint=f"{ask}; until then nothing is sent there",
        )
    if "revoked host key" in low or "is marked as revoked" in low:
        return UnreachableError(
            f"{place.who} shows a host key that was revoked", hint="ask whoever runs it; until then nothing is sent"
        )
    if "host key verification failed" in low or "no matching host key fingerprint" in low:
        line = first_line(place.address, place.own_settings())
        return UnreachableError(
            f"the host key of {place.who} is not known on this machine yet",
            hint=f"{line}   # compare the fingerprint that it shows, then answer yes",
        )
    return None


def login(place: Place, said: str) -> UnreachableError | None:
    found = re.search(r"permission denied \(([a-z0-9,@.-]+)\)", said.lower())
    if found is None:
        return None
    if "publickey" in found[1]:
        return UnreachableError(
            f"{place.who} does not accept a key of yours", hint=key_hint(place.address, place.own_settings(), found[1])
        )
    return UnreachableError(
        f"{place.who} wants more than a key ({found[1]}), and nobody can be asked here",
        hint=f"{line_by_hand(place.address)}   # log in by hand: reprun uses this connection for a day",
    )


def own_settings(place: Place, said: str) -> UnreachableError | None:
    for line in said.splitlines():
        if any(word in line.lower() for word in _OWN):
            return UnreachableError(
                f"{place.host} cannot be asked: the settings of ssh on this machine are wrong: {show(line.strip())}",
                hint=by_hand("-G", place.host),
            )
    return None
