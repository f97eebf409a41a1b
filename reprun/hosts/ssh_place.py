"""Where ssh failed: at the host that was asked for, or on the way to it."""

from __future__ import annotations

import re

from reprun.core.errors import ToolError
from reprun.core.frozen import dataclass
from reprun.core.text import show
from reprun.hosts.ssh_client import Settings, client, read_settings
from reprun.hosts.ssh_words import environment
from reprun.system.process import Conversation

_SECONDS = 15


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
        return settings_of(self.hop) if self.hop else self.settings


def find_place(host: str, said: str) -> Place:
    """For ssh the end of the process that leads to the host, a jump host's or a ProxyCommand, is a connection that was closed."""
    settings = settings_of(host)
    if not is_way_closed(said) or "stdio forwarding failed" in said or not settings.jumps:
        return Place(host, settings)
    jumps = settings.jumps.split(",")
    named = re.search(r"[Hh]ost key for (\S+) has changed|No \S+ host key is known for (\S+) |resolve hostname (\S+):", said)
    names = [name for name in (named.groups() if named else ()) if name]
    return Place(host, settings, next((jump for jump in jumps if names and names[0] in jump), jumps[0]))


def is_way_closed(said: str) -> bool:
    return "kex_exchange_identification: Connection closed by remote host" in said or "UNKNOWN port 65535" in said


def ask_plainly(host: str) -> str:
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


def settings_of(address: str) -> Settings:
    try:
        return read_settings(address)
    except ToolError:
        return Settings()
