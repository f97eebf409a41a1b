"""A look at a queue as rows of text: `reprun top --once` prints them, and the live view puts them into its tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from reprun.cli.fitting import Cell, Column, Row, fit
from reprun.cli.queue_tables import headline, named, names_of, priority_of, run_cell, short_gpu, starting, waiting_entries
from reprun.cli.top_marks import bar, short_seconds, sparks
from reprun.commands.topping import Look
from reprun.core.measured import items, mapping, number
from reprun.core.text import fit_cell, human_bytes
from reprun.core.text import show as show_anew

RUNNING = (
    Column("host", ("HOST",), 4, 6),
    Column("slot", ("SLOT",), 4, 0),
    Column("name", ("NAME",), 12, 3, is_middle=True),
    Column("run", ("RUN",), 6, 9, is_spare=True),
    Column("progress", ("PROGRESS", "DONE"), 4, 5, is_spare=True),
    Column("time", ("TIME",), 6, 2, is_spare=True),
    Column("left", ("LEFT",), 7, 1),
    Column("gpu", ("GPU",), 7, 8, is_spare=True),
    Column("metrics", ("METRICS",), 20, 7, is_spare=True),
)
WAITING = (
    Column("host", ("HOST",), 4, 6),
    Column("order", ("#",), 1, 0),
    Column("name", ("NAME",), 12, 1, is_middle=True),
    Column("run", ("RUN",), 6, 9, is_spare=True),
    Column("project", ("PROJECT",), 7, 8, is_spare=True),
    Column("kind", ("KIND",), 7, 7, is_spare=True),
    Column("priority", ("PRIORITY", "PRIO"), 4, 6, is_spare=True),
    Column("starts", ("STARTS",), 6, 3, is_spare=True),
    Column("waits", ("WAITS FOR",), 9, 5, is_spare=True),
)
SORTS = {"running": ("slot", "left", "progress", "name"), "waiting": ("order", "name", "starts")}
show = lru_cache(8192)(show_anew)  # a queue says the same again and again
_LATE = 1e18  # sorts behind all that is known


def running_rows(look: Look) -> list[Row]:
    """A row for each slot."""
    entries = {str(entry.get("run_id")): entry for entry in look.queue.entries}
    rows = []
    for at, slot in enumerate(look.queue.slots):
        run_id, name = str(slot.get("run_id") or ""), show(str(slot.get("name")))
        common = {"host": (show(look.queue.target),), "slot": (name,), "gpu": gpu_use(look, items(slot.get("gpus")))}
        key = f"{look.queue.target} slot {at}"
        if not run_id:
            since = number(slot.get("idle_since"))
            time = short_seconds(max(0.0, look.now - since)) if since else ""
            cells = {**common, "name": ("idle",), "time": (time,), "metrics": (show(str(slot.get("why") or "")),)}
            order: dict[str, float | str] = {"slot": at, "left": _LATE, "progress": _LATE, "name": "~"}
            rows.append(Row(key, look.queue.target, "", cells, order, is_dim=True))
            continue
        entry, run = mapping(entries.get(run_id)), mapping(look.runs.get(run_id))
        since = number(slot.get("since"))
        seconds = float(number(run.get("seconds")) or (max(0.0, look.now - since) if since else 0.0))
        share, left = how_far(entry, run, seconds)
        cells = {
            **common, "name": (_name(entry, run_id),), "run": run_cell(run_id), "progress": bar(share),
            "time": (short_seconds(seconds),), "left": (_left(left),), "metrics": sparks(mapping(run.get("metrics"))),
        }  # fmt: skip
        order = {"slot": at, "left": _LATE if left is None else left, "progress": -(share or 0.0), "name": cells["name"][0]}
        rows.append(Row(f"{look.queue.target} {run_id} {at}", look.queue.target, run_id, cells, order))
    return rows


def waiting_rows(look: Look) -> list[Row]:
    """A row for each run that has not begun."""
    rows = []
    names = names_of(look.queue)
    for at, entry in enumerate(waiting_entries(look.queue)):
        run_id, is_held = str(entry.get("run_id")), entry.get("state") == "held"
        waits = named(str(entry.get("reason") or ("held" if is_held else "a slot")), names)
        begin = look.queue.starts.get(run_id)
        cells: dict[str, Cell] = {
            "host": (show(look.queue.target),), "order": (show(str(entry.get("position") or "-")),),
            "name": (_name(entry, run_id),), "run": run_cell(run_id), "project": (show(str(entry.get("label") or "-")),),
            "kind": (show(str(entry.get("kind") or "-")),), "priority": (priority_of(entry),),
            "starts": starting(begin, look.now), "waits": (show(waits),),
        }  # fmt: skip
        order: dict[str, float | str] = {"order": at, "name": cells["name"][0], "starts": _LATE if begin is None else begin}
        rows.append(Row(f"{look.queue.target} {run_id}", look.queue.target, run_id, cells, order, is_dim=is_held))
    return rows


def columns_for(columns: Sequence[Column], several: bool) -> list[Column]:
    """Without the host where there is one only."""
    return [column for column in columns if several or column.name != "host"]


def title(look: Look) -> str:
    """`gpu1: 1 of 2 slots busy, 3 queued, all done in ~2 h 10 min`."""
    host = show(str(look.answer.get("hostname") or ""))
    known = f"  ({host})" if host and look.queue.target != "local" else ""
    end = all_done(look)
    return headline(look.queue, several=False) + (f", all done in ~{short_seconds(end - look.now)}" if end else "") + known


def all_done(look: Look) -> float | None:
    """When nothing will be left of the queue; None where that cannot be told."""
    ends = []
    entries = {str(entry.get("run_id")): entry for entry in look.queue.entries}
    for slot in look.queue.slots:
        if run_id := str(slot.get("run_id") or ""):
            run, since = mapping(look.runs.get(run_id)), number(slot.get("since")) or look.now
            seconds = float(number(run.get("seconds")) or max(0.0, look.now - since))
            left = how_far(mapping(entries.get(run_id)), run, seconds)[1]
            ends.append(None if left is None else look.now + max(0.0, left))
    for entry in waiting_entries(look.queue):
        begin, seconds_usual = look.queue.starts.get(str(entry.get("run_id"))), number(entry.get("seconds"))
        ends.append(None if begin is None or not seconds_usual else begin + float(seconds_usual))
    known = [end for end in ends if end is not None]
    return max(known) if ends and len(known) == len(ends) else None


def how_far(entry: Mapping[str, Any], run: Mapping[str, Any], seconds: float) -> tuple[float | None, float | None]:
    """The share that is done, where the job or earlier runs tell, and the seconds left; below 0 it takes longer than usual."""
    told, usual = number(run.get("progress")), number(entry.get("seconds"))
    if told is not None and 0 < told <= 1:
        return float(told), seconds * float(1 - told) / float(told)
    if usual and 0 < usual < _LATE:
        return min(0.99, seconds / usual), float(usual) - seconds
    return None, None


def gpu_use(look: Look, uuids: Sequence[Any]) -> Cell:
    """`93% 18.2 GiB`, of several one after the other; shorter: without the memory. The beginning of a UUID that nobody can be
    asked about."""
    long, short = [], []
    for uuid in map(str, uuids):
        gpu = mapping(look.gpus.get(uuid))
        use, used = number(gpu.get("use")), number(gpu.get("used"))
        share = [f"{use}%"] if use is not None else []
        memory = [human_bytes(float(used) * (1 << 20))] if used is not None else []
        long.append(show(" ".join(share + memory) or short_gpu(uuid)))
        short.append(show(" ".join(share or memory) or short_gpu(uuid)))
    return (", ".join(long), " ".join(short))


def frame(look: Look, width: int, height: int) -> list[str]:
    """The whole look as lines no wider than `width`."""
    lines = [title(look), ""]
    for columns, rows in ((RUNNING, running_rows(look)), (WAITING, waiting_rows(look))):
        if rows:
            fitted = fit(columns_for(columns, several=False), rows, width)
            lines += [fitted.head(), *(fitted.line(row) for row in rows), ""]
    return [fit_cell(line, width).rstrip() for line in lines[:height]]


def _name(entry: Mapping[str, Any], run_id: str) -> str:
    return show(str(entry.get("name") or "")) or show(run_id.rpartition("-")[2])


def _left(left: float | None) -> str:
    if left is None:
        return "-"
    return f"~{short_seconds(left)}" if left > 0 else f"+{short_seconds(-left)}"
