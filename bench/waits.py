"""How long slots wait, from when each run in them began and ended."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise


def waits(marks: Sequence[tuple[str, float, float]]) -> list[float]:
    """Milliseconds between two runs of one slot, sorted; of each run its slot, begin and end in seconds."""
    slots: dict[str, list[tuple[float, float]]] = {}
    for slot, begin, end in marks:
        slots.setdefault(slot, []).append((begin, end))
    found = []
    for spans in slots.values():
        spans.sort()
        found += [(after[0] - before[1]) * 1000 for before, after in pairwise(spans)]
    return sorted(found)


def most(found: list[float]) -> float:
    """What 95 % of them are less than."""
    return found[int(len(found) * 0.95)]
