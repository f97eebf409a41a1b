"""Where two runs on this host part: the first value of a metric and the first byte of an output that differ."""

from __future__ import annotations

import os
from fnmatch import fnmatchcase

from reprun.runner.files import read_json
from reprun.runner.limits import StepCounter
from reprun.runner.metrics import numbers, read_lines
from reprun.runner.paths import Home, RunDir

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Optional, Tuple

    Value = Tuple[int, Any, float]  # the number of the step in the file, what the job calls it, the value

_MOST_VALUES = 200_000
_MOST_FILES = 20
_BLOCK = 1 << 20


def part(home: Home, request: Dict[str, Any]) -> Dict[str, Any]:
    """`metric`, the first difference within the first `steps` steps, `metrics`, all names that differ, and `outputs`, those that
    differ with the offset of the first byte. Outputs are compared where both jobs came to their own end."""
    old, new = home.run(request["old"]), home.run(request["new"])
    ends = [read_json(run.outcome) or {} for run in (old, new)]
    is_ignored = _ignoring(request.get("ignore", []))
    whole = not any(end.get("limit") == "seconds" for end in ends)
    found = _metrics(old, new, request.get("steps"), whole, is_ignored)
    if all(end.get("state") == "finished" for end in ends):
        found.update(_outputs((old, new), ends, is_ignored))
    return found


def _ignoring(globs: List[str]) -> Callable[[str], bool]:
    return lambda name: any(name == glob or fnmatchcase(name, glob) for glob in globs)


def _metrics(old: RunDir, new: RunDir, most: Optional[int], whole: bool, is_ignored: Callable[[str], bool]) -> Dict[str, Any]:
    (before, steps), (after, others) = (_values(run.metrics, most) for run in (old, new))
    partings: List[Tuple[int, str, Optional[Value], Optional[Value]]] = []
    compared = 0
    for name in [*before, *(name for name in after if name not in before)]:
        if is_ignored(name):
            continue
        one, other = before.get(name, []), after.get(name, [])
        compared += min(len(one), len(other))
        at = next((n for n in range(min(len(one), len(other))) if not _same(one[n][2], other[n][2])), None)
        if at is not None:
            partings.append((one[at][0], name, one[at], other[at]))
        elif whole and len(one) != len(other):
            longer = one if len(one) > len(other) else other
            extra = longer[min(len(one), len(other))]
            partings.append((extra[0], name, *((extra, None) if longer is one else (None, extra))))
    answer: Dict[str, Any] = {"steps": min(steps, others), "values": compared, "metrics": [name for _, name, *_ in partings]}
    if partings:
        number, name, a, b = min(partings, key=lambda parting: parting[0])
        step = next(value[1] for value in (a, b) if value is not None)
        answer["metric"] = {"name": name, "number": number, "step": step, "old": _number(a), "new": _number(b)}
    return answer


def _values(path: str, most: Optional[int]) -> Tuple[Dict[str, List[Value]], int]:
    """The values of each metric in the order in which they were written, and the number of steps."""
    counter, total = StepCounter(), 0
    found: Dict[str, List[Value]] = {}
    for line in read_lines(path):
        record = counter.add(line)
        if record is None:
            continue
        if (most is not None and counter.count > most) or total > _MOST_VALUES:
            return found, counter.count - 1
        step = record.get("step", record.get("epoch"))
        step = step if isinstance(step, (int, float, str)) else None
        for name, value in numbers(record):
            found.setdefault(name, []).append((counter.count, step, value))
            total += 1
    return found, counter.count


def _same(one: float, other: float) -> bool:
    return one == other or (one != one and other != other)


def _number(value: "Optional[Value]") -> Any:
    """As JSON has it."""
    from reprun.runner.metrics import plain

    return None if value is None else plain(value[2])


def _outputs(runs: "Tuple[RunDir, RunDir]", ends: List[Dict[str, Any]], is_ignored: Callable[[str], bool]) -> Dict[str, Any]:
    old, new = ({entry["path"]: entry for entry in end.get("outputs", []) if not is_ignored(entry["path"])} for end in ends)
    differ = []
    for path in sorted({*old, *new}):
        one, other = old.get(path), new.get(path)
        if one is None or other is None:
            differ.append({"path": path, "only": "old" if other is None else "new"})
        elif any(one.get(key) != other.get(key) for key in ("size", "sha256", "link")) or "sha256" not in one:
            offset = _first_byte(*(_place(run, path) for run in runs)) if len(differ) < _MOST_FILES and "link" not in one else -1
            if offset is not None:
                differ.append({"path": path, "offset": offset, "old": one.get("size"), "new": other.get("size")})
    return {"compared": len({*old} & {*new}), "outputs": differ[:_MOST_FILES], "outputs_more": max(0, len(differ) - _MOST_FILES)}


def _place(run: RunDir, path: str) -> str:
    return os.path.join(run.tree, path[5:]) if path.startswith("tree/") else os.path.join(run.output, path)


def _first(one: bytes, other: bytes) -> int:
    shorter = min(len(one), len(other))
    return next((n for n in range(shorter) if one[n] != other[n]), shorter)


def _first_byte(one: str, other: str) -> Optional[int]:
    """Where two files part; None where they do not, -1 where they cannot be read."""
    at = 0
    try:
        with open(one, "rb") as a, open(other, "rb") as b:
            while True:
                left, right = a.read(_BLOCK), b.read(_BLOCK)
                if left != right:
                    return at + _first(left, right)
                if not left:
                    return None
                at += len(left)
    except OSError:
        return -1
