"""Outcomes as text. They may come from a stranger: what is returned can be stored, compared, shown and written as JSON."""

from __future__ import annotations

import json
import math
from typing import Any

from reprun.core.outcome import STATES

MAX_DEPTH = 32
_LARGEST = 1 << 63  # what SQLite holds; no number of ours is larger


def parse_outcome(text: bytes, run_id: str) -> dict[str, Any] | None:
    """The record in `text`, or None when it is not the outcome of `run_id`."""
    try:
        data = _clean(json.loads(text, parse_constant=str, parse_float=_number), MAX_DEPTH)
    except (ValueError, RecursionError):
        return None
    if not isinstance(data, dict) or data.get("run_id", run_id) != run_id or data.get("state") not in STATES:
        return None
    code = data.get("exit_code")
    if code is not None and not (isinstance(code, int) and not isinstance(code, bool) and 0 <= code <= 255):
        data["exit_code"] = None
    return data


def _number(text: str) -> float | str:
    """JSON has no infinity; Python makes one of 1e999."""
    value = float(text)
    return value if math.isfinite(value) else "Infinity" if value > 0 else "-Infinity"


def _clean(value: Any, depth: int) -> Any:
    if depth < 0:
        raise RecursionError
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, int) and abs(value) >= _LARGEST:
        return str(value)
    if isinstance(value, dict):
        return {_clean(name, depth): _clean(item, depth - 1) for name, item in value.items()}
    if isinstance(value, list):
        return [_clean(item, depth - 1) for item in value]
    return value
