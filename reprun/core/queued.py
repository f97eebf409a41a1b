"""What can be asked of the queue, as it is typed: kinds, numbers, times, conditions."""

from __future__ import annotations

import math
import re
from datetime import datetime, timedelta, timezone

from reprun.core.errors import UsageError
from reprun.core.frozen import dataclass
from reprun.core.text import show

# A number that is higher comes first; a run without a kind is worth as much as a method.
KINDS = {"explore": 50, "baseline": 40, "method": 30, "tune": 20, "ablation": 20}
NO_KIND = 30
MOST_RETRIES = 10  # each is a run of its own, prepared and sealed
_OPERATORS = ("<=", ">=", "==", "!=", "<", ">", "=")
_LATER = re.compile(r"\+([0-9]+(?:\.[0-9]+)?)([smhdw])")
_CLOCK = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


@dataclass(frozen=True)
class Condition:
    """`--if 'RUN.metric > x'` as typed: `left` is run and metric, which only the history can tell apart."""

    left: str
    op: str
    value: float

    def holds(self, number: float) -> bool:
        """Whether the metric compares as asked; NaN does only with !=."""
        results = {
            "<": number < self.value, "<=": number <= self.value, ">": number > self.value,
            ">=": number >= self.value, "==": number == self.value, "!=": number != self.value,
        }  # fmt: skip
        return results[self.op]


def parse_kind(text: str, where: str = "--kind") -> str:
    """The kind of a run. Raises `UsageError` for another word."""
    if text not in KINDS:
        raise UsageError(f"{where} {show(text)}: there is no such kind of run", hint=f"one of {', '.join(KINDS)}")
    return text


def parse_priority(text: str) -> float:
    """A priority: any number, a kind's own is between 20 and 50."""
    value = _number(text)
    if value is None:
        raise UsageError(f"--priority {show(text)} is not a number", hint="for example --priority 45; higher comes first")
    return value


def parse_count(option: str, text: str, least: int, most: int) -> int:
    """A whole number between two others."""
    if not (text.isascii() and text.isdigit() and len(text) < 10 and least <= int(text) <= most):
        raise UsageError(
            f"{option} {show(text)} is not a whole number from {least} to {most}", hint=f"for example {option} {least}"
        )
    return int(text)


def parse_not_before(text: str, now: datetime) -> float:
    """Seconds since the epoch for `22:00` (the next one), `+2h`, `2026-12-01T08:00` or `2026-12-01`. `now` is local time without
    a zone, in which a time without one is meant; so the clock may be changed until then."""
    try:
        later, clock = _LATER.fullmatch(text), _CLOCK.fullmatch(text)
        if later:
            # Not in local time: on the night on which the clock is changed two hours are two hours.
            return (now.astimezone(timezone.utc) + timedelta(seconds=float(later[1]) * _UNITS[later[2]])).timestamp()
        if clock:
            moment = now.replace(hour=int(clock[1]), minute=int(clock[2]), second=0, microsecond=0)
            return (moment if moment > now else moment + timedelta(days=1)).timestamp()
        seconds = datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        raise UsageError(f"--not-before {show(text)} is not a time", hint="use 22:00, +2h or 2026-12-01T08:00") from None
    if seconds < now.timestamp() - 60:
        raise UsageError(f"--not-before {show(text)} has passed", hint="use 22:00, +2h or 2026-12-01T08:00")
    return seconds


def parse_condition(text: str) -> Condition:
    """Reads `RUN.metric > x`."""
    at = next((place for place, char in enumerate(text) if char in "<>=!"), len(text))
    op = next((op for op in _OPERATORS if text.startswith(op, at)), "")
    left, value = text[:at].strip(), _number(text[at + len(op) :].strip())
    if not op or value is None or "." not in left.strip("."):
        raise UsageError(f"--if {show(text)} is no condition", hint="write it as --if 'baseline.accuracy > 0.9'")
    return Condition(left, "==" if op == "=" else op, value)


def splits(left: str) -> list[tuple[str, str]]:
    """The ways to read `RUN.metric` as a run and a metric: both may hold dots. The shortest run comes first."""
    parts = left.split(".")
    found = [(".".join(parts[:at]), ".".join(parts[at:])) for at in range(1, len(parts))]
    return [(run, metric) for run, metric in found if run and metric]


def default_priority(kind: str) -> float:
    """What a run of this kind is worth, where nobody says otherwise."""
    return KINDS.get(kind, NO_KIND)


def _number(text: str) -> float | None:
    try:
        value = float(text) if "_" not in text else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) else None
