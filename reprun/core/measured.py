"""What a run measured and made: the numbers, metrics and outputs of an outcome.

An outcome may come from a stranger: what has the wrong type counts as absent, and nothing here raises.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

Number = int | float
Record = Mapping[str, Any]
FIELDS = ("last", "min", "max")
_LARGEST_COUNT = 2**64  # no counter and no file is larger; what follows may divide and print without fear
_MOST_BITS = 10_000  # Python prints no integer beyond 4300 digits, and no JSON reader gives one
_NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


@dataclass(frozen=True)
class Metric:
    """A metric of one run: its last, smallest and largest value and their number; None where unknown."""

    last: Number | None = None
    min: Number | None = None
    max: Number | None = None
    count: int | None = None

    def value(self, field: str) -> Number | None:
        """The value of one of `FIELDS` or of `count`."""
        return {"last": self.last, "min": self.min, "max": self.max, "count": self.count}[field]


@dataclass(frozen=True)
class Output:
    """A file that a run wrote: path below its output directory, size in bytes, sha256 in hex if hashed."""

    path: str
    size: int | None = None
    sha256: str | None = None


def mapping(value: Any) -> Record:
    """`value` when it is a mapping, an empty one otherwise."""
    return value if isinstance(value, Mapping) else {}


def items(value: Any) -> list[Any]:
    """`value` when it is a list or tuple, an empty list otherwise."""
    return list(value) if isinstance(value, (list, tuple)) else []


def number(value: Any) -> Number | None:
    """A number of an outcome. As JSON has none, `NaN`, `Infinity` and `-Infinity` are strings there."""
    if isinstance(value, bool):
        return None
    if isinstance(value, float) or (isinstance(value, int) and value.bit_length() <= _MOST_BITS):
        return value
    return _NOT_FINITE.get(value) if isinstance(value, str) else None


def natural(value: Any) -> int | None:
    """`value` when it is a whole number from 0 to 2**64; None otherwise."""
    fine = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LARGEST_COUNT
    return value if fine else None


def metrics_of(outcome: Record | None) -> dict[str, Metric]:
    """The metrics of an outcome by name; one without any number is left out."""
    result: dict[str, Metric] = {}
    for name, fields in mapping(mapping(outcome).get("metrics")).items():
        data = mapping(fields)
        last, least, most = (number(data.get(field)) for field in FIELDS)
        if isinstance(name, str) and not last is least is most is None:
            result[name] = Metric(last, least, most, natural(data.get("count")))
    return result


def outputs_of(outcome: Record | None) -> dict[str, Output]:
    """The listed outputs of an outcome by path."""
    result: dict[str, Output] = {}
    for item in items(mapping(outcome).get("outputs")):
        path, digest = mapping(item).get("path"), mapping(item).get("sha256")
        if isinstance(path, str):
            known = digest if isinstance(digest, str) and digest else None
            result[path] = Output(path, natural(mapping(item).get("size")), known)
    return result


def left_out(outcome: Record | None) -> int:
    """How many outputs are not listed because there were too many or they were too large."""
    value = mapping(outcome).get("outputs_left_out")
    return natural(value) or len(items(value))


def is_finite(value: Number) -> bool:
    """As `math.isfinite`, also for integers that no float can hold."""
    return isinstance(value, int) or math.isfinite(value)


def same(old: Number | None, new: Number | None) -> bool:
    """Exact equality, where NaN equals NaN: a run that diverged to NaN again did the same again."""
    return old == new or (old is not None and new is not None and old != old and new != new)


def gap(old: Number | None, new: Number | None) -> tuple[float, float]:
    """How far apart two numbers are, absolute and relative to `old`; infinite where no number is right."""
    if same(old, new):
        return 0.0, 0.0
    if old is None or new is None or not (is_finite(old) and is_finite(new)):
        return math.inf, math.inf
    # Fractions neither overflow nor round: a float difference of 1e308 and -1e308 would be infinite.
    distance = abs(Fraction(old) - Fraction(new))
    return _to_float(distance), _to_float(distance / abs(Fraction(old))) if old else math.inf


def _to_float(value: Fraction) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def number_as_text(value: Number | None) -> str:
    """A number with all its digits, so that different numbers never look the same; `—` when absent."""
    return "—" if value is None else str(number_as_json(value))


def number_as_json(value: Number | None) -> Number | str | None:
    """A number as an outcome writes it: NaN and the infinities as strings, for valid JSON."""
    if value is None or is_finite(value):
        return value
    return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
