"""What a queue has to offer and to expect, as its host says it."""

from __future__ import annotations

from typing import Any

from reprun.core.measured import Record, items, mapping, number

_TIMES = ("starts", "ends")
_LATEST = 2**33  # seconds since the epoch: the calendar of a C library goes further


def on_our_clock(answer: Record, now: float) -> dict[str, Any]:
    """The answer of a host with the times that it expects as this machine counts them: `now`, where the host says `time`."""
    told = _time(answer.get("time"))
    ahead = 0.0 if told is None else now - told
    entries = [dict(mapping(entry)) for entry in items(answer.get("entries"))]
    for entry in entries:
        for name in _TIMES:
            value = _time(entry.get(name))
            entry[name] = None if value is None else value + ahead
    return {**answer, "entries": entries}


def starts_of(answer: Record) -> dict[str, float]:
    """When its runs will start, where that can be told."""
    entries = [mapping(entry) for entry in items(answer.get("entries"))]
    return {str(entry.get("run_id")): float(entry["starts"]) for entry in entries if entry.get("starts") is not None}


def free_slots(answer: Record) -> int:
    """How many slots of a host would be free for one more run: the idle ones, less those that wait for one. May be negative.
    One that names no slots has one."""
    slots = [mapping(slot) for slot in items(answer.get("slots"))]
    waiting = [entry for entry in map(mapping, items(answer.get("entries"))) if entry.get("state") == "queued"]
    return (sum(not slot.get("run_id") for slot in slots) if slots else 1) - len(waiting)


def _time(value: Any) -> float | None:
    known = number(value)
    return float(known) if known is not None and 0 < known < _LATEST else None
