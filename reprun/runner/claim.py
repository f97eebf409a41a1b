"""The claim: a link that only one supervisor can make, and that says who made it. A run is started at most once.

`symlink` is atomic on local disks and NFS alike. An owner that died before the job was released never started it (the
start record is written first), so the next generation may be claimed; while the owner lives, or lives on another host
where nobody here can tell, there is no takeover.
"""

from __future__ import annotations

import os

from reprun.runner.files import read_json, sync_dir
from reprun.runner.identity import here, is_alive, own, same_boot
from reprun.runner.paths import RunDir

TYPE_CHECKING = False  # typing takes 4 ms to import, before the job's first instruction
if TYPE_CHECKING:
    from typing import Any, Dict, Optional, Tuple

_GENERATIONS = 1000


def claim(run: RunDir, durable: bool = True) -> Optional[int]:
    """Claims the start for this process: the generation, or None when somebody else has it or the job was started.

    One that is not `durable` is enough where a record follows that is: after a reboot no claim of before counts.
    """
    for generation in range(1, _GENERATIONS):
        if was_started(run):
            return None
        try:
            os.symlink(_owner(), run.claim(generation))
        except FileExistsError:
            if _may_live(read_owner(run.claim(generation))):
                return None
            continue
        if durable:
            sync_dir(run.path)
        # Only the newest generation may start: a slow owner that was taken for dead finds itself overtaken here.
        return None if was_started(run) else generation
    return None


def was_started(run: RunDir) -> bool:
    """True when a job of this run has executed, or may have."""
    if os.path.lexists(run.outcome):
        return True
    try:
        started = read_json(run.started)
    except ValueError:
        return True
    return os.path.lexists(run.started) if started is None else not never_ran(run, started)


def never_ran(run: RunDir, started: Dict[str, Any]) -> bool:
    """True when supervisor and job were killed between the start record and the job's first instruction.

    The job makes its log before that instruction. After a reboot a log that is missing says nothing: it may be lost.
    """
    if "exit_code" in started or not same_boot(started):
        return False
    for process in (started.get("supervisor"), started.get("job")):
        if not isinstance(process, dict) or not isinstance(process.get("pid"), int) or is_alive(process):
            return False
    return not os.path.lexists(run.stdout)  # asked last: who is dead by now has made it, or never will


def is_owner(run: RunDir, generation: int) -> bool:
    """True while no later generation has claimed the start."""
    return not os.path.lexists(run.claim(generation + 1))


def current(run: RunDir) -> Tuple[int, Dict[str, Any]]:
    """The newest generation and its owner; (0, {}) when the start was never claimed."""
    generation = 0
    while os.path.lexists(run.claim(generation + 1)):
        generation += 1
    return generation, read_owner(run.claim(generation)) if generation else {}


def owner_lives(owner: Dict[str, Any]) -> bool:
    """True when the owner of a claim is alive here, or may be alive elsewhere."""
    return _may_live(owner)


def _owner() -> str:
    # Everything in one name: the boot, pid 1's start, the process, the host.
    place, process = here(), own()
    return "%s:%s:%s:%s:%s" % (place["boot_id"], place["init_start"], process["pid"], process["start"], os.uname().nodename)


def read_owner(path: str) -> Dict[str, Any]:
    """The owner that a claim names; an empty record when the link is not one of ours."""
    try:
        parts = os.readlink(path).split(":", 4)
        boot, init, pid, start, host = parts
        return {"boot_id": boot, "init_start": _number(init), "pid": int(pid), "start": _number(start), "host": host}
    except (OSError, ValueError):
        return {}


def _number(text: str) -> Optional[int]:
    return int(text) if text.isdigit() else None


def _may_live(owner: Dict[str, Any]) -> bool:
    if not owner:
        return True  # unreadable: nobody can tell, so nobody takes over
    if owner["host"] != os.uname().nodename:
        return True  # another machine, or another container of this one, whose processes have other numbers
    return same_boot(owner) and is_alive(owner)
