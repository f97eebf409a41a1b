"""Metrics: JSON lines that the job appends to `$REPRUN_METRICS`, for example `{"step": 3, "loss": 0.25}`."""

from __future__ import annotations

import json
import math
import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterator, Tuple

AXES = frozenset({"step", "epoch", "time", "timestamp", "wall_time"})  # where a value was measured, not what was measured
MAX_METRICS = 1000
MAX_LINE = 1 << 20


def read_metrics(path: str) -> Tuple[Dict[str, Dict[str, Any]], int]:
    """`{name: {last, min, max, count}}` over the file and the number of lines that were not understood. Bounded in memory."""
    metrics: Dict[str, Dict[str, Any]] = {}
    skipped = 0
    for line in read_lines(path):
        try:
            found = list(numbers(json.loads(line)))
        except (ValueError, RecursionError):
            skipped += 1
            continue
        for name, value in found:
            if name in metrics or len(metrics) < MAX_METRICS:
                _add(metrics, name, value)
    return {name: {key: plain(value) for key, value in found.items()} for name, found in metrics.items()}, skipped


def read_lines(path: str) -> Iterator[bytes]:
    """The lines of a file that a job may have written. Nothing of what is no file."""
    try:
        # Whatever the job made of it, a pipe for one: only a file is read, and opening it does not wait.
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(fd, "rb") as file:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                return
            while True:
                line = file.readline(MAX_LINE)
                if not line:
                    return
                if line.strip():
                    yield line
    except OSError:
        return


def numbers(data: Any, prefix: str = "") -> Iterator[Tuple[str, float]]:
    """The metrics in one line, by name."""
    if not isinstance(data, dict):
        raise ValueError("a line of metrics is a JSON object")
    for key, value in data.items():
        name = prefix + str(key)
        if isinstance(value, dict):
            yield from numbers(value, name + "/")
        elif isinstance(value, (int, float)) and not isinstance(value, bool) and name not in AXES:
            yield name, value


def _add(metrics: Dict[str, Dict[str, Any]], name: str, value: float) -> None:
    known = metrics.setdefault(name, {"last": value, "min": value, "max": value, "count": 0})
    known["last"] = value
    known["count"] += 1
    # Written so that a NaN stays visible: once there it is neither smaller nor larger than anything.
    known["min"] = value if value < known["min"] or value != value else known["min"]
    known["max"] = value if value > known["max"] or value != value else known["max"]


def plain(value: Any) -> Any:
    """JSON has no NaN and no infinity: they are written as words."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value
