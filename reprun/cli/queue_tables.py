"""The queue as people like to look at it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from time import localtime, strftime
from typing import Any

from reprun.cli.envelope import say
from reprun.cli.table import print_table
from reprun.commands.queue_care import Queued
from reprun.core.measured import items
from reprun.core.queued import default_priority
from reprun.core.text import human_seconds, show
from reprun.system.clock import now_seconds


def print_queue(queue: Queued, several: bool) -> None:
    """One line on the whole, the slots with what runs in them, the runs that wait."""
    now = now_seconds()
    print(headline(queue, several))
    if queue.slots:
        print_table(("SLOT", "GPUS", "RUN", "NAME", "SINCE", "LEFT", ""), slot_rows(queue, now), flexible=6)
    waiting = waiting_rows(queue, now)
    if waiting:
        print()
        print_table(("#", "RUN", "NAME", "PROJECT", "KIND", "PRIORITY", "STARTS", "WAITS FOR"), waiting, flexible=7)


def headline(queue: Queued, several: bool = True) -> str:
    """`gpu1: 1 of 2 slots busy, 3 queued, paused`."""
    busy = sum(bool(slot.get("run_id")) for slot in queue.slots)
    waiting = len(waiting_entries(queue))
    slots = f"{busy} of {len(queue.slots)} slots busy" if queue.slots else "no slot was used yet"
    words = [slots, f"{waiting} queued" if waiting else "nothing is queued"]
    if queue.answer.get("draining"):
        words.append("draining: reprun queue resume")
    elif queue.answer.get("paused"):
        words.append("paused: reprun queue resume")
    elif waiting and not is_working(queue):
        words.append("no worker: reprun queue resume")
    return (f"{show(queue.target)}: " if several or queue.target != "local" else "") + ", ".join(words)


def waiting_entries(queue: Queued) -> list[dict[str, Any]]:
    """The runs that have not begun."""
    return [entry for entry in queue.entries if entry.get("state") in ("queued", "held")]


def is_working(queue: Queued) -> bool:
    """Whether somebody there gives out slots."""
    worker = queue.answer.get("worker")
    return isinstance(worker, Mapping) and worker.get("state") == "running"


def slot_rows(queue: Queued, now: float) -> list[Sequence[str]]:
    """A row for each slot: what runs in it, since when and how long still; or since when and why it is idle."""
    entries = {str(entry.get("run_id")): entry for entry in queue.entries}
    rows: list[Sequence[str]] = []
    for slot in queue.slots:
        run_id = str(slot.get("run_id") or "")
        gpus = ",".join(short_gpu(str(gpu)) for gpu in items(slot.get("gpus"))) or "-"
        since = age(slot.get("since") if run_id else slot.get("idle_since"), now)
        if not run_id:
            rows.append((str(slot.get("name")), gpus, "idle", "", since, "", str(slot.get("why") or "")))
            continue
        entry = entries.get(run_id, {})
        left = time_left(entry, slot, now)
        rows.append(
            (str(slot.get("name")), gpus, run_id, str(entry.get("name") or "-"), since, left, str(entry.get("label") or ""))
        )
    return rows


def waiting_rows(queue: Queued, now: float) -> list[Sequence[str]]:
    """A row for each run that has not begun."""
    rows: list[Sequence[str]] = []
    for entry in waiting_entries(queue):
        run_id, held = str(entry.get("run_id")), entry.get("state") == "held"
        waits = str(entry.get("reason") or ("held" if held else ""))
        begin = queue.starts.get(run_id)
        rows.append(
            (
                str(entry.get("position") or "-"), run_id, str(entry.get("name") or "-"), str(entry.get("label") or "-"),
                str(entry.get("kind") or "-"), priority_of(entry), starting(begin, now), waits or "a slot",
            )
        )  # fmt: skip
    return rows


def priority_of(entry: Mapping[str, Any]) -> str:
    """The number, without a point where it is whole."""
    value = entry.get("priority")
    return f"{float(value) if isinstance(value, (int, float)) else default_priority(str(entry.get('kind'))):g}"


def time_left(entry: Mapping[str, Any], slot: Mapping[str, Any], now: float) -> str:
    """How long it will still run, by what earlier runs took."""
    seconds, since = entry.get("seconds"), slot.get("since")
    if not isinstance(seconds, (int, float)) or not isinstance(since, (int, float)) or seconds <= 0:
        return "-"
    left = since + seconds - now
    return f"~{human_seconds(left)}" if left > 0 else f"over by {human_seconds(-left)}"


def starting(begin: float | None, now: float) -> str:
    """`now`, `in ~12 min 05 s`, `at 22:00`, or `-` when that cannot be told."""
    if begin is None:
        return "-"
    if begin - now < 1:
        return "now"
    return f"in ~{human_seconds(begin - now)}" if begin - now < 3600 else strftime("~%a %H:%M", localtime(begin))


def age(since: Any, now: float) -> str:
    """For how long something has been so."""
    return human_seconds(max(0.0, now - since)) if isinstance(since, (int, float)) and since > 0 else "-"


def short_gpu(uuid: str) -> str:
    """The beginning of a UUID, which is enough to tell two apart."""
    return uuid[:12] if uuid.startswith(("GPU-", "MIG-")) else uuid


def say_where(settings_targets: Sequence[str], on: str) -> None:
    """Says that there are other machines to look at."""
    if not on and settings_targets:
        say(f"other machines: reprun queue --on {show(settings_targets[0]) if len(settings_targets) == 1 else 'all'}")
