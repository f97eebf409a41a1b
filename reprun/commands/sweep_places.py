"""The hosts of a sweep as they are now: all asked at once, and one that does not answer holds up the others only once."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import partial

from reprun.commands.sweep_open import Opened
from reprun.core.errors import ReprunError, UnreachableError, UsageError
from reprun.core.measured import Record, items, mapping
from reprun.core.text import show
from reprun.runner.queue_fence import FENCED
from reprun.sweeps.sharing import Place
from reprun.system.together import Work
from reprun.workspace import Workspace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from reprun.commands.launch_many import Ground
    from reprun.targets import Target

_ELSEWHERE = ("waits for ", "not before ")  # such an entry takes no slot when one is free


def check_machines(grounds: Mapping[str, Ground]) -> None:
    """Raises `UsageError` for two targets that lead to one queue: what waits in it would be counted twice."""
    found: dict[tuple[str, ...], str] = {}
    for name, ground in grounds.items():
        said = ground.prepared["host"]
        where = (str(said["machine_id"]), str(said["hostname"]), os.path.dirname(ground.prepared["run_dir"]))
        if where[0] and where in found:
            same, one = f"{show(found[where])} and {show(name)}", show(found[where])
            raise UsageError(f"{same} are the same host, {show(where[1])}", hint=f"--on {one}; or another home for one of them")
        found[where] = name


def look_at_places(opened: Opened, tables: Mapping[str, Record], avoid: Mapping[str, str]) -> list[Place]:
    """The targets of the sweep; those to `avoid` are not asked."""
    answers = ask_queues(opened.workspace, [name for name in opened.targets if name not in avoid], {})
    found = []
    for name in opened.targets:
        answer = answers.get(name)
        if answer is None or isinstance(answer, ReprunError):
            found.append(Place(name, trouble=avoid[name] if answer is None else answer.message, answers=False))
        else:
            found.append(_place(opened, name, answer, tables))
    return found


def ask_queues(
    workspace: Workspace, names: Sequence[str], seconds: Mapping[str, float]
) -> dict[str, dict[str, Any] | ReprunError]:
    """What their queues say, or why they say nothing."""
    by_host: dict[str, list[Target]] = {}  # two targets may be folders of one machine
    for name in names:
        target = workspace.target(name)
        by_host.setdefault(target.host.name, []).append(target)
    works = {
        host: Work(partial(_ask_each, some), min(min(one.patience, seconds.get(one.name, one.patience)) for one in some))
        for host, some in by_host.items()
    }
    done = workspace.together.do(works)
    found: dict[str, dict[str, Any] | ReprunError] = {}
    for host, some in by_host.items():
        if host in done:
            found |= done[host].get()
            continue
        for one in some:
            said = f"{show(one.name)} did not answer within {works[host].seconds:g} s"
            found[one.name] = UnreachableError(said, hint=f"reprun doctor --on {show(one.name)}")
    return {name: found[name] for name in names}


def _ask_each(targets: Sequence[Target]) -> dict[str, dict[str, Any] | ReprunError]:
    found: dict[str, dict[str, Any] | ReprunError] = {}
    for target in targets:
        try:
            found[target.name] = target.host.ask({"op": "queue", "do": "ls"})
        except ReprunError as error:
            found[target.name] = error
    return found


def _place(opened: Opened, name: str, answer: Record, tables: Mapping[str, Record]) -> Place:
    trouble = "draining" if answer.get("draining") else "paused" if answer.get("paused") else ""
    trouble = f"the queue of {show(name)} is {trouble}" if trouble else ""
    slots = [mapping(slot) for slot in items(answer.get("slots"))] or [{}]
    entries = [mapping(entry) for entry in items(answer.get("entries"))]
    free = sum(not slot.get("run_id") for slot in slots)
    queued = [entry for entry in entries if entry.get("state") == "queued"]
    waiting = [entry for entry in queued if not str(entry.get("reason") or "").startswith(_ELSEWHERE)]
    fenced = [entry for entry in entries if entry.get("state") == "held" and entry.get("reason") == FENCED]
    ours = [str(entry.get("run_id")) for entry in (*queued, *fenced) if _is_ours(opened, entry)]
    count, most = len(slots), len(opened.options.resources or opened.sweep.resources)
    if most:
        busy = sum(entry.get("state") == "running" and _is_ours(opened, entry) for entry in entries)
        count, free = min(count, most), max(0, min(free, most - busy))
    known = tuple((run_id, str(tables[run_id]["task"])) for run_id in ours if run_id in tables)
    waits = tuple(str(entry.get("run_id")) for entry in fenced if _is_ours(opened, entry))
    has_worker = mapping(answer.get("worker")).get("state") == "running"
    return Place(name, count, free, len(waiting), known, trouble, has_worker=has_worker, fenced=waits)


def _is_ours(opened: Opened, entry: Record) -> bool:
    return entry.get("project") == opened.workspace.key and entry.get("sweep") == opened.file
