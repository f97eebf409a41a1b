"""Times as people and schedulers write them: `90m`, `1d12h`, `2-12:00:00`."""

from __future__ import annotations

import re

from reprun.core.errors import UsageError
from reprun.core.text import show

_UNITS = {"d": 86400, "h": 3600, "m": 60, "min": 60, "s": 1}
_PARTS = re.compile(r"(?:\d+(?:\.\d+)?\s*(?:d|h|min|m|s)\s*)+", re.ASCII)
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(d|h|min|m|s)", re.ASCII)
_CLOCK = re.compile(r"(?:(\d+)-)?(\d+):(\d\d)(?::(\d\d))?", re.ASCII)
_MOST = 10 * 365 * 86400


def parse_duration(text: str, where: str = "") -> int:
    """Seconds. `H:MM` is hours and minutes with and without seconds behind it. Raises `UsageError` that names `where`."""
    plain = text.strip()
    clock = _CLOCK.fullmatch(plain)
    if clock:
        days, hours, minutes, seconds = (int(part or 0) for part in clock.groups())
        total = days * 86400 + hours * 3600 + minutes * 60 + seconds
    elif _PARTS.fullmatch(plain):
        total = round(sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(plain)))
    else:
        total = -1
    if not 0 <= total <= _MOST:
        raise UsageError(
            f"{where}{' ' * bool(where)}must be a time, not {show(text[:60])!r}", hint='for example "90m", "36h", "2-12:00:00"'
        )
    return total
