"""The queue as people like to look at it."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from functools import lru_cache
from time import localtime, strftime
from typing import Any

from reprun.cli.envelope import say
from reprun.cli.fitting import Cell, Column, Row
from reprun.cli.table import print_fitted
from reprun.cli.top_marks import short_seconds
from reprun.commands.queue_care import Queued
from reprun.core.measured import items
from reprun.core.queued import default_priority
from reprun.core.text import human_seconds, show
from reprun.system.clock import now_seconds

SLOTS = (
    Column("slot", ("SLOT",), 4, 0),
    Column("gpus", ("GPUS",), 6, 9, is_spare=True),
    Column("run", ("RUN",), 22, 1),
    Column("name", ("NAME",), 12, 5, is_middle=True),
    Column("since", ("SINCE",), 6, 4, is_spare=True),
    Column("left", ("LEFT",), 6, 3, is_spare=True),
    Column("note", ("",), 12, 6, is_spare=True),
)
LINE = (
    Column("order", ("#",), 1, 0),
    Column("run", ("RUN",), 22, 1),
    Column("name", ("NAME",), 12, 5, is_middle=True),
    Column("project", ("PROJECT",), 7, 9, is_spare=True),
    Column("kind", ("KIND",), 4, 8, is_spare=True),
    Column("priority", ("PRIORITY", "PRIO"), 4, 7, is_spare=True),
    Column("starts", ("STARTS",), 7, 2, is_spare=True),
    Column("ends", ("ENDS",), 7, 7, is_spare=True),
    Column("waits", ("WAITS FOR",), 9, 6),
)
_MOST = 40  # waiting runs on a terminal
_RUN = re.compile(r"\b\d{8}-\d{6}-[0-9a-z]{6}\b")


def print_queue(queue: Queued, several: bool) -> None:
    """One line on the whole, the slots with what runs in them, the runs that wait; on a terminal the first of them."""
    now = now_seconds()
    print(headline(queue, several))
    print_fitted(SLOTS, slot_rows(queue, now))
    waiting = line_rows(queue, now)
    most = _MOST if sys.stdout.isatty() else len(waiting)
    if waiting:
        print()
        print_fitted(LINE, waiting[:most])
    if waiting[most:]:
        on = "" if queue.target == "local" else f" --on {show(queue.target)}"
        print(f"… and {len(waiting) - most} more: reprun top{on}, or reprun queue ls{on} | less")


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
    elif waiting and all(entry.get("state") == "held" for entry in waiting_entries(queue)):
        words[-1] += ", all of them held"
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


def slot_rows(queue: Queued, now: float) -> list[Row]:
    """A row for each slot: what runs in it, since when and how long still; or since when and why it is idle."""
    entries = {str(entry.get("run_id")): entry for entry in queue.entries}
    rows = []
    for slot in queue.slots:
        run_id = str(slot.get("run_id") or "")
        entry = entries.get(run_id, {})
        gpus = [short_gpu(str(gpu)) for gpu in items(slot.get("gpus"))]
        cells: dict[str, Cell] = {
            "slot": _cell(slot.get("name")),
            "gpus": _cell(",".join(gpus) or "-", f"{len(gpus)} GPU{'s' if len(gpus) > 1 else ''}" if gpus else "-"),
            "run": run_cell(run_id) if run_id else ("idle",),
            "name": _cell(entry.get("name") or "-" if run_id else ""),
            "since": (age(slot.get("since") if run_id else slot.get("idle_since"), now),),
            "left": time_left(entry, slot, now) if run_id else ("",),
            "note": _cell(entry.get("label") or "" if run_id else slot.get("why") or ""),
        }
        rows.append(Row(str(slot.get("name")), queue.target, run_id, cells, {}))
    return rows


def line_rows(queue: Queued, now: float) -> list[Row]:
    """A row for each run that has not begun."""
    rows = []
    names = names_of(queue)
    for entry in waiting_entries(queue):
        run_id, is_held = str(entry.get("run_id")), entry.get("state") == "held"
        begin, end = starting(queue.starts.get(run_id), now), starting(entry.get("ends"), now)
        cells: dict[str, Cell] = {
            "order": _cell(entry.get("position") or "-"), "run": run_cell(run_id), "name": _cell(entry.get("name") or "-"),
            "project": _cell(entry.get("label") or "-"), "kind": _cell(entry.get("kind") or "-"),
            "priority": (priority_of(entry),), "starts": begin, "ends": end,
            "waits": _cell(named(str(entry.get("reason") or ("held" if is_held else "a slot")), names)),
        }  # fmt: skip
        rows.append(Row(run_id, queue.target, run_id, cells, {}))
    return rows


def names_of(queue: Queued) -> dict[str, str]:
    """What the runs of a queue are called, by their ids."""
    return {str(entry.get("run_id")): str(entry.get("name")) for entry in queue.entries if entry.get("name")}


def named(text: str, names: Mapping[str, str]) -> str:
    """`waits for base`: runs by their names, where they have one."""
    return _RUN.sub(lambda found: names.get(found[0], found[0]), text)


@lru_cache(8192)
def run_cell(run_id: str) -> Cell:
    """The run id; without its day, which is known; its end."""
    return _cell(run_id, run_id.partition("-")[2] or run_id, run_id.rpartition("-")[2])


def _cell(*texts: object) -> Cell:
    return tuple(show(str(text)) for text in texts)


def priority_of(entry: Mapping[str, Any]) -> str:
    """The number, without a point where it is whole."""
    value = entry.get("priority")
    return f"{float(value) if isinstance(value, (int, float)) else default_priority(str(entry.get('kind'))):g}"


def time_left(entry: Mapping[str, Any], slot: Mapping[str, Any], now: float) -> Cell:
    """How long it will still run, by what the job says of its progress, else by what earlier runs took."""
    seconds, since, ends = entry.get("seconds"), slot.get("since"), entry.get("ends")
    if isinstance(entry.get("progress"), (int, float)) and isinstance(ends, float):
        return _in_two("~{}", max(0.0, ends - now))
    if not isinstance(seconds, (int, float)) or not isinstance(since, (int, float)) or seconds <= 0:
        return ("-",)
    left = since + seconds - now
    return _in_two("~{}", left) if left > 0 else (f"over by {human_seconds(-left)}", f"+{short_seconds(-left)}")


def _in_two(words: str, seconds: float) -> Cell:
    return words.format(human_seconds(seconds)), words.format(short_seconds(seconds))


def starting(begin: float | None, now: float) -> Cell:
    """`now`, `in ~12 min 05 s` (where there is less room `~12m05s`), `~Tue 22:00`, or nothing when that cannot be told."""
    if begin is None:
        return ("",)
    if begin - now < 1:
        return ("now",)
    if begin - now < 3600:
        return (f"in ~{human_seconds(begin - now)}", f"~{short_seconds(begin - now)}")
    return (strftime("~%a %H:%M", localtime(begin)),)


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
