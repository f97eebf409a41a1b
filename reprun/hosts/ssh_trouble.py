"""Why a host did not answer, in one sentence, from what ssh and the host's shell said. Exit status 255 alone says nothing."""

from __future__ import annotations

import re

from reprun.core.errors import ToolError, UnreachableError
from reprun.core.frozen import dataclass
from reprun.core.text import show
from reprun.hosts.ssh_client import Settings, by_hand, client, read_settings
from reprun.hosts.ssh_keys import first_line, key_hint
from reprun.hosts.ssh_sharing import line_by_hand
from reprun.hosts.ssh_words import environment
from reprun.system.process import Conversation

_BROKEN = ("connection reset", "connection closed", "closed by remote host", "broken pipe", "connect to new control master")
_LONG = re.compile("[0-9a-f]{100,}")  # the text of our own command
_LOUD = "-v"
_SECONDS = 15
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
_OWN = (
    "bad configuration option",
    "can't open user config file",
    "bad owner or permissions on",
    "missing argument",
    "bad number",
)


@dataclass(frozen=True)
class Place:
    """Where ssh failed: at the `host` that was asked for, or on the way, at the jump host `hop`."""

    host: str
    settings: Settings
    hop: str = ""

    @property
    def who(self) -> str:
        """For a sentence."""
        return f"the jump host {show(self.hop)} on the way to {self.host}" if self.hop else self.host

    @property
    def address(self) -> str:
        """For ssh."""
        return self.hop or self.host

    def own_settings(self) -> Settings:
        """What ssh says of the one that failed."""
        return _settings(self.hop) if self.hop else self.settings


def explain(host: str, said: str, status: int | None, answered: bool, target: str = "") -> UnreachableError:
    """The error for a conversation with the address `host` that ended before its time. `answered`: the runner had been there."""
    if status not in (None, 255):  # ssh itself is content
        return UnreachableError(f"the link to {host} broke") if answered else _silent(host, said, status, target)
    if not answered and _is_way_closed(said):
        said = _ask_plainly(host) or said
    low = said.lower()
    place = _find_place(host, said)
    error = _host_key(place, said) or _login(place, said) or _own_settings(place, said) or _closed_way(place, said)
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
    return _silent(host, said, status, target)


def may_pass(host: str, said: str, status: int | None) -> bool:
    """True for a connection that broke while it was made: trying again may help, as it does where too many come at once."""
    low = said.lower()
    if status != 255 or (low.strip() and not any(word in low for word in _BROKEN)):
        return False
    # What failed on the way may be a login, which is not tried again and again.
    return not _is_way_closed(said) or not (_settings(host).jumps or _settings(host).get("proxycommand"))


def _find_place(host: str, said: str) -> Place:
    """For ssh the end of the process that leads to the host, a jump host's or a ProxyCommand, is a connection that was closed."""
    settings = _settings(host)
    if not _is_way_closed(said) or "stdio forwarding failed" in said or not settings.jumps:
        return Place(host, settings)
    jumps = settings.jumps.split(",")
    named = re.search(r"[Hh]ost key for (\S+) has changed|No \S+ host key is known for (\S+) |resolve hostname (\S+):", said)
    names = [name for name in (named.groups() if named else ()) if name]
    return Place(host, settings, next((jump for jump in jumps if names and names[0] in jump), jumps[0]))


def _is_way_closed(said: str) -> bool:
    return "kex_exchange_identification: Connection closed by remote host" in said or "UNKNOWN port 65535" in said


def _ask_plainly(host: str) -> str:
    """What ssh says without ControlPersist: with it, nobody hears what a jump host or a ProxyCommand had to say."""
    import select

    options = ["BatchMode=yes", "LogLevel=ERROR", "ControlPath=none", "ClearAllForwardings=yes", "RemoteCommand=none"]
    words = [word for option in options for word in ("-o", option)]
    conversation = Conversation([*client(), "-a", "-x", "-T", *words, "--", host, "true"], environment())
    poll = select.poll()
    poll.register(conversation.output, select.POLLIN | select.POLLHUP)
    poll.poll(_SECONDS * 1000)
    conversation.end()
    return conversation.said()


