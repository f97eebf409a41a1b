"""Why slots were idle, added up."""

from __future__ import annotations

from collections.abc import Sequence

from reprun.core.frozen import dataclass
from reprun.core.measured import Record, items, mapping, number

UNKNOWN = "nobody knows why"


@dataclass(frozen=True)
class Idle:
    """One slot over a while: the share of it that it was busy, for how long it has been idle now (None: it is not) and why,
    and all reasons with their seconds, the longest first."""

    slot: str
    busy: float
    seconds: float | None
    why: str
    reasons: tuple[tuple[str, float], ...]


def idle_of(slot: Record, until: float) -> Idle:
    """What a host says of a slot: `{"name", "busy_share", "idle_since", "why", "spans": [{"from", "to", "why"}]}`; `until` is
    now, and `idle_since` 0 for a slot that is busy."""
    total: dict[str, float] = {}
    for span in map(mapping, items(slot.get("spans"))):
        begin, end = _seconds(span.get("from"), until), _seconds(span.get("to") or until, until)
        why = str(span.get("why") or UNKNOWN)
        total[why] = total.get(why, 0.0) + max(0.0, end - begin)
    since, share = _seconds(slot.get("idle_since"), 0.0), number(slot.get("busy_share"))
    reasons = tuple(sorted(total.items(), key=lambda one: -one[1]))
    busy = min(1.0, max(0.0, float(share or 0.0)))
    why = str(slot.get("why") or UNKNOWN) if since > 0 else ""
    return Idle(str(slot.get("name")), busy, max(0.0, until - since) if since > 0 else None, why, reasons)


def total_busy(slots: Sequence[Idle]) -> float:
    """The share of all slots together."""
    return sum(slot.busy for slot in slots) / len(slots) if slots else 0.0


def _seconds(value: object, missing: float) -> float:
    found = number(value)
    return missing if found is None or found != found else float(found)
