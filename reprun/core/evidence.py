"""The evidence of a verdict: every metric and every output of two runs, judged one by one."""

from __future__ import annotations

import math
from dataclasses import dataclass

from reprun.core.measured import FIELDS, Metric, Output, Record, gap, left_out, metrics_of, outputs_of
from reprun.core.measured import same as same_number
from reprun.core.tolerance import EXACT, Tolerance, Tolerances

# Statuses that both kinds of row have. MISSING: only the original has it; ADDED: only the new run has it.
EQUAL, MISSING, ADDED, IGNORED = "equal", "missing", "added", "ignored"
# Of metrics: moved, but no further than the tolerance; moved further.
WITHIN, BEYOND = "within", "beyond"
# Of outputs: other bytes; not hashed on a side; absent from a list that left outputs out.
DIFFERENT, UNHASHED, UNLISTED = "different", "unhashed", "unlisted"


@dataclass(frozen=True)
class MetricRow:
    """One metric in both runs.

    `field` (last, min, max or count) is the one that moved furthest, empty if none did. `absolute` and
    `relative` say how far; they are infinite where no number would be right (a metric that one side lacks,
    NaN against a number, a relative change from 0).
    """

    name: str
    status: str
    old: Metric | None
    new: Metric | None
    field: str = ""
    absolute: float = 0.0
    relative: float = 0.0
    tolerance: Tolerance = EXACT


@dataclass(frozen=True)
class OutputRow:
    """One output file in both runs."""

    path: str
    status: str
    old: Output | None
    new: Output | None


def metric_rows(old: Record, new: Record, tolerances: Tolerances) -> tuple[MetricRow, ...]:
    """Every metric of either outcome, by name."""
    before, after = metrics_of(old), metrics_of(new)
    return tuple(_metric_row(name, before.get(name), after.get(name), tolerances) for name in sorted({*before, *after}))


def output_rows(old: Record, new: Record, tolerances: Tolerances) -> tuple[OutputRow, ...]:
    """Every listed output of either outcome, by path."""
    before, after = outputs_of(old), outputs_of(new)
    absent = (UNLISTED if left_out(old) else ADDED, UNLISTED if left_out(new) else MISSING)
    rows = []
    for path in sorted({*before, *after}):
        one, other = before.get(path), after.get(path)
        status = IGNORED if tolerances.ignores(path) else _output_status(one, other, absent)
        rows.append(OutputRow(path, status, one, other))
    return tuple(rows)


def _metric_row(name: str, old: Metric | None, new: Metric | None, tolerances: Tolerances) -> MetricRow:
    tolerance = tolerances.of(name)
    if old is None or new is None:
        status = MISSING if new is None else ADDED
        row = MetricRow(name, status, old, new, "", math.inf, math.inf, tolerance)
    else:
        row = _moved(name, old, new, tolerance)
    return MetricRow(name, IGNORED, old, new) if tolerances.ignores(name) else row


def _moved(name: str, old: Metric, new: Metric, tolerance: Tolerance) -> MetricRow:
    moved = [field for field in FIELDS if not same_number(old.value(field), new.value(field))]
    beyond = [field for field in moved if not tolerance.allows(old.value(field), new.value(field))]
    if not moved:
        if old.count == new.count:
            return MetricRow(name, EQUAL, old, new, tolerance=tolerance)
        moved = ["count"]  # other steps, same numbers: not identical, and no drift either
    gaps = {field: gap(old.value(field), new.value(field)) for field in beyond or moved}
    worst = max(gaps, key=lambda field: (gaps[field][1], gaps[field][0]))
    return MetricRow(name, BEYOND if beyond else WITHIN, old, new, worst, *gaps[worst], tolerance)


def _output_status(old: Output | None, new: Output | None, absent: tuple[str, str]) -> str:
    if old is None:
        return absent[0]
    if new is None:
        return absent[1]
    if old.size is not None and new.size is not None and old.size != new.size:
        return DIFFERENT
    if old.sha256 is None or new.sha256 is None:
        return UNHASHED
    return EQUAL if old.sha256 == new.sha256 else DIFFERENT
