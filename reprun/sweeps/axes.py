"""What a set of choices varies: each axis is one parameter with its values, or several that change together."""

from __future__ import annotations

from collections.abc import Mapping

from reprun.core.errors import UsageError
from reprun.core.frozen import dataclass
from reprun.core.text import is_recordable, show
from reprun.sweeps.conditions import Condition, parse_condition
from reprun.sweeps.spans import KEYS, Span, span_of
from reprun.sweeps.values import is_value, number_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MAX_VALUES = 100_000
MAX_BYTES = 100_000  # of one value: Linux starts no program with a word of 128 KiB
_RANGE = {"from", "to", "num", "step", "log"}
_KEYS = {*_RANGE, "values", "when"}
_SEARCHED = KEYS | {"when"}


@dataclass(frozen=True)
class Axis:
    """Parameters that change together, usually one, and their `points`; with `when` only where that holds.

    One of a search may have a `span` to draw from in place of points.
    """

    names: tuple[str, ...]
    points: tuple[tuple[Any, ...], ...]
    when: Condition | None = None
    span: Span | None = None


def axis_of(name: str, raw: Any, where: str, searched: bool = False) -> Axis:
    """The axis of one parameter: a list, a value, a range, or values with a condition. If `searched`, a range needs no `num`."""
    when = None
    if isinstance(raw, Mapping):
        is_span = searched and "from" in raw and not raw.keys() & {"num", "values"}
        unknown = sorted(set(map(str, raw)) - (_SEARCHED if is_span else _KEYS))
        if unknown or not raw.keys() & {"from", "values"}:
            problem = f"has no {show(unknown[0])!r}" if unknown else "lacks its values"
            raise UsageError(f"{where}: {show(name)} {problem}", hint=f"{name}: {{from: 0.001, to: 0.1, num: 3, log: true}}")
        if "when" in raw:
            when = parse_condition(raw["when"], f"{where}: the condition of {show(name)}")
        if is_span:
            return Axis((name,), (), when, span_of(name, raw, where))
        if "values" in raw and raw.keys() & _RANGE:
            raise UsageError(f"{where}: {show(name)} has both values and a range", hint="keep one of them")
        raw = raw["values"] if "values" in raw else spread(name, raw, where)
    values = raw if isinstance(raw, list) else [raw]
    if searched and not values:
        raise UsageError(f"{where}: {show(name)} has no values to search", hint=f"{name}: [1, 2]")
    for value in values:
        check_value(name, value, where)
    return Axis((name,), tuple((value,) for value in values), when)


def check_value(name: str, value: Any, where: str) -> None:
    """Raises `UsageError` for what no command can be given."""
    if not is_value(value):
        kind = "nothing" if value is None else "a list" if isinstance(value, list) else "a mapping"
        raise UsageError(f"{where}: a value of {show(name)} is {kind}", hint="use texts, numbers, true or false")
    if isinstance(value, str) and len(value.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        hint = "put it into a file, and its path here"
        raise UsageError(f"{where}: a value of {show(name)} is longer than {MAX_BYTES} bytes", hint=hint)
    if isinstance(value, str) and not is_recordable(value):
        what = f"a value of {show(name)} holds what no command can be given"
        raise UsageError(f"{where}: {what}: {show(value)}", hint="use plain text, without NUL")


def zipped(raw: Any, where: str) -> list[Axis]:
    """The axes of `zip`: a mapping of lists of one length, or a list of such mappings."""
    axes = []
    for group in raw if isinstance(raw, list) else [raw]:
        if not isinstance(group, Mapping) or not group:
            raise UsageError(f"{where}: zip is not a mapping of names to lists", hint="zip: {width: [64, 128], depth: [2, 4]}")
        parts = [axis_of(name, values, where) for name, values in group.items()]
        lengths = {len(part.points) for part in parts}
        if len(lengths) != 1 or any(part.when for part in parts):
            told = ", ".join(f"{show(part.names[0])} {len(part.points)}" for part in parts)
            raise UsageError(f"{where}: the lists of zip differ in length: {told}", hint="give each as many values")
        points = zip(*([point[0] for point in part.points] for part in parts), strict=True)
        axes.append(Axis(tuple(group), tuple(points)))
    return axes


def seeds_axis(raw: Any, where: str) -> Axis:
    """`seeds: 5` is seed 0 to 4; a list names them."""
    seeds = list(range(raw)) if isinstance(raw, int) and not isinstance(raw, bool) and 0 < raw <= MAX_VALUES else raw
    is_list = isinstance(seeds, list) and bool(seeds)
    if not is_list or not all(isinstance(one, int) and not isinstance(one, bool) and 0 <= one < 1 << 32 for one in seeds):
        raise UsageError(f"{where}: seeds is neither a number of seeds nor a list of them", hint="seeds: 5")
    return Axis(("seed",), tuple((seed,) for seed in seeds))


def spread(name: str, raw: Mapping[str, Any], where: str) -> list[float | int]:
    """The values of a range, both ends among them; whole numbers stay whole."""
    start, stop = (_number(name, raw.get(key), where, key) for key in ("from", "to"))
    twice = ("step", "num") if {"step", "num"} <= raw.keys() else ("step", "log") if "step" in raw and raw.get("log") else None
    if twice:
        raise UsageError(f"{where}: the range of {show(name)} has both {' and '.join(twice)}", hint="keep one of them")
    if "step" in raw:
        return _stepped(name, (start, stop), _number(name, raw["step"], where, "step"), where)
    num, log = raw.get("num"), raw.get("log", False)
    if not isinstance(num, int) or isinstance(num, bool) or not 2 <= num <= MAX_VALUES:
        raise UsageError(f"{where}: num of {show(name)} is no number from 2 to {MAX_VALUES}", hint="num: 5, or step: 0.1")
    if not isinstance(log, bool):
        raise UsageError(f"{where}: log of {show(name)} is neither true nor false", hint="log: true")
    if log and not (start > 0 and stop > 0):
        raise UsageError(f"{where}: a range with log needs ends above zero: {show(name)}", hint="leave log out")
    parts = [index / (num - 1) for index in range(num)]
    found = [start ** (1 - part) * stop**part if log else start * (1 - part) + stop * part for part in parts]
    found[0], found[-1] = start, stop
    whole = all(isinstance(raw[key], int) for key in ("from", "to"))
    return [_tidy(value, whole) for value in found]


def _stepped(name: str, ends: tuple[float, float], step: float, where: str) -> list[float | int]:
    start, stop = ends
    count = (stop - start) / step if step else -1.0
    if not 0 <= count < MAX_VALUES:
        problem = f"does not lead from {start:g} to {stop:g}" if not count > 0 else f"makes more than {MAX_VALUES} values"
        raise UsageError(f"{where}: step of {show(name)} {problem}", hint="step: 0.1")
    return [_tidy(start + step * index, whole=True) for index in range(int(count + 1e-9) + 1)]


def _tidy(value: float, whole: bool) -> float | int:
    """Without the dust of floating point: 0.1, not 0.10000000000000002."""
    value = float(f"{value:.12g}")
    return int(value) if whole and value == int(value) else value


def _number(name: str, value: Any, where: str, key: str) -> float:
    number = number_of(value)
    if number is None or abs(number) == float("inf") or number != number:
        raise UsageError(f"{where}: {key} of {show(name)} is no number", hint=f"{name}: {{from: 0.001, to: 0.1, num: 3}}")
    return number
