"""How far the metrics of an experiment move from repeat to repeat, and the tolerance that follows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from reprun.core.canonical import plain
from reprun.core.frozen import dataclass, replace
from reprun.core.measured import FIELDS, Record, is_finite, items, mapping, metrics_of, natural, number, outputs_of
from reprun.core.tolerance import Tolerance, Tolerances

# Student's t, two-sided 99 %, for 1, 2, … degrees of freedom; NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.2.
_T99 = (
    63.657, 9.925, 5.841, 4.604, 4.032, 3.707, 3.499, 3.355, 3.250, 3.169, 3.106, 3.055, 3.012, 2.977, 2.947, 2.921, 2.898, 2.878,
    2.861, 2.845, 2.831, 2.819, 2.807, 2.797, 2.787, 2.779, 2.771, 2.763, 2.756, 2.750,
)  # fmt: skip


@dataclass(frozen=True)
class Spread:
    """The last values of one metric over repeats. `tolerance` is absolute; `problem` says why there is none."""

    n: int
    mean: float = 0.0
    deviation: float = 0.0
    least: float = 0.0
    most: float = 0.0
    tolerance: float = 0.0
    problem: str = ""


def repeatability(values: Sequence[float]) -> float:
    """How far two further values may lie apart, in 99 of 100 cases, if these are repeats of the same measurement.

    It is the repeatability limit of ISO 5725-6, the difference of two results having the standard deviation s·√2, with Student's
    t for so few values in the place of the normal distribution: t(n-1)·√2·s. No less than the range that was seen.
    """
    from statistics import stdev

    t = _T99[min(len(values) - 1, len(_T99)) - 1]
    return max(t * math.sqrt(2) * stdev(values), max(values) - min(values))


def spreads(outcomes: Sequence[Record]) -> dict[str, Spread]:
    """The spread of every metric over at least two outcomes. The tolerance covers its last, smallest and largest value."""
    found = [metrics_of(outcome) for outcome in outcomes]
    return {name: _spread([metrics.get(name) for metrics in found]) for name in sorted({name for one in found for name in one})}


def _spread(metrics: Sequence[Any]) -> Spread:
    from statistics import fmean, stdev

    there = [metric for metric in metrics if metric is not None]
    if len(there) < len(metrics):
        return Spread(len(there), problem=f"only {len(there)} of {len(metrics)} runs have it")
    columns = [[metric.value(field) for metric in there] for field in FIELDS]
    if not all(value is not None and is_finite(value) for column in columns for value in column):
        return Spread(len(there), problem="not every value is a number")
    try:
        last = [float(value) for value in columns[0]]
        limit = max(repeatability([float(value) for value in column]) for column in columns)
        spread = Spread(len(last), fmean(last), stdev(last), min(last), max(last), limit)
    except OverflowError:
        return Spread(len(there), problem="its values are too large")
    return spread if math.isfinite(limit) else Spread(len(there), problem="its values are too large")


def varying_outputs(outcomes: Sequence[Record]) -> list[str]:
    """The outputs that were not the same in all repeats."""
    found = [outputs_of(outcome) for outcome in outcomes]
    paths = sorted({path for outputs in found for path in outputs})
    return [path for path in paths if len({_identity(outputs.get(path)) for outputs in found}) > 1]


def _identity(output: Any) -> Any:
    return None if output is None else (output.size, output.sha256)


def widened(base: Tolerances, record: Record) -> Tolerances:
    """`base` with the measured tolerances, where they allow more, and without the outputs that vary by themselves."""
    metrics: dict[str, Tolerance] = dict(base.metrics)
    source = f"the measured noise (n={natural(record.get('n')) or 0})"
    for name, entry in mapping(record.get("metrics")).items():
        allowed, known = number(mapping(entry).get("tolerance")), base.of(str(name))
        if allowed is not None and is_finite(allowed) and allowed > known.absolute:
            metrics[str(name)] = Tolerance(known.relative, float(allowed), source)
    outputs = tuple(plain(path) for path in items(record.get("outputs")) if plain(path))
    return replace(base, metrics=metrics, ignore=(*base.ignore, *outputs))


def as_settings(record: Mapping[str, Any]) -> str:
    """The lines for reprun.toml that share what was measured with everybody."""
    import json

    lines = ["[verdict.metrics]"]
    for name, entry in mapping(record.get("metrics")).items():
        allowed = number(mapping(entry).get("tolerance"))
        if allowed:
            lines.append(f"{json.dumps(str(name), ensure_ascii=False)} = {{ atol = {allowed!r} }}")
    return "\n".join(lines)
