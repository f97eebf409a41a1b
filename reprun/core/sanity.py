"""Sanity experiments: short runs whose result is known beforehand if the code is right."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from reprun.core.errors import UsageError
from reprun.core.frozen import dataclass
from reprun.core.measured import Record, is_finite, items, metrics_of, number_as_text, outputs_of

_NUMBER = r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"
_ONE = re.compile(rf"(<=|>=|<|>)\s*({_NUMBER})")
_RANGE = re.compile(rf"({_NUMBER})\s*\.\.\s*({_NUMBER})")
_HINT = 'write "> 0.99", "<= 0.01", or "0.08 .. 0.12"'


@dataclass(frozen=True)
class Bound:
    """What a metric has to be: of one side some value within the budget has to reach it; in a range the last one has to lie."""

    text: str
    field: str
    least: float = float("-inf")
    most: float = float("inf")
    strict: bool = False

    def holds(self, value: Any) -> bool:
        """True for a number that is within; never for NaN and infinities: what has diverged is not sane."""
        if value is None or not is_finite(value):
            return False
        return bool(self.least < value < self.most if self.strict else self.least <= value <= self.most)


@dataclass(frozen=True)
class Judged:
    """How one sanity experiment came out: `why` says what was found, or what is missing."""

    passed: bool
    why: str


def parse_bound(text: str, where: str = "pass") -> Bound:
    """Reads `> 0.99` or `0.08 .. 0.12`. Raises `UsageError`."""
    text = text.strip()
    one, between = _ONE.fullmatch(text), _RANGE.fullmatch(text)
    if one:
        limit, strict = float(one[2]), len(one[1]) == 1
        return (
            Bound(text, "max", least=limit, strict=strict) if one[1][0] == ">" else Bound(text, "min", most=limit, strict=strict)
        )
    if between and float(between[1]) <= float(between[2]):
        return Bound(text, "last", float(between[1]), float(between[2]))
    raise UsageError(f"{where}: {text!r} says nothing about a number", hint=_HINT)


def judge_sanity(wanted: Mapping[str, Any], state: str, record: Record) -> Judged:
    """Whether the outcome of a run is what the experiment wants: its end, its metric, its checkpoint."""
    limit = record.get("limit")
    if state != "finished" and not (state == "stopped" and limit):
        return Judged(False, f"the run is {state}")
    if wanted.get("checkpoint") and not (items(record.get("checkpoints")) or outputs_of(record)):
        return Judged(False, "it wrote no checkpoint: nothing was reported by reprun_job.checkpoint, and there is no output")
    name = wanted.get("metric")
    if name is None:
        if limit == "seconds":
            return Judged(False, "its time was over")
        return Judged(True, "it came to its end")
    bound = parse_bound(wanted["pass"])
    metric = metrics_of(record).get(name)
    if metric is None:
        known = ", ".join(list(metrics_of(record))[:5])
        return Judged(False, f"no metric {name}" + (f"; there are {known}" if known else ""))
    value = metric.value(bound.field)
    found = f"{name} = {number_as_text(value)}" + (
        "" if bound.field == "last" else f" at {'most' if bound.field == 'max' else 'least'}"
    )
    return Judged(bound.holds(value), found)
