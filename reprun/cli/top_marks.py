"""What is drawn with characters: bars of progress, lines of metrics, short times."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from reprun.cli.fitting import Cell
from reprun.core.measured import items, number
from reprun.core.text import show

_BARS = "▁▂▃▄▅▆▇█"
_NO_VALUE = "·"
DONE, HALF, OPEN = "━", "╸", "─"
_LONG = 1000 * 86400
_METRICS = 3  # that are shown beside each other


def short_seconds(seconds: float) -> str:
    """`36 s`, `9m35s`, `2h10m`, `3d04h`: no wider than six."""
    if not math.isfinite(seconds) or abs(seconds) > _LONG:
        return "-"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 1:
        return f"{rest} s"
    if minutes < 60:
        return f"{minutes}m{rest:02d}s"
    hours, minutes = divmod(minutes, 60)
    days, hours_left = divmod(hours, 24)
    return f"{hours}h{minutes:02d}m" if hours < 48 else f"{days}d{hours_left:02d}h"


def bar(share: float | None) -> Cell:
    """`━━━━━━──── 63%` in several lengths, at last the number alone; a dash where nobody knows."""
    if share is None:
        return ("-",)
    return (*(f"{drawn(share, width)} {share:4.0%}" for width in (20, 10, 5)), f"{share:.0%}")


def drawn(share: float, width: int) -> str:
    """A bar of that width; full only when all is done."""
    halves = min(math.floor(share * width * 2), width * 2 - 1) if share < 1 else width * 2
    done = DONE * (halves // 2) + HALF * (halves % 2)
    return done + OPEN * (width - len(done))


def sparks(metrics: Mapping[str, Any]) -> Cell:
    """`loss 0.0213 ▇▅▃▂▁   acc 0.97 ▁▃▆█` in several lengths, at last the first metric alone."""
    shown = list(metrics.items())
    if not shown:
        return ("",)
    ways = [(count, width) for count in range(min(_METRICS, len(shown)), 0, -1) for width in (24, 12)]
    texts = ["   ".join(_metric(name, values, width) for name, values in shown[:count]) for count, width in [*ways, (1, 6)]]
    name, values = shown[0]
    return (*texts, f"{show(name)} {last(values)}")


def _metric(name: str, values: Any, width: int) -> str:
    return f"{show(name)} {last(values)} {spark(items(values), width)}"


def spark(values: Sequence[Any], width: int = 12) -> str:
    """A line of small bars for the last values, from the least to the most of them."""
    known = [number(value) for value in values[-width:]]
    numbers = [float(value) for value in known if value is not None and abs(value) < float("inf")]
    if not numbers:
        return ""
    low, high = min(numbers), max(numbers)
    step = (high - low) / (len(_BARS) - 1)
    if not math.isfinite(step):
        return ""
    return "".join(
        _NO_VALUE if value is None or not abs(value) < float("inf") else _BARS[round((float(value) - low) / step) if step else 0]
        for value in known
    )


def last(values: Any) -> str:
    """The last value, short."""
    value = number(items(values)[-1]) if items(values) else None
    return f"{value:.4g}" if value is not None else "-"
