"""Who a process is: pid, start time and boot together, since pids are reused and machines reboot."""

from __future__ import annotations

import os

from reprun.runner.files import read_text

TYPE_CHECKING = False  # typing takes 4 ms to import, before the job's first instruction
if TYPE_CHECKING:
    from typing import Any, Dict, Optional


def boot_id() -> str:
    """The kernel's id of this boot."""
    return read_text("/proc/sys/kernel/random/boot_id").strip()


def start_time(pid: int) -> Optional[int]:
    """The kernel's start time of a living process in clock ticks; None when it is gone or only a zombie."""
    stat = read_text("/proc/%d/stat" % pid)
    fields = stat.rpartition(") ")[2].split()  # the command name may hold anything, a parenthesis too
    if len(fields) < 20 or fields[0] in "ZX":
        return None
    return int(fields[19])


def identity(pid: int) -> Dict[str, Any]:
    """What to record of a process so that it can be told from any other, at any later time."""
    return {"pid": pid, "start": start_time(pid)}


_HERE: Dict[str, Any] = {}


def here() -> Dict[str, Any]:
    """The boot, and the start of pid 1: in a restarted container the boot id stays the same. No process outlives either."""
    if not _HERE:
        _HERE.update(boot_id=boot_id(), init_start=start_time(1))
    return dict(_HERE)


def elsewhere(record: Dict[str, Any]) -> str:
    """The host where `record` (`here` and `hostname`) was written, if its processes are none of ours to judge: it shares this
    disk, or is another container. Empty for a record of this host."""
    name = str(record.get("hostname") or "")
    return name if name != os.uname().nodename and not same_boot(record) else ""


def same_boot(record: Dict[str, Any]) -> bool:
    """True when `record` (as of `here`) was written since this machine or container last came up."""
    place = here()
    return record.get("boot_id") == place["boot_id"] and record.get("init_start") in (None, place["init_start"])


def is_alive(process: Any) -> bool:
    """True when the process recorded by `identity` still lives, under the same boot."""
    if not isinstance(process, dict) or not isinstance(process.get("pid"), int):
        return False
    started = start_time(process["pid"])
    return started is not None and started == process.get("start")


def is_orphan(name: str) -> bool:
    """True for the name of something that was made aside (`what.PID`, `what-PID.tmp`, …) by a process that is gone."""
    import re

    found = re.search(r"[.-]([0-9]+)(?:\.tmp|\.lock|\.check)?$", name)
    return found is not None and start_time(int(found.group(1))) is None


_OWN: Dict[int, Dict[str, Any]] = {}


def own() -> Dict[str, Any]:
    """The identity of this process."""
    pid = os.getpid()
    if pid not in _OWN:
        _OWN.clear()  # that of a process which has forked this one
        _OWN[pid] = identity(pid)
    return dict(_OWN[pid])
