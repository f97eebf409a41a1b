"""Ranges that a search draws from: where a value lies in them, and the value at a place."""

from __future__ import annotations

import math
from collections.abc import Mapping

from reprun.core.errors import UsageError
from reprun.core.frozen import dataclass
from reprun.core.text import show
from reprun.sweeps.values import number_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

KEYS = {"from", "to", "log", "step", "int"}
_MOST = 2.0**53  # whole numbers up to here are exact
_DIGITS = 6  # of a value; more where the range is narrow for its numbers


@dataclass(frozen=True)
class Span:
    """A range with both ends. With `step` its values are `low`, `low + step`, …, `high`; `whole`: they are whole numbers."""

    low: float
    high: float
    log: bool = False
    step: float | None = None
    whole: bool = False

    @property
    def count(self) -> int | None:
        """How many values there are; None for as many as there are numbers."""
        step = self.step or (1.0 if self.whole else None)
        return None if step is None else round((self.high - self.low) / step) + 1

    def value(self, unit: float) -> float | int:
        """The value at a place from 0 to 1. All values of one with steps have the same share of it, or of its logarithm."""
        if self.count is None:
            low, high = (math.log(end) if self.log else end for end in (self.low, self.high))
            found = low + (high - low) * unit
            return self.neat(math.exp(found) if self.log else found)
        if self.log:
            low, high = math.log(self.low - 0.5), math.log(self.high + 0.5)
            return self.neat(math.exp(low + (high - low) * unit))
        return self.neat(self.low + (self.step or 1.0) * min(math.floor(unit * self.count), self.count - 1))

    def neat(self, value: float) -> float | int:
        """The value as a person would write it, within the range."""
        if self.step is not None:
            value = self.low + self.step * round((value - self.low) / self.step)
        if self.whole:
            return int(min(max(round(value), self.low), self.high))
        narrow = math.log10(max(abs(self.low), abs(self.high)) / (self.high - self.low))
        digits = 12 if self.step is not None else min(_DIGITS + max(0, math.floor(narrow)), 17)
        return min(max(float(f"{value:.{digits}g}"), self.low), self.high)

    def place(self, value: float) -> float:
        """Where a value lies, from 0 to 1."""
        low, high, value = (math.log(max(one, 1e-300)) if self.log else one for one in (self.low, self.high, value))
        return (value - low) / (high - low)


def span_of(name: str, raw: Mapping[str, Any], where: str) -> Span:
    """The range that a file describes. Raises `UsageError` for one from which nothing can be drawn."""
    what, hint = f"{where}: the range of {show(name)}", f"{name}: {{from: 0.001, to: 0.1, log: true}}"
    low, high = (_number(raw.get(key), f"{where}: {key} of {show(name)}", hint) for key in ("from", "to"))
    for key in ("log", "int"):
        if not isinstance(raw.get(key, False), bool):
            raise UsageError(f"{where}: {key} of {show(name)} is neither true nor false", hint=f"{key}: true")
    log, step, whole = raw.get("log", False), None, raw.get("int", False)
    if low >= high:
        raise UsageError(f"{what} goes from {low:g} to {high:g}", hint="from is the lower end; a single value is written NAME: 3")
    if log and low <= 0:
        raise UsageError(f"{where}: a range with log needs ends above zero: {show(name)}", hint="leave log out")
    if "step" in raw:
        step = _number(raw["step"], f"{where}: step of {show(name)}", hint="step: 0.1")
        if log or not 0 < step <= high - low:
            problem, hint = ("both log and step", "keep one of them") if log else (f"the step {step:g}", "step: 0.1")
            raise UsageError(f"{what} has {problem}", hint=hint)
        high = low + step * math.floor((high - low) / step + 1e-9)
    if whole and not all(one.is_integer() for one in (low, high, step or 1.0)):
        raise UsageError(f"{what} is of whole numbers, and its ends or its step are none", hint="leave int out")
    whole = whole or (step is not None and step.is_integer() and low.is_integer())
    if (whole and max(abs(low), abs(high)) > _MOST) or not math.isfinite(high - low):
        raise UsageError(f"{what} is too wide", hint=hint)
    return Span(low, high, log, step, whole)


def _number(value: Any, what: str, hint: str) -> float:
    number = number_of(value)
    if number is None or not math.isfinite(number):
        raise UsageError(f"{what} is no number", hint=hint)
    return number
