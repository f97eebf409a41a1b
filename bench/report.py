"""What was measured: samples of ours and of what they are compared with, a target, a line of the table, an entry of the JSON."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

RATIO, MORE, VALUE = "ratio", "more", "value"


@dataclass(frozen=True)
class Measure:
    """One line: `how` says whether the target is for ours / theirs, ours - theirs, or ours alone. No target: for information."""

    name: str
    ours: Sequence[float]
    theirs: Sequence[float] = ()
    how: str = RATIO
    target: float | None = None
    unit: str = "ms"

    @property
    def value(self) -> float:
        """What the target is about, from the medians."""
        ours = median(self.ours)
        if not self.theirs or self.how == VALUE:
            return ours
        return ours / median(self.theirs) if self.how == RATIO else ours - median(self.theirs)

    @property
    def verdict(self) -> str:
        """`yes`, `NO`, or a dash without a target."""
        if self.target is None:
            return "-"
        return "yes" if self.value <= self.target else "NO"

    @property
    def cells(self) -> list[str]:
        """The line of the table."""
        unit = {RATIO: "×", MORE: f"{self.unit} more"}.get(self.how, self.unit)
        number = "{:.2f}" if self.how == RATIO else "{:.1f}"
        target = "-" if self.target is None else f"≤ {self.target:g} {unit}"
        theirs = f"{median(self.theirs):.1f}" if self.theirs else "-"
        return [self.name, f"{median(self.ours):.1f}", theirs, f"{number.format(self.value)} {unit}", target, self.verdict]

    @property
    def data(self) -> dict[str, Any]:
        """The entry of the JSON file, every sample with it."""
        best = {"best_ours": min(self.ours), "best_theirs": min(self.theirs) if self.theirs else None}
        return {
            "name": self.name, "how": self.how, "unit": self.unit, "value": self.value, "target": self.target,
            "met": None if self.target is None else self.value <= self.target,
            "median_ours": median(self.ours), "median_theirs": median(self.theirs) if self.theirs else None, **best,
            "ours": list(self.ours), "theirs": list(self.theirs),
        }  # fmt: skip


def render(title: str, measures: Iterable[Measure]) -> str:
    """The table of one group."""
    rows = [[title, "reprun", "other", "result", "target", "met"], *(measure.cells for measure in measures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def write_json(path: str, measures: Iterable[Measure], place: str) -> None:
    """Writes every sample, and what the numbers depend on."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    data = {
        "bench_version": 1,
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "place": place,
        "python": platform.python_version(),
        "kernel": platform.release(),
        "cpus": len(os.sched_getaffinity(0)),
        "load": os.getloadavg(),
        "git": _version("git", "--version"),
        "tmux": _version("tmux", "-V"),
        "measures": [measure.data for measure in measures],
    }
    with open(path, "w", encoding="utf-8") as file:
        json.dump(data, file, indent=1)
        file.write("\n")


def _version(*words: str) -> str:
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()