def _settings(address: str) -> Settings:
    try:
        return read_settings(address)
    except ToolError:
        return Settings()


def _host_key(place: Place, said: str) -> UnreachableError | None:
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


def _login(place: Place, said: str) -> UnreachableError | None:
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


def _own_settings(place: Place, said: str) -> UnreachableError | None:
    for line in said.splitlines():
        if any(word in line.lower() for word in _OWN):
            return UnreachableError(
                f"{place.host} cannot be asked: the settings of ssh on this machine are wrong: {show(line.strip())}",
                hint=by_hand("-G", place.host),
            )
    return None


def _closed_way(place: Place, said: str) -> UnreachableError | None:
    """A jump host that says nothing that is known here, or a ProxyCommand of the user's."""
    known = any(word in said.lower() for word in _ROUTES if word != "connection closed")
    if known or not _is_way_closed(said):
        return None
    if place.hop:
        hint = by_hand(place.hop, "true")
        return UnreachableError(f"{place.who} ended the connection and did not say why", hint=hint)
    if not place.settings.get("proxycommand"):
        return None
    lines = [line for line in said.splitlines() if line.strip() and not _is_way_closed(line)]
    why = f": {show(lines[-1].strip())}" if lines else ""
    return UnreachableError(
        f"{place.host} cannot be reached: its ProxyCommand ended{why}", hint=by_hand(_LOUD, place.host, "true")
    )


def _silent(host: str, said: str, status: int | None, target: str) -> UnreachableError:
    """ssh came through, but no runner answered."""
    lines = [line for line in said.splitlines() if line.strip()]
    last = show(_LONG.sub("…", lines[-1].strip())[:300]) if lines else ""
    if status in (126, 127) or ("not found" in said.lower() and "python3" in said):
        return UnreachableError(
            f"python3 cannot be started on {host}" + (f": {last}" if last else ""),
            hint=python_hint(host, target),
            reached=True,
        )
    works = by_hand(host, "echo", "works")
    if status is None:
        return UnreachableError(
            f"{host} does not answer: it took the connection and then said nothing",
            hint=f"{works}   # must say so and end; where it waits, an rc file there reads all input",
        )
    if status == 255 and not last:
        return UnreachableError(f"{host} closed the connection", hint=by_hand(_LOUD, host, "true"))
    if status == 0 and not _settings(host).get("hostname"):
        program = show(client()[0])
        return UnreachableError(f"{host} cannot be asked: {program} is no ssh", hint="export REPRUN_SSH='ssh -F /a/config'")
    if status != 1 and not last:
        return UnreachableError(
            f"the login shell of {host} ended before it ran anything",
            hint=f"{works}   # must say so; where it is silent, an rc file there calls exit or exec",
            reached=True,
        )
    hint = by_hand(_LOUD, host, "true")
    return UnreachableError(f"{host} cannot be asked: {last or f'ssh ended with {status}'}", hint=hint, reached=status != 255)


def python_hint(host: str, target: str) -> str:
    """How a host gets a Python that is new enough, or reprun gets to know where one is."""
    is_root = _settings(host).get("user") == "root"
    install = f"{by_hand(host)} apt-get install -y" if is_root else f"{by_hand('-t', host)} sudo apt-get install"
    name = target or host
    return f'{install} python3   # or say where one is: [targets.{show(name)}] python = "/path/to/python3"'


def too_old(host: str, version: str, target: str = "") -> UnreachableError:
    """The interpreter there cannot run the runner."""
    name = show(target or host)
    return UnreachableError(
        f"python3 on {host} is {show(version)}, and 3.8 is needed",
        hint=f'[targets.{name}] python = "/path/to/a/newer/python3"   # without root: conda create -n py3 python=3.12',
        reached=True,
    )
