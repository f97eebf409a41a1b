"""Targets: a host, which does I/O, and a scheduler, which is text."""

from __future__ import annotations

import re
from collections.abc import Mapping

from reprun.core.errors import UsageError
from reprun.core.frozen import dataclass
from reprun.core.text import show
from reprun.hosts.base import Host
from reprun.schedulers.base import Scheduler

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PATIENCE = 30.0
_PLAIN = r"[A-Za-z0-9_-]+"  # a name that TOML and a shell read as it is


@dataclass(frozen=True)
class Target:
    """Where a run happens: `host` × `scheduler`, under the name that the user gave it. After so many seconds of `patience` a host
    that does not answer a question counts as unreachable."""

    name: str
    host: Host
    scheduler: Scheduler
    patience: float = PATIENCE


def get_target(name: str, tables: Mapping[str, Mapping[str, Any]]) -> Target:
    """The target called `name`: `local`, one of `[targets.NAME]`, or `user@host` as ssh knows it.

    Raises `UsageError` for one that nobody described.
    """
    table = tables.get(name)
    if table is None:
        table = {"host": "local"} if name == "local" else {"host": name}
        if name != "local" and "@" not in name and not name.startswith("ssh://"):
            known = ", ".join(show(one) for one in sorted({"local", *tables}))
            hint = f"known targets: {known}"
            if re.fullmatch(_PLAIN, name):
                hint += f"; for a new one: printf '\\n[targets.{name}]\\nhost = \"{name}\"\\n' >> reprun.toml"
            raise UsageError(f"there is no target {show(name)!r}", hint=hint)
    patience = float(table.get("timeout", PATIENCE))
    return Target(name, _host(name, table, patience), _scheduler(str(table.get("scheduler", "tmux"))), patience)


def _host(name: str, table: Mapping[str, Any], patience: float) -> Host:
    address = str(table.get("host", "local"))
    if address in ("local", "localhost"):
        from reprun.hosts.local import LocalHost

        return LocalHost()
    from reprun.hosts.ssh import Access, SshHost

    return SshHost(name, Access(address, str(table.get("python", "python3")), str(table.get("home", "")), patience))


def _scheduler(name: str) -> Scheduler:
    """A member of the family by name; others come by the entry point `reprun.schedulers`."""
    if name == "tmux":
        from reprun.schedulers.tmux import TmuxScheduler

        return TmuxScheduler()
    from importlib.metadata import entry_points

    found = {entry.name: entry for entry in entry_points(group="reprun.schedulers")}
    if name not in found:
        raise UsageError(f"there is no scheduler {show(name)!r}", hint=f"known: {', '.join(sorted({'tmux', *found}))}")
    scheduler: Scheduler = found[name].load()()
    return scheduler
