"""When the queued runs will start, as far as the durations of earlier ones can tell."""

from __future__ import annotations

from collections.abc import Sequence

from reprun.core.measured import Record, items, mapping

_FULL = 10_000  # entries that are looked at: beyond that nobody reads the table


def estimate_starts(entries: Sequence[Record], slots: Sequence[Record], now: float) -> dict[str, float]:
    """Seconds since the epoch by run id, for the waiting entries in their order. What cannot be told is left out: a run that
    waits for something else, one that no slot has room for, and all behind a run of which nobody knows how long it takes."""
    known = {str(entry.get("run_id")): entry for entry in entries}
    free: list[tuple[float | None, int]] = []  # when each slot is free again, None: nobody knows; and how many GPUs it has
    for slot in slots:
        running = str(slot.get("run_id") or "")
        free.append((_end(known.get(running, {}), slot, now) if running else now, len(items(slot.get("gpus")))))
    starts: dict[str, float] = {}
    for entry in entries[:_FULL]:
        if entry.get("state") != "queued" or entry.get("reason"):
            continue
        wanted = int(_seconds(entry.get("gpus")))
        fitting = [at for at, (when, gpus) in enumerate(free) if when is not None and gpus >= wanted]
        if not fitting:
            continue
        at = min(fitting, key=lambda at: free[at][0] or 0.0)
        begin = max(free[at][0] or now, _seconds(entry.get("not_before")), now)
        starts[str(entry.get("run_id"))] = begin
        seconds = _seconds(entry.get("seconds"))
        free[at] = (begin + seconds if seconds else None, free[at][1])
    return starts


def free_slots(answer: Record) -> int:
    """How many slots of a host would be free for one more run: the idle ones, less those that wait for one. May be negative.
    One that names no slots has one."""
    slots = [mapping(slot) for slot in items(answer.get("slots"))]
    waiting = [entry for entry in map(mapping, items(answer.get("entries"))) if entry.get("state") == "queued"]
    return (sum(not slot.get("run_id") for slot in slots) if slots else 1) - len(waiting)


def _end(entry: Record, slot: Record, now: float) -> float | None:
    seconds = _seconds(entry.get("seconds"))
    return max(now, _seconds(slot.get("since")) + seconds) if seconds else None


def _seconds(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else 0.0
