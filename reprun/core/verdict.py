"""The verdict on a reproduction: IDENTICAL, EQUIVALENT, DRIFTED or NOT COMPARABLE, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from reprun.core.errors import VerdictError
from reprun.core.evidence import (
    ADDED,
    BEYOND,
    DIFFERENT,
    EQUAL,
    IGNORED,
    MISSING,
    UNHASHED,
    UNLISTED,
    WITHIN,
    MetricRow,
    OutputRow,
    metric_rows,
    output_rows,
)
from reprun.core.measured import Metric, Record, left_out, number_as_json
from reprun.core.reasons import (
    BY_METRICS_ALONE,
    NEW,
    ORIGINAL,
    drifted_metrics,
    drifted_outputs,
    equal_things,
    moved_metrics,
    nothing_compared,
    remarks,
    unfinished,
    warnings,
)
from reprun.core.tolerance import Tolerances

IDENTICAL, EQUIVALENT, DRIFTED, NOT_COMPARABLE = "identical", "equivalent", "drifted", "not_comparable"


@dataclass(frozen=True)
class Verdict:
    """What a reproduction showed. `reasons` are sentences, the weightiest first, warnings last."""

    kind: str
    reasons: tuple[str, ...]
    metrics: tuple[MetricRow, ...] = ()
    outputs: tuple[OutputRow, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 for identical and equivalent, 7 otherwise."""
        return 0 if self.kind in (IDENTICAL, EQUIVALENT) else VerdictError.exit_code

    @property
    def word(self) -> str:
        """The verdict as it is shown: `IDENTICAL`, `NOT COMPARABLE`."""
        return self.kind.replace("_", " ").upper()


def judge(old: Record | None, new: Record | None, tolerances: Tolerances, doubts: Sequence[str] = ()) -> Verdict:
    """The verdict on two outcomes (outcome.json, parsed): `old` is the original's, `new` the reproduction's.

    None stands for an outcome that is not there; `doubts` are warnings from elsewhere. Never raises, whatever the outcomes hold.
    """
    open_ends = [text for who, one in ((ORIGINAL, old), (NEW, new)) if (text := unfinished(who, one))]
    if old is None or new is None or open_ends:
        return Verdict(NOT_COMPARABLE, tuple(open_ends))
    metrics, outputs = metric_rows(old, new, tolerances), output_rows(old, new, tolerances)
    unlisted = (left_out(old), left_out(new))
    kind, main = _weigh(metrics, outputs, tolerances.declared, any(unlisted))
    reasons = (*main, *remarks(metrics, outputs, unlisted), *warnings(old, new), *doubts)
    return Verdict(kind, reasons, metrics, outputs)


def _weigh(
    metrics: tuple[MetricRow, ...], outputs: tuple[OutputRow, ...], declared: bool, unlisted: bool
) -> tuple[str, list[str]]:
    counted = [row for row in metrics if row.status != IGNORED]
    beyond = [row for row in counted if row.status in (BEYOND, MISSING, ADDED)]
    within = [row for row in counted if row.status == WITHIN]
    changed = [row for row in outputs if row.status in (DIFFERENT, MISSING, ADDED)]
    hashed = [row for row in outputs if row.status == EQUAL]
    unsure = unlisted or any(row.status in (UNHASHED, UNLISTED) for row in outputs)
    # A tolerance is about numbers: without one metric to vouch for the run, files that differ are a drift.
    excused = declared and bool(counted)
    if beyond or (changed and not excused):
        advice = [] if beyond or declared or not counted else [BY_METRICS_ALONE]
        return DRIFTED, [*drifted_metrics(beyond), *drifted_outputs(changed), *advice]
    if not counted and not hashed:
        return NOT_COMPARABLE, nothing_compared(metrics, outputs, unlisted)
    if within or changed or unsure:
        main = equal_things([row for row in counted if row.status == EQUAL], hashed)
        allowed = [f"{text} (allowed: a tolerance was declared)" for text in drifted_outputs(changed)]
        return EQUIVALENT, [*main, *moved_metrics(within), *allowed]
    return IDENTICAL, equal_things(counted, hashed)


def verdict_as_json(verdict: Verdict) -> dict[str, Any]:
    """The verdict as plain JSON values; NaN and infinities are strings, as in outcome.json."""
    return {
        "kind": verdict.kind,
        "word": verdict.word,
        "exit_code": verdict.exit_code,
        "reasons": list(verdict.reasons),
        "metrics": [_metric_as_json(row) for row in verdict.metrics],
        "outputs": [asdict(row) for row in verdict.outputs],
    }


def _metric_as_json(row: MetricRow) -> dict[str, Any]:
    return {
        "name": row.name,
        "status": row.status,
        "field": row.field,
        "old": _values_as_json(row.old),
        "new": _values_as_json(row.new),
        "absolute": number_as_json(row.absolute),
        "relative": number_as_json(row.relative),
        "tolerance": asdict(row.tolerance),
    }


def _values_as_json(metric: Metric | None) -> dict[str, Any] | None:
    if metric is None:
        return None
    return {field: number_as_json(value) for field, value in asdict(metric).items()}
