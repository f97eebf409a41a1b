"""Values as texts that are equal exactly when the values are: `1`, `1.0`, `true`, `"1"` stay apart."""

from __future__ import annotations

import json
from datetime import date, time
from typing import Any

ABSENT = "—"
_MOST_BITS = 10_000  # str() refuses integers beyond 4300 digits


def exact(value: Any) -> str:
    """The text of a leaf of a config, strings in quotes. Same text: same type and same value; NaN is NaN."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, int) and value.bit_length() > _MOST_BITS:
        return hex(value)
    if isinstance(value, (date, time)):  # TOML and YAML have them
        return value.isoformat()
    return repr(value)


def plain(value: Any) -> str:
    """The text of a fact such as a hostname: a string without quotes; empty when it is no scalar."""
    if isinstance(value, str):
        return value
    return exact(value) if isinstance(value, (bool, int, float)) else ""
