"""Targets: a host, which does I/O, and a scheduler, which is text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reprun.core.errors import UsageError
from reprun.core.frozen import dataclass
from reprun.core.text import show
from reprun.hosts.base import Host
from reprun.schedulers.base import Scheduler


@dataclass(frozen=True)
class Target:
    """Where a run happens: `host` × `scheduler`, under the name that the user gave it."""

    name: str
    host: Host
    scheduler: Scheduler


def get_target(name: str, tables: Mapping[str, Mapping[str, Any]]) -> Target:
    """The target called `name`: `local`, or one of `[targets.NAME]`. Raises `UsageError` for one that nobody described."""
    from reprun.hosts.local import LocalHost

    table = tables.get(name, {})
    if name != "local" and name not in tables:
        known = ", ".join(sorted({"local", *tables}))
        raise UsageError(f"there is no target {show(name)!r}", hint=f"known targets: {known}; add [targets.NAME] to reprun.toml")
    host = str(table.get("host", "local"))
    if host not in ("local", "localhost"):
        raise UsageError(
            f"the target {show(name)!r} is on another machine, {show(host)!r}: this version runs on this machine only",
            hint="--on local",
        )
    return Target(name, LocalHost(), _scheduler(str(table.get("scheduler", "tmux"))))


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
